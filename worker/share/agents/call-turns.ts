/** Which calls run on each agent that takes only so many at a time (`--max-calls`), and which wait for their turn there. In memory, with a timer only for what waits. */
import type { Call } from '../../../protocol/frame.ts'
import type { RootOf } from '../../contract/trust/principals.ts'
import { AGENT_TURN_WAIT_MS, MAX_QUEUED_BYTES, MAX_QUEUED_CALLS, MAX_QUEUED_CALLS_OF_ONE } from '../../routing-limits.ts'
import type { AgentLink } from './agent-link.ts'

/** A call that is to be sent, whose it is, and what sends it. */
export interface ReadyCall {
  readonly call: Call
  readonly principal: string
  /** Bytes that are kept while it waits. */
  readonly bytes: number
  readonly start: () => void
  /** The agent may have it already: then it must go there, whoever else waits. */
  readonly mayBeThere: boolean
  /** Whether all that is to be sent is at hand. */
  readonly isWhole: boolean
}

/** Why a call was not sent. */
export type UnsentCode = 'AGENT_BUSY' | 'CANCELLED'

interface Parts {
  /** Keys of the calls that somebody waits for on the agent of this name. */
  readonly awaited: (agent: string) => readonly string[]
  readonly rootOf: RootOf
  /** Whether anybody waits for the answer of a call still. */
  readonly isWanted: (call: Call) => boolean
  /** A call was not sent, and will not be. */
  readonly refused: (call: Call, code: UnsentCode) => void
  /** A call was not sent, and may be made anew: its agent has gone. */
  readonly givenBack: (call: Call) => void
}

interface Waiting extends ReadyCall {
  /** As whom it counts. */
  readonly root: string
  readonly timer: ReturnType<typeof setTimeout>
}

/** What goes on on one link. */
interface Room {
  /** The calls that were sent and have not ended, by key, and as whom each counts. */
  readonly running: Map<string, string>
  /** Those of them that were sent before this was counted: of these an end may have gone unnoticed. */
  readonly recalled: Set<string>
  waiting: readonly Waiting[]
}

export class CallTurns {
  readonly #parts: Parts
  readonly #rooms = new WeakMap<WebSocket, Room>()
  /** Of all that waits. */
  #bytes = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Whether a call would have to wait on this agent. */
  isFull(link: AgentLink): boolean {
    if (link.maxCalls === undefined) return false
    const room = this.#roomOf(link)
    return room.waiting.length > 0 || !this.#hasRoom(link, room)
  }

  /** Sends a call now or in its turn, or refuses it: at once where too many wait or it is not whole, else after AGENT_TURN_WAIT_MS. */
  take(link: AgentLink, ready: ReadyCall): void {
    const { call, principal, isWhole } = ready
    const room = this.#roomOf(link, call.key)
    // Its Worker calls again.
    this.#withdraw(room, ({ call: { key } }) => key === call.key)
    const root = this.#parts.rootOf(principal)
    const isFirst = room.waiting.length === 0 && this.#hasRoom(link, room)
    if (isFirst || ready.mayBeThere || room.running.has(call.key)) return start(room, ready, root)
    if (!isWhole || !this.#mayWait(room, ready, root)) return this.#parts.refused(call, 'AGENT_BUSY')
    const timer = setTimeout(() => this.#refuse(room, call, 'AGENT_BUSY'), AGENT_TURN_WAIT_MS)
    room.waiting = [...room.waiting, { ...ready, root, timer }]
    this.#bytes += ready.bytes
  }

  /** A call has ended on the agent: the next has its turn. */
  ended(link: AgentLink, key: string): void {
    const room = this.#rooms.get(link.socket)
    if (room === undefined || !room.running.delete(key)) return
    room.recalled.delete(key)
    while (room.waiting.length > 0 && this.#hasRoom(link, room)) {
      const next = nextOf(room)
      this.#withdraw(room, (one) => one === next)
      if (next !== undefined && this.#parts.isWanted(next.call)) start(room, next, next.root)
    }
  }

  /** The call of this tag was cancelled. One that has not been sent never is. */
  cancelled(link: AgentLink, ch: string, tag: string): void {
    const room = this.#rooms.get(link.socket)
    const found = room?.waiting.find(({ call }) => call.ch === ch && call.tag === tag)
    if (room !== undefined && found !== undefined) this.#refuse(room, found.call, 'CANCELLED')
  }

  /** The agent takes nothing new, or is gone: what waits is made anew. */
  closed(link: AgentLink): void {
    const room = this.#rooms.get(link.socket)
    this.#rooms.delete(link.socket)
    if (room === undefined) return
    const { waiting } = room
    this.#withdraw(room, () => true)
    for (const { call } of waiting) this.#parts.givenBack(call)
  }

  #refuse(room: Room, call: Call, code: UnsentCode): void {
    this.#withdraw(room, (one) => one.call === call)
    this.#parts.refused(call, code)
  }

  #withdraw(room: Room, isMeant: (one: Waiting) => boolean): void {
    for (const one of room.waiting) {
      if (!isMeant(one)) continue
      clearTimeout(one.timer)
      this.#bytes -= one.bytes
      room.waiting = room.waiting.filter((other) => other !== one)
    }
  }

  #mayWait({ waiting }: Room, { bytes }: ReadyCall, root: string): boolean {
    if (waiting.length >= MAX_QUEUED_CALLS || this.#bytes + bytes > MAX_QUEUED_BYTES) return false
    return waiting.filter((one) => one.root === root).length < MAX_QUEUED_CALLS_OF_ONE
  }

  #hasRoom({ name, maxCalls = Infinity }: AgentLink, { running, recalled }: Room): boolean {
    if (running.size < maxCalls || recalled.size === 0) return running.size < maxCalls
    const awaited = new Set(this.#parts.awaited(name))
    for (const key of recalled) {
      if (awaited.has(key)) continue
      recalled.delete(key)
      running.delete(key)
    }
    return running.size < maxCalls
  }

  /** What is known of a link; after sleep, or on a new link of the same agent, what somebody waits for. `fresh`: of a call that is only now to be sent. */
  #roomOf({ socket, name }: AgentLink, fresh?: string): Room {
    const known = this.#rooms.get(socket)
    if (known !== undefined) return known
    const recalled = this.#parts.awaited(name).filter((key) => key !== fresh)
    const room: Room = { running: new Map(recalled.map((key) => [key, ''])), recalled: new Set(recalled), waiting: [] }
    this.#rooms.set(socket, room)
    return room
  }
}

function start({ running }: Room, { call, start: send }: ReadyCall, root: string): void {
  running.set(call.key, root)
  send()
}

/** Whose turn it is: the first that waits of who has least running. */
function nextOf({ running, waiting }: Room): Waiting | undefined {
  const counts = new Map<string, number>()
  for (const root of running.values()) counts.set(root, (counts.get(root) ?? 0) + 1)
  const countOf = ({ root }: Waiting): number => counts.get(root) ?? 0
  const [first, ...others] = waiting
  return first === undefined ? undefined : others.reduce((best, one) => (countOf(one) < countOf(best) ? one : best), first)
}
