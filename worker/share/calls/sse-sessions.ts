/** Sessions over HTTP+SSE, where everything goes out on the session's one stream: tells the Worker that holds it what will come. */
import { isServerRefusal } from '../../../protocol/errors.ts'
import { failureOf } from '../../../protocol/failed-frame.ts'
import type { Failed } from '../../../protocol/frame.ts'
import { sessionFailureFrame } from '../../contract/failure-frame.ts'
import { decodeReturnAddress } from '../../contract/return-address.ts'
import type { CallOutcome, KeepOrder, SessionCallRequest } from '../../contract/share-rpc.ts'
import type { StreamControl } from '../../contract/streams.ts'
import { MAX_RPC_WAIT_MS, PROBED_MS } from '../../limits.ts'
import { pause, within } from '../../within.ts'
import type { AgentLink } from '../agents/agent-link.ts'
import type { Session } from '../rows/session-rows.ts'
import { handOver, type PostedCalls } from '../clients/posted-calls.ts'
import type { Streams } from '../clients/streams.ts'
import { failed } from './outcomes.ts'

const decoder = new TextDecoder()
const ACCEPTED: CallOutcome = { kind: 'accepted' }
const PROBE = JSON.stringify({ type: 'probe' } satisfies StreamControl)

export class SseSessions {
  readonly #streams: Streams
  readonly #postedCalls: PostedCalls
  /** Posts that wait until it is known whether the server takes their call from whom it comes, by the call's key. */
  readonly #posts = new Map<string, (outcome: CallOutcome) => void>()

  constructor(streams: Streams, postedCalls: PostedCalls) {
    this.#streams = streams
    this.#postedCalls = postedCalls
  }

  /** Whether the session's stream is open: what is posted while it is not would be answered to nobody. */
  isHeard({ id }: Pick<Session, 'id'>): boolean {
    return this.#streams.listener(id) !== undefined
  }

  /**
   * What a post is told of its call: that it is accepted once the stream, on which its client looks for the answer, has proved to be alive. That a
   * connection is gone is found out by writing to it alone: the first write makes it say so, and the next one fails.
   */
  async heard(session: string, made: Promise<CallOutcome>): Promise<CallOutcome> {
    const outcome = await made
    if (outcome.kind !== 'accepted') return outcome
    for (let writes = 0; writes < 2; writes++) {
      this.#streams.listener(session)?.send(PROBE)
      await pause(PROBED_MS / 2)
    }
    return this.#streams.listener(session) === undefined ? { kind: 'unheard' } : outcome
  }

  /**
   * A call goes to this agent. Where that passes on what clients show it is waited until it is taken: refused for whom it comes from, it fails as
   * the post does. On its stream a client would take that for the server's last word, and would not sign in.
   */
  posted(key: string, { passesAuth }: Pick<AgentLink, 'passesAuth'>): CallOutcome | Promise<CallOutcome> {
    return passesAuth ? this.#taking(key) : ACCEPTED
  }

  async #taking(key: string): Promise<CallOutcome> {
    const { promise, resolve } = Promise.withResolvers<CallOutcome>()
    this.#posts.set(key, resolve)
    const outcome = await within(MAX_RPC_WAIT_MS, promise)
    this.#posts.delete(key)
    return outcome ?? ACCEPTED
  }

  /** These calls are taken, or answered already. */
  taken(keys: readonly string[]): void {
    for (const key of keys) this.#posts.get(key)?.(ACCEPTED)
  }

  /** A call has failed. True when its client is told by its post, and by nothing else. */
  refused(failure: Failed): boolean {
    const post = this.#posts.get(failure.key)
    if (post === undefined) return false
    // One that was made again meanwhile is waited for by the Worker of the session's stream.
    const isRefusal = isServerRefusal(failure.code) && decodeReturnAddress(failure.ra)?.to === 'session'
    post(isRefusal ? failed(failureOf(failure)) : ACCEPTED)
    if (isRefusal) this.#postedCalls.drop(failure.key)
    return isRefusal
  }

  /** Puts an outcome that the relay has found by itself onto the stream; any other is returned, for the Worker of the POST. */
  tell({ session, key, rawId, method, revision }: SessionCallRequest, outcome: CallOutcome): CallOutcome {
    const listener = this.#streams.listener(session)
    const tell = (control: StreamControl): CallOutcome => {
      listener?.send(JSON.stringify(control))
      return { kind: 'accepted' }
    }
    switch (outcome.kind) {
      case 'result':
        return tell({ type: 'answer', rawId, result: outcome.result })
      case 'initialized': {
        const answer = decoder.decode(outcome.answer)
        return tell({ type: 'initialized', rawId, answer, ...(revision === undefined ? {} : { revision }) })
      }
      case 'standby': {
        const standby = { ...outcome, answer: decoder.decode(outcome.answer) }
        return tell({ type: 'standby', rawId, method, standby, ...(revision === undefined ? {} : { revision }) })
      }
      case 'failed': {
        // Many failures have a 2xx status, and clients do not look into the body of a POST that has succeeded.
        listener?.send(sessionFailureFrame({ session, key, rawId }, { executed: 'no', ...outcome.failure }))
        return listener === undefined ? outcome : { kind: 'accepted' }
      }
      default:
        return outcome
    }
  }

  /** A call of this agent begins: it is kept, and the stream's Worker keeps note of it. `listed`: digest of what is kept as the answer, see StandbyAnswers. */
  announce(request: SessionCallRequest, agent: string, restarted: boolean, listed: string | undefined): void {
    this.#postedCalls.keep(request, agent)
    const { session, key, method, cursor, rawId, rawToken } = request
    const pending: StreamControl = {
      type: 'pending',
      key,
      method,
      rawId,
      restarted,
      agent,
      ...(rawToken === undefined ? {} : { rawToken }),
      ...(listed === undefined ? {} : { standby: { ...(cursor === undefined ? {} : { cursor }), listed } }),
    }
    this.#streams.listener(session)?.send(JSON.stringify(pending))
  }

  /** The Worker that holds the stream makes the call: only it can ask the client meanwhile, as for a child of the other era, or wait for the owner. */
  translate(request: SessionCallRequest): CallOutcome {
    const listener = this.#streams.listener(request.session)
    if (listener === undefined) return { kind: 'away', isExpected: true }
    if (request.size > request.body.length)
      return failed({ code: 'BODY_TOO_LARGE', detail: 'a request over HTTP+SSE to this server may have 1 MiB' })
    this.#postedCalls.keepHandedOn(request)
    // The Worker of another stream may have it from a post before.
    listener.send(JSON.stringify(handOver(request, request.isResend === true ? 'sent' : undefined)))
    return ACCEPTED
  }

  /** A session's stream is there again: the calls that the Worker of the one before was to make, and has let go, are handed on to this one's. */
  async returned(session: string): Promise<void> {
    this.#postedCalls.tellFailures(session)
    if (this.#postedCalls.handedOn(session).length === 0) return
    // The Worker of a stream that is replaced hears of that first.
    await pause(PROBED_MS)
    const listener = this.#streams.listener(session)
    for (const request of this.#postedCalls.handedOn(session)) listener?.send(JSON.stringify(handOver(request, 'sent')))
  }

  /** The Worker of a stream that has ended lets a call go that it was to make; the object may have slept since it has handed that on, and the next stream may be there. */
  letGo({ request, ...caller }: KeepOrder): void {
    if (this.#postedCalls.has(caller.key)) return
    const handedOn = { ...caller, body: request }
    this.#postedCalls.keepHandedOn(handedOn)
    this.#streams.listener(caller.session)?.send(JSON.stringify(handOver(handedOn, 'sent')))
  }

  /** The answers of these calls, which were handed on, have reached their client. */
  answered(keys: readonly string[]): void {
    for (const key of keys) this.#postedCalls.dropHandedOn(key)
  }
}
