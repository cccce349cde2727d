/** Keeps the order on streams that go on: what is missing there comes first, sent again for them, and what is new comes behind it. */
import type { Answer } from '../../../protocol/frame.ts'
import type { Streams } from '../clients/streams.ts'
import type { Message, Routing, Target } from './routing.ts'

type SocketsTarget = Extract<Target, { kind: 'sockets' }>

export class SentAgain {
  readonly #streams: Streams
  readonly #routing: Routing
  readonly #askAgain: (socket: WebSocket) => void

  /** `askAgain` has what is missing on a listening stream asked for once more. */
  constructor(streams: Streams, routing: Routing, askAgain: (socket: WebSocket) => void) {
    this.#streams = streams
    this.#routing = routing
    this.#askAgain = askAgain
  }

  /** Where a message goes that would go to `target` if no client had come back for a stream. */
  target({ to, ch, ra }: Answer | Message, target: Target): Target {
    if (to !== undefined) {
      const again = this.#routing.againTarget(to, target)
      if (again.kind === 'sockets') this.#caughtUp(again)
      return again
    }
    if (target.kind !== 'sockets') return target
    // It was sent before the agent was asked for what is missing, and will come again in its order.
    if (target.sockets.some((socket) => this.#isFollowed(socket, ch, ra))) return { kind: 'drop' }
    const behind = target.sockets.filter((socket) => this.#isBehind(socket, ch))
    if (behind.length === 0) return target
    behind.forEach((socket) => this.#askAgain(socket))
    const ready = target.sockets.filter((socket) => !behind.includes(socket))
    return ready.length === 0 ? { kind: 'drop' } : { ...target, sockets: ready }
  }

  /** Whether all that comes for a stream is marked with it. */
  #isFollowed(socket: WebSocket, ch: string, ra: string | undefined): boolean {
    const { kind, group, session, resume } = this.#streams.attachmentOf(socket) ?? {}
    if (resume?.ch !== ch) return false
    return kind === 'call' || (kind === 'listen' && group === session && ra === undefined)
  }

  /**
   * Whether something may be missing on a listening stream before what a child that serves others too says now. If nothing is, a replay
   * has no answer, by which that could be told: so this is asked for with the rest.
   */
  #isBehind(socket: WebSocket, ch: string): boolean {
    const { kind, group, session, resume } = this.#streams.attachmentOf(socket) ?? {}
    return kind === 'listen' && group !== session && resume?.ch === ch && resume.stage !== 'caught-up'
  }

  /** What is missing on a listening stream has begun to come. */
  #caughtUp({ sockets }: SocketsTarget): void {
    for (const socket of sockets) {
      const { kind, group, session, resume } = this.#streams.attachmentOf(socket) ?? {}
      if (kind !== 'listen' || group === session || resume === undefined || resume.stage === 'caught-up') continue
      this.#streams.markResume(socket, { ...resume, stage: 'caught-up' })
    }
  }
}
