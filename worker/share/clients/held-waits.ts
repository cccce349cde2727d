/** Workers that wait, each on a socket, for the owner's decision about a call: the object may sleep while a person thinks. */
import type { Failure } from '../../../protocol/errors.ts'
import { canonicalId } from '../../../protocol/json/json-scan.ts'
import { STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import { Newest } from '../../newest.ts'
import { BUSY_LIMIT_RETRY_MS, MAX_DECIDED_APPROVALS, MAX_WAITS_OF_APPROVAL } from '../../trust-limits.ts'
import type { Streams } from './streams.ts'
import { closeQuietly } from '../agents/agent-link.ts'

/** What waits. `key`: of the call. `call`: of a session's, its client's raw id. */
interface HeldWait {
  readonly key: string
  /** Of the approval. */
  readonly id: string
  readonly link: string
  readonly principal: string
  readonly session: string | undefined
  readonly call: string | undefined
}

export class HeldWaits {
  readonly #streams: Streams
  readonly #isFullFor: (principal: string) => boolean
  /** Approvals that were decided, for whoever was told to wait just before. */
  readonly #decided = new Newest<true>(MAX_DECIDED_APPROVALS)

  /** `isFullFor`: whether no more calls of a principal may wait, for whatever. */
  constructor(streams: Streams, isFullFor: (principal: string) => boolean) {
    this.#streams = streams
    this.#isFullFor = isFullFor
  }

  /** Why one more call of a principal may not wait for this approval; undefined when it may. */
  refusal(id: string, principal: string): Failure | undefined {
    if (this.#streams.held(id).length >= MAX_WAITS_OF_APPROVAL)
      return { code: 'APPROVALS_FULL', executed: 'no', detail: `${MAX_WAITS_OF_APPROVAL} equal ones` }
    return this.#isFullFor(principal) ? { code: 'SHARE_BUSY', executed: 'no', retryAfterMs: BUSY_LIMIT_RETRY_MS } : undefined
  }

  /** Takes in the socket of a Worker; false when it may not wait, which it is told when it calls again. */
  open(socket: WebSocket, { key, id, link, principal, session, call }: HeldWait): boolean {
    if (this.refusal(id, principal) !== undefined) return false
    const ofSession = session === undefined ? {} : { session }
    this.#streams.accept(socket, {
      kind: 'held',
      link,
      key,
      group: '',
      principal,
      approval: id,
      ...ofSession,
      ...(call === undefined ? {} : { call: canonicalId(call) }),
    })
    if (this.#decided.get(id) !== undefined) this.#release(socket)
    return true
  }

  /** These are decided, or over: their Workers call again. */
  decided(ids: readonly string[]): void {
    for (const id of ids) {
      this.#decided.set(id, true)
      for (const socket of this.#streams.held(id)) this.#release(socket)
    }
  }

  /** The client of a session has cancelled a call, which it names by its own id. */
  cancel(session: string, rawId: string): void {
    for (const socket of this.#streams.heldOf(session)) {
      if (this.#streams.attachmentOf(socket)?.call === canonicalId(rawId))
        socket.send(JSON.stringify({ type: 'cancelled' } satisfies StreamControl))
    }
  }

  /** The client of a session has come back for a call, whose Worker waits: it is given up there. False when none does. */
  takeBack(session: string, key: string): boolean {
    const waiting = this.#streams.heldOf(session).filter((socket) => this.#streams.attachmentOf(socket)?.key === key)
    for (const socket of waiting) closeQuietly(socket, STREAM_CLOSE.REPLACED, 'its client has come back elsewhere')
    return waiting.length > 0
  }

  /** A session has ended. Its calls hear of it when they are made again. */
  end(session: string): void {
    for (const socket of this.#streams.heldOf(session)) this.#release(socket)
  }

  #release(socket: WebSocket): void {
    closeQuietly(socket, STREAM_CLOSE.AGAIN, 'call again')
  }
}
