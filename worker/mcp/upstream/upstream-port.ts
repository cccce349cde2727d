/** Sends one request to an upstream and says what its answer is: it is connected to nothing but the one URL, follows no redirect, and is told nothing of the client's but what is MCP. */
import type { ErrorCode, Failure } from '../../../protocol/errors.ts'
import { isObject } from '../../../protocol/json/json-object.ts'
import { CLOSE_OBJECT, skipSpace } from '../../../protocol/json/json-skip.ts'
import { memberNamed, membersAt, orUndefined } from '../../../protocol/policy/json-members.ts'
import type { UpstreamServer } from '../../access/upstream/upstream-server.ts'
import { parseCapped } from './bodies.ts'
import { MAX_UPSTREAM_ERROR_BYTES, MAX_UPSTREAM_RETRY_MS, MAX_UPSTREAM_SESSION_CHARS } from '../../upstream-limits.ts'
import { isJson as isJsonType } from '../request-headers.ts'
import { SESSION_HEADER } from '../session-id.ts'

/** What a request says beside its body. */
export interface UpstreamFields {
  readonly [name: string]: string
}

export interface UpstreamRequest {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly fields: UpstreamFields
  readonly body?: Uint8Array
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** How long it may take, in milliseconds. */
  readonly maxMs: number
  /** It asks for nothing: whatever comes, it was taken. */
  readonly isTold?: true
}

/** What has come. `stop`: there is no hurry any more. `session`: the id that the upstream has given. */
interface Came {
  readonly status: number
  readonly body: ReadableStream<Uint8Array>
  readonly session: string | undefined
  readonly deadline: Deadline
  /** Aborts when nobody waits for the rest any more, or the time is over. */
  readonly signal: AbortSignal
}

export type UpstreamAnswer =
  | (Came & { readonly kind: 'events' })
  | (Came & { readonly kind: 'json' })
  | { readonly kind: 'accepted' }
  /** A JSON-RPC error of the upstream's own, which is its client's to see. */
  | { readonly kind: 'refused'; readonly status: number; readonly body: Uint8Array }
  | { readonly kind: 'failed'; readonly failure: Failure }

/** The end of an upstream's time. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #timer: ReturnType<typeof setTimeout>
  #hasPassed = false

  constructor(ms: number) {
    this.#timer = setTimeout(() => {
      this.#hasPassed = true
      this.#controller.abort()
    }, ms)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get hasPassed(): boolean {
    return this.#hasPassed
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

/** By what network upstreams are reached. */
export type UpstreamNetwork = Pick<Fetcher, 'fetch'>

export class UpstreamPort {
  readonly #server: UpstreamServer
  readonly #network: UpstreamNetwork | undefined

  /** `network`: another than the one that everything else is reached by. */
  constructor(server: UpstreamServer, network: UpstreamNetwork | undefined) {
    this.#server = server
    this.#network = network
  }

  async ask({ method, fields, body, signal, maxMs, isTold }: UpstreamRequest): Promise<UpstreamAnswer> {
    const { url, headers } = this.#server
    const deadline = new Deadline(maxMs)
    const either = AbortSignal.any([signal, deadline.signal])
    const sending = body === undefined ? undefined : sendingOf(body)
    const init = {
      method,
      headers: { ...headers, ...fields },
      redirect: 'manual',
      signal: either,
      ...(sending === undefined ? {} : { body: sending.readable }),
    } as const
    let answer: UpstreamAnswer | undefined
    try {
      const response = await (this.#network === undefined ? fetch(new Request(url, init)) : this.#network.fetch(new Request(url, init)))
      answer = await answerOf(response, deadline, {
        hasSession: fields[SESSION_HEADER] !== undefined,
        isTold: isTold === true,
        signal: either,
      })
      return answer
    } catch {
      const executed = sending?.isWhole() === false ? 'no' : 'unknown'
      return { kind: 'failed', failure: { code: deadline.hasPassed ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNREACHABLE', executed } }
    } finally {
      if (answer?.kind !== 'events' && answer?.kind !== 'json') deadline.stop()
    }
  }
}

/**
 * A message whose closing brace goes out by itself, once the rest was taken: where nobody takes it, no server can have read it. So it shows that an
 * address was refused, of which the platform says no more than that the request has failed. What it has put into a buffer of its own counts as sent.
 */
function sendingOf(body: Uint8Array): { readonly readable: ReadableStream<Uint8Array>; readonly isWhole: () => boolean } {
  const { readable, writable } = new FixedLengthStream(body.length)
  const writer = writable.getWriter()
  const end = Math.max(0, body.lastIndexOf(CLOSE_OBJECT))
  let isWhole = false
  const send = async (): Promise<void> => {
    await writer.write(body.subarray(0, end))
    await writer.write(body.subarray(end))
    isWhole = true
    await writer.close()
  }
  // Its request has failed, or was answered before all of it was read.
  void send().catch(() => undefined)
  return { readable, isWhole: () => isWhole }
}

/** MCP 2025-11-25, basic/transports, session management. */
const SESSION_ID = new RegExp(`^[!-~]{1,${MAX_UPSTREAM_SESSION_CHARS}}$`)

async function answerOf(
  response: Response,
  deadline: Deadline,
  { hasSession, isTold, signal }: { readonly hasSession: boolean; readonly isTold: boolean; readonly signal: AbortSignal },
): Promise<UpstreamAnswer> {
  const { status, headers, body } = response
  if (status >= 200 && status < 300 && !isTold) return goodAnswer(response, { deadline, signal })
  if (status >= 200 && status < 300) {
    void body?.cancel().catch(() => undefined)
    return { kind: 'accepted' }
  }
  const said = await jsonErrorIn(response, signal)
  if (status >= 300 && status < 400) return failed('UPSTREAM_REDIRECTED', `status ${status}`)
  // Whoever signs in there is the relay: a challenge would lead its clients astray.
  if (status === 401 || status === 403 || status === 407) return failed('UPSTREAM_UNAUTHORIZED', `status ${status}`)
  if (status === 404 && hasSession) return { kind: 'failed', failure: { code: 'SESSION_NOT_FOUND' } }
  if (status === 405) return { kind: 'failed', failure: { code: 'METHOD_NOT_ALLOWED' } }
  if (status >= 400 && status < 500 && said !== undefined) return { kind: 'refused', status, body: said }
  const retryAfterMs = retryMs(headers.get('retry-after'))
  const failure: Failure = { code: 'UPSTREAM_HTTP_ERROR', executed: 'unknown', detail: `status ${status}` }
  return { kind: 'failed', failure: retryAfterMs === undefined ? failure : { ...failure, retryAfterMs } }
}

function goodAnswer({ status, headers, body }: Response, ends: Pick<Came, 'deadline' | 'signal'>): UpstreamAnswer {
  const type = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  const session = headers.get(SESSION_HEADER) ?? undefined
  if (session !== undefined && !SESSION_ID.test(session)) {
    void body?.cancel().catch(() => undefined)
    return failed('UPSTREAM_BROKEN', 'a session id that is passed on has 1 to 1,024 visible characters')
  }
  if (body !== null && type === 'text/event-stream') return { kind: 'events', status, body, session, ...ends }
  if (body !== null && isJsonType(type) && status === 200) return { kind: 'json', status, body, session, ...ends }
  void body?.cancel().catch(() => undefined)
  if (status === 202 || status === 204) return { kind: 'accepted' }
  return failed('UPSTREAM_BROKEN', /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/.test(type) ? `content type ${type}` : 'no content type')
}

/** The body, if it is an error of JSON-RPC. */
async function jsonErrorIn({ headers, body }: Response, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (body === null || !isJsonType(headers.get('content-type'))) {
    void body?.cancel().catch(() => undefined)
    return undefined
  }
  const read = await parseCapped(body, MAX_UPSTREAM_ERROR_BYTES, signal)
  return read !== undefined && isObject(read.value) && isObject(read.value['error']) && isError(read.bytes) ? read.bytes : undefined
}

/** Whether every reader finds an error there, and no result. */
function isError(message: Uint8Array): boolean {
  const head = orUndefined(() => {
    const members = membersAt(message, skipSpace(message, 0))
    return ['id', 'method', 'result', 'error'].map((name) => memberNamed(members, name))
  })
  return head !== undefined && head[2] === undefined
}

function retryMs(text: string | null): number | undefined {
  const ms = text !== null && /^\d{1,9}$/.test(text) ? Number(text) * 1000 : undefined
  return ms === undefined ? undefined : Math.min(ms, MAX_UPSTREAM_RETRY_MS)
}

function failed(code: Extract<ErrorCode, `UPSTREAM_${string}`>, detail?: string): UpstreamAnswer {
  return { kind: 'failed', failure: { code, executed: 'unknown', ...(detail === undefined ? {} : { detail }) } }
}
