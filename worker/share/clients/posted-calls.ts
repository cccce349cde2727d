/**
 * Keeps the requests of calls over HTTP+SSE that are under way, since whoever has posted them has none of them any more, and has the Worker
 * of the session's stream make one again; those that this makes itself it has the Worker of the next stream make. In memory, within MAX_POSTED_BYTES: of what it does not keep, or has slept over, clients are told how it failed.
 */
import type { Failure } from '../../../protocol/errors.ts'
import { sessionFailureFrame } from '../../contract/failure-frame.ts'
import { itself, type RootOf } from '../../contract/trust/principals.ts'
import type { SessionCallRequest } from '../../contract/share-rpc.ts'
import type { MadeBefore, StreamControl } from '../../contract/streams.ts'
import { MAX_POSTED_BYTES, POSTED_CALL_BYTES } from '../../routing-limits.ts'
import { PostedFailures } from './posted-failures.ts'
import type { Streams } from './streams.ts'

/** What the Worker of a session's stream makes a call of. */
export type HandedOnRequest = Pick<SessionCallRequest, 'session' | 'principal' | 'key' | 'body' | 'authorization'>

/** `agent`: that has it; undefined of one that was handed on to the Worker of its session's stream. `isOnce`: it cannot be made again, and has no body here. `isHeld`: it has answered, and keeps that for the session's next stream. `root`: as whom its client counts. */
type PostedCall = { readonly root: string } & (
  | { readonly request: SessionCallRequest; readonly agent: string; readonly isOnce: boolean; readonly isHeld?: true }
  | { readonly request: HandedOnRequest; readonly agent: undefined }
)

const NO_BODY = new Uint8Array(0)
const decoder = new TextDecoder()

export class PostedCalls {
  readonly #streams: Pick<Streams, 'listener'>
  readonly #rootOf: RootOf
  readonly #failures = new PostedFailures()
  /** By key, oldest first. */
  readonly #calls = new Map<string, PostedCall>()
  #bytes = 0

  constructor(streams: Pick<Streams, 'listener'>, rootOf: RootOf = itself) {
    this.#streams = streams
    this.#rootOf = rootOf
  }

  /**
   * A call goes to this agent, and is answered on its session's stream. One whose body comes in parts cannot be made again, nor one that is resent: what
   * says that it has not run does not know of the try before, which may have been with another agent.
   */
  keep(request: SessionCallRequest, agent: string): void {
    const { key, body, size, isResend } = request
    this.#remove(key)
    const isOnce = body.length < size || isResend === true
    const kept = isOnce ? { ...request, body: NO_BODY } : request
    this.#keep({ request: kept, agent, isOnce, root: this.#rootOf(request.principal) })
  }

  /** A call is handed on to the Worker of its session's stream, and again to that of the next one, until it is answered. Whose initialize was lost begins anew. */
  keepHandedOn(request: HandedOnRequest & { readonly method?: string }): void {
    this.#remove(request.key)
    if (request.method !== 'initialize') this.#keep({ request, agent: undefined, root: this.#rootOf(request.principal) })
  }

  /** Whether anything is kept under this key. */
  has(key: string): boolean {
    return this.#calls.has(key)
  }

  /** Those of a session that were handed on, oldest first. */
  handedOn(session: string): readonly HandedOnRequest[] {
    return [...this.#calls.values()].flatMap(({ request, agent }) => (agent === undefined && request.session === session ? [request] : []))
  }

  #keep(call: PostedCall): void {
    const { key } = call.request
    this.#calls.set(key, call)
    this.#bytes += costOf(call.request)
    while (this.#bytes > MAX_POSTED_BYTES) this.#dropOldest(call.root, key)
  }

  /** One that an agent has, and that can be made again. */
  get(key: string): SessionCallRequest | undefined {
    const call = this.#calls.get(key)
    return call?.agent === undefined || call.isOnce ? undefined : call.request
  }

  /** Those that an agent has. */
  of(agent: string): readonly SessionCallRequest[] {
    return [...this.#calls.values()].flatMap((call) => (call.agent === agent && call.isHeld !== true ? [call.request] : []))
  }

  /** A call that an agent has is answered, or has failed for good. */
  drop(key: string): void {
    if (this.#calls.get(key)?.agent !== undefined) this.#remove(key)
  }

  /** The same of one that was handed on. */
  dropHandedOn(key: string): void {
    if (this.#calls.get(key)?.agent === undefined) this.#remove(key)
  }

  /** The agent that has a call is lost: its client is told so on the session's stream, and once more on the next one. */
  fail(key: string, failure: Failure): void {
    const call = this.#calls.get(key)
    if (call?.agent === undefined) return
    this.#remove(key)
    const { session } = call.request
    const frame = sessionFailureFrame(call.request, failure)
    this.#streams.listener(session)?.send(frame)
    this.failed(session, key, frame)
  }

  /** A call has failed, and its client is told by this frame if its session has a stream. */
  failed(session: string, key: string, frame: Uint8Array): void {
    this.#failures.note(session, key, frame, Date.now())
  }

  /** A session has another stream: tells on it what the one before may not have brought. */
  tellFailures(session: string): void {
    for (const frame of this.#failures.of(session, Date.now())) this.#streams.listener(session)?.send(frame)
  }

  /** The agent that has a call keeps its answer until the session has a stream. */
  hold(key: string): void {
    const call = this.#calls.get(key)
    if (call?.agent === undefined) return
    this.#remove(key)
    this.#keep({ ...call, request: { ...call.request, body: NO_BODY }, isOnce: true, isHeld: true })
  }

  /** An agent is lost, and the answers with it that it has kept. */
  failHeld(agent: string, failure: Failure): void {
    for (const [key, call] of this.#calls) if (call.agent === agent && call.isHeld === true) this.fail(key, failure)
  }

  /** A session has ended. */
  dropOf(session: string): void {
    for (const [key, { request }] of this.#calls) if (request.session === session) this.#remove(key)
  }

  /** Forgets everything. */
  forget(): void {
    this.#calls.clear()
    this.#failures.forget()
    this.#bytes = 0
  }

  /** Has a call made again; false when it is not kept, or nobody holds its session's stream. */
  makeAgain(key: string, before: MadeBefore): boolean {
    const request = this.get(key)
    const listener = request === undefined ? undefined : this.#streams.listener(request.session)
    if (request === undefined || listener === undefined) return false
    this.keepHandedOn(request)
    listener.send(JSON.stringify(handOver(request, before)))
    return true
  }

  #remove(key: string): void {
    const call = this.#calls.get(key)
    if (call === undefined) return
    this.#calls.delete(key)
    this.#bytes -= costOf(call.request)
  }

  /** Whoever brings one more loses its own oldest; the oldest of all goes where it has no other. */
  #dropOldest(root: string, newest: string): void {
    const [oldest] = this.#calls.keys()
    for (const [key, call] of this.#calls) if (call.root === root && key !== newest) return this.#remove(key)
    if (oldest !== undefined) this.#remove(oldest)
  }
}

/** What tells the Worker of a session's stream to make a call. `before`: how it was made under its key. */
export function handOver({ principal, key, body, authorization }: HandedOnRequest, before?: MadeBefore): StreamControl {
  const shown = authorization === undefined ? {} : { shown: { principal, authorization } }
  return { type: 'translate', key, body: decoder.decode(body), ...(before === undefined ? {} : { before }), ...shown }
}

/** The body, what else the request holds of it, and the rest. */
function costOf({ body }: HandedOnRequest): number {
  return 2 * body.length + POSTED_CALL_BYTES
}
