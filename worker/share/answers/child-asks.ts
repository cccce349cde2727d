/** Finds out whose a request of a child of the handshake era is, where the child does not tell, and puts it to that client or refuses it. */
import type { Ask } from '../../../protocol/frame.ts'
import { encodeFrame } from '../../../protocol/frame-codec.ts'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { refusalText, resultIn, resultText, rootsRequest } from '../../bridge/input/asks.ts'
import { randomKey } from '../../call-key.ts'
import { groupOf } from '../../contract/groups.ts'
import type { AskAnswer, ParkedRow, RetryInput } from '../../contract/share-rpc.ts'
import { MAX_UNDECIDED_ASKS, ROOTS_IN_LIST_MS, UNDECIDED_ASK_MS } from '../../asking-limits.ts'
import { GATHER_MS } from '../../limits.ts'
import type { Askers, RunningAsker } from '../children/askers.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { GroupRoots } from '../children/group-roots.ts'
import type { Turns } from '../children/turns.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'
import type { ClientFrames } from './client-frames.ts'
import { sendFrame } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly clientFrames: ClientFrames
  readonly askers: Askers
  readonly roots: GroupRoots
  readonly turns: Turns
}

/** A request that may be of any of several calls. */
interface Undecided {
  readonly header: Ask
  readonly frame: Uint8Array
  readonly bodyBytes: number
  /** Those that ran when it came, and have not been answered. */
  readonly calls: Map<string, RunningAsker>
  readonly timer: ReturnType<typeof setTimeout>
}

const encoder = new TextEncoder()

export class ChildAsks {
  readonly #parts: Parts
  readonly #undecided = new Set<Undecided>()
  /** The call whose client was last asked for something certain, and when. */
  #lastAsked: { readonly key: string; readonly atMs: number } | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A request for roots, or one whose call is not certain. Returns the key of the call that the caller must pass it on to, if there is one. */
  receive(header: Ask, frame: Uint8Array, body: Uint8Array, callKey: string | undefined): string | undefined {
    if (header.method === 'roots/list') {
      this.#hearRoots(header, callKey)
      return undefined
    }
    const { askers, store, turns } = this.#parts
    const group = groupOf(header.ch)
    const running = askers.running(group)
    const parked = store.bridge.parkedOn(header.ch)
    const isDoubtful = turns.isDoubtful(group, Date.now())
    const [only] = running
    if (only !== undefined && running.length === 1 && parked.length === 0 && !isDoubtful) {
      askers.note(only.key)
      return only.key
    }
    const mayWait = running.length > 0 && body.length === header.size && this.#undecided.size < MAX_UNDECIDED_ASKS
    if (mayWait && !isDoubtful) this.#wait({ header, frame, bodyBytes: body.length }, running, parked)
    else this.#refuse(header, running)
    return undefined
  }

  /** A request that is certainly a call's own goes to its client. */
  passed(key: string, nowMs: number): void {
    this.#lastAsked = { key, atMs: nowMs }
    this.#parts.askers.note(key)
  }

  /** A call was answered, and so is none that waits for an answer of its client. */
  answered(key: string): void {
    this.#parts.askers.answered(key)
    for (const undecided of this.#undecided) {
      if (!undecided.calls.delete(key) || undecided.calls.size !== 1) continue
      const [remaining] = undecided.calls.keys()
      this.#end(undecided)
      if (remaining === undefined || !this.#give(remaining, undecided.header, undecided.frame, undecided.bodyBytes))
        this.#refuse(undecided.header, [])
      else this.#parts.askers.note(remaining)
    }
  }

  /** Whether a call must be put off: its client is asked first for the roots that the child wants to know, on the stream of the call. */
  mustTellRoots(ch: string, canTell: boolean): boolean {
    const { roots } = this.#parts
    if (roots.waiting(ch).length === 0) return false
    if (canTell) return !roots.isAsking(ch, Date.now())
    for (const rawId of roots.waiting(ch)) this.#settle(ch, rawId, refusalText(rawId, 'roots/list'))
    return false
  }

  /** Puts the newest request for roots to the client of a call that waits or runs. */
  askRoots(ch: string, key: string): void {
    const rawId = this.#parts.roots.waiting(ch).at(-1)
    const body = encoder.encode(rootsRequest(rawId ?? '0'))
    const facts = scanMessage(body)
    if (rawId === undefined || !facts.ok || facts.value.id === undefined) return
    // It stands for a message of the child that is gone: number and total are nobody's.
    const place = { ch, n: 1, at: 0, size: body.length }
    const header = { type: 'ask', ...place, method: 'roots/list', id: facts.value.id.span, rawId } as const
    if (this.#give(key, header, encodeFrame(header, body), 0)) this.#parts.roots.asking(ch, key, rawId, Date.now())
  }

  /** A retry brings answers for the child. What it says of roots holds for all requests that wait for them. */
  told({ channel, asks }: ParkedRow, responses: RetryInput['responses']): void {
    const { roots } = this.#parts
    for (const { rawId, method } of asks) {
      const response = responses.find((one) => one.rawId === rawId)
      const result = response === undefined || method !== 'roots/list' ? undefined : resultIn(response.body)
      if (result === undefined) continue
      roots.keep(channel, result, Date.now())
      roots.settle(channel, rawId)
      for (const other of roots.waiting(channel)) this.#settle(channel, other, resultText(other, result))
    }
  }

  /** A Worker has answered the child by itself. */
  settled({ ch, rawId }: Pick<AskAnswer, 'ch' | 'rawId'>): void {
    this.#parts.roots.settle(ch, rawId)
  }

  #hearRoots({ ch, rawId, method }: Ask, callKey: string | undefined): void {
    const { roots, askers } = this.#parts
    const nowMs = Date.now()
    // A client that is being asked in this very round is asked for its roots as well: that costs nothing, and the answer is new.
    const asked = this.#lastAsked
    const isInRound = asked !== undefined && asked.key === callKey && nowMs - asked.atMs <= GATHER_MS
    const known = isInRound ? undefined : roots.answerFor(ch, nowMs)
    if (known !== undefined) return this.#respond(ch, rawId, resultText(rawId, known))
    if (roots.hasNone(ch)) return this.#respond(ch, rawId, refusalText(rawId, method))
    const isAsking = roots.isAsking(ch, nowMs)
    const displaced = roots.wait(ch, rawId)
    if (displaced !== undefined) this.#settle(ch, displaced, refusalText(displaced, method))
    if (isAsking) return
    const running = askers.running(groupOf(ch))
    const carrier = running.find(({ key }) => key === callKey) ?? running[0]
    if (carrier !== undefined) this.askRoots(ch, carrier.key)
    else this.#mindLists(ch, rawId)
  }

  /** A list may be waiting for this. Nobody can be asked on it, and its client makes no other call before it has the list. */
  #mindLists(ch: string, rawId: string): void {
    const { askers, roots } = this.#parts
    const lists = askers.others(groupOf(ch))
    if (lists.length === 0) return
    setTimeout(() => {
      if (!roots.waiting(ch).includes(rawId) || roots.isAsking(ch, Date.now()) || !lists.some((key) => askers.isRunning(key))) return
      this.#settle(ch, rawId, refusalText(rawId, 'roots/list'))
    }, ROOTS_IN_LIST_MS)
  }

  #wait(ask: Omit<Undecided, 'calls' | 'timer'>, running: readonly RunningAsker[], parked: readonly { readonly key: string }[]): void {
    const calls = new Map(running.map((call) => [call.key, call]))
    // One that waits for its client may have asked for more; no name is suspected for that.
    for (const { key } of parked) calls.set(key, { key, asker: '' })
    const undecided = {
      ...ask,
      calls,
      timer: setTimeout(() => {
        this.#end(undecided)
        this.#refuse(undecided.header, [...calls.values()])
      }, UNDECIDED_ASK_MS),
    }
    this.#undecided.add(undecided)
  }

  #end(undecided: Undecided): void {
    clearTimeout(undecided.timer)
    this.#undecided.delete(undecided)
  }

  /** Passes a request on to the client of a call; false when that runs no more. */
  #give(key: string, { ch }: Ask, frame: Uint8Array, bodyBytes: number): boolean {
    const { waiters, streams, clientFrames, askers } = this.#parts
    if (!askers.isRunning(key)) return false
    const waiter = waiters.get(key)
    const socket = waiter === undefined ? streams.call(key) : undefined
    if (waiter !== undefined) clientFrames.toWaiter(waiter, frame, bodyBytes, false, false)
    else if (socket !== undefined) clientFrames.toSockets([socket], groupOf(ch), frame, bodyBytes)
    return true
  }

  /** Nobody can be asked. Calls of a name that may have asked get the child for themselves from now on. */
  #refuse({ ch, rawId, method }: Ask, calls: readonly RunningAsker[]): void {
    this.#parts.askers.suspect(
      groupOf(ch),
      calls.filter(({ asker }) => asker !== ''),
    )
    this.#respond(ch, rawId, refusalText(rawId, method))
  }

  #settle(ch: string, rawId: string, response: string): void {
    this.#parts.roots.settle(ch, rawId)
    this.#respond(ch, rawId, response)
  }

  #respond(ch: string, rawId: string, response: string): void {
    const link = this.#parts.channels.linkOf(ch)
    const body = encoder.encode(response)
    if (link !== undefined) sendFrame(link, { type: 'respond', ch, key: randomKey(), rawId, size: body.length }, body)
  }
}
