/** Keeps the order on streams that go on: what is missing there comes first, sent again for them, and what is new comes behind it. */
import type { Answer } from '../../../protocol/frame.ts'
import { decodeReturnAddress } from '../../contract/return-address.ts'
import type { Streams } from '../clients/streams.ts'
import type { Message, Routing, Target } from './routing.ts'

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
  target(header: Answer | Message, target: Target): Target {
    const { to } = header
    if (to !== undefined) {
      // Also by what is not for this stream: what is sent again comes in its order, and what is new behind it.
      for (const socket of this.#routing.againSockets(decodeReturnAddress(to))) this.#caughtUp(socket)
      const again = this.#routing.againTarget(to, target)
      if (again.kind !== 'drop' || !isUnclear(header)) return again
    }
    if (target.kind !== 'sockets') return target
    // It was sent before the agent was asked for what is missing, and will come again in its order.
    if (target.sockets.some((socket) => this.#isFollowed(socket, header))) return { kind: 'drop' }
    const ready = target.sockets.filter((socket) => !this.#isBehind(socket, header))
    if (ready.length === target.sockets.length) return target
    return ready.length === 0 ? { kind: 'drop' } : { ...target, sockets: ready }
  }

  /** Whether all that comes for a stream is marked with it. */
  #isFollowed(socket: WebSocket, { ch, ra }: Answer | Message): boolean {
    const { kind, group, session, resume } = this.#streams.attachmentOf(socket) ?? {}
    if (resume?.ch !== ch) return false
    return kind === 'call' || (kind === 'listen' && group === session && ra === undefined)
  }

  /**
   * Whether something may be missing on a listening stream before what comes now without its mark: of a child that serves others too, or
   * perhaps for a call. If nothing is, a replay has no answer, by which that could be told: so this is asked for with the rest, unless
   * the client has seen it.
   */
  #isBehind(socket: WebSocket, { ch, n }: Answer | Message): boolean {
    const { kind, resume } = this.#streams.attachmentOf(socket) ?? {}
    if (kind !== 'listen' || resume?.ch !== ch || resume.stage === 'caught-up') return false
    if (n > resume.after) this.#askAgain(socket)
    return true
  }

  /** What is missing on a listening stream has begun to come. */
  #caughtUp(socket: WebSocket): void {
    const { kind, resume } = this.#streams.attachmentOf(socket) ?? {}
    if ((kind !== 'listen' && kind !== 'session') || resume === undefined || resume.stage === 'caught-up') return
    this.#streams.markResume(socket, { ...resume, stage: 'caught-up' })
  }
}

/** Whether it is perhaps of a call: marked with that one's stream it may be for the session's all the same, and new there. What it has had its Worker drops. */
function isUnclear(header: Answer | Message): boolean {
  return header.type !== 'answer' && header.ra !== undefined && header.sure !== true
}
