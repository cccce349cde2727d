/**
 * The dialect of EGDesk's tunnel client, which brings HTTP requests to a server on its machine: JSON-RPC goes to it by POST, as to any
 * server of Streamable HTTP, and its answers come whole, in JSON or as events. What the server says unasked comes on a stream by GET. Requests for a web app beside it are told apart by their ids.
 */
import type { Failure } from '../../../../protocol/errors.ts'
import { MAX_FOREIGN_MESSAGE_BYTES, MIN_TUNNEL_LISTEN_MS } from '../../../foreign-limits.ts'
import type { Dialect, Heard } from './dialect.ts'
import { HANDSHAKE } from './foreign-messages.ts'
import { exchangeNamed } from './tunnel-web.ts'

/** What outlives sleep. */
interface Kept {
  /** The session that the server has begun. */
  readonly session?: string
}

interface Place {
  /** Where its server takes JSON-RPC, such as `/mcp`. */
  readonly path: string
  /** Under which the share is reached. */
  readonly publicUrl: string
  readonly tunnel: string
}

/** A text of its client, as far as it is looked at. */
interface Said {
  readonly type?: unknown
  readonly request_id?: unknown
  readonly timestamp?: unknown
  readonly status_code?: unknown
  readonly headers?: Readonly<Record<string, unknown>> | null
  readonly body?: unknown
}

const SESSION = 'mcp-session-id'
/** Id of the request for what the server says unasked. */
const LISTEN = 'listen'
/** Its client streams what comes of a GET only where this stands in the URL; servers leave parameters alone that they do not know. */
const STREAMED = '/sse'
const encoder = new TextEncoder()

export class EgDesk implements Dialect {
  readonly takesNotifications = true
  readonly registered = undefined
  readonly failed = JSON.stringify({ type: 'error', message: 'the MCP server did not answer initialize' })
  readonly #place: Place
  #session: string | undefined
  /** What has come of an event that is not whole. */
  #event = ''
  #listensSinceMs: number | undefined

  constructor(place: Place, kept = '{}') {
    this.#place = place
    this.#session = (JSON.parse(kept) as Kept).session
  }

  get kept(): string {
    return JSON.stringify({ session: this.#session } satisfies { [K in keyof Kept]: Kept[K] | undefined })
  }

  /** It says nothing of its own accord, and waits for this half a minute. */
  get greeting(): string {
    return JSON.stringify({ type: 'connected', tunnel_id: this.#place.tunnel, public_url: this.#place.publicUrl })
  }

  /** A server that says nothing unasked refuses that, of which nobody is told a status (2025-11-25, Streamable HTTP, Listening for Messages). */
  get ready(): string {
    this.#event = ''
    this.#listensSinceMs = Date.now()
    const { path, tunnel } = this.#place
    const at = path.includes(STREAMED) ? path : `${path}${path.includes('?') ? '&' : '?'}mcp-edge=${STREAMED}`
    const headers = { host: 'localhost', accept: 'text/event-stream', ...this.#sessionField }
    return JSON.stringify({
      type: 'request',
      request_id: LISTEN,
      method: 'GET',
      path: at,
      headers,
      query_params: {},
      body: null,
      tunnel_id: tunnel,
    })
  }

  get #sessionField(): Readonly<Record<string, string>> {
    return this.#session === undefined ? {} : { [SESSION]: this.#session }
  }

  get tunnel(): string {
    return this.#place.tunnel
  }

  outgoing(message: string, key: string = crypto.randomUUID()): string {
    // The server begins another session.
    if (key === HANDSHAKE) this.#session = undefined
    const headers = {
      // As a program on its own machine would say: to any other host servers answer that they are being rebound.
      host: 'localhost',
      'content-type': 'application/json',
      'content-length': String(encoder.encode(message).length),
      accept: 'application/json, text/event-stream',
      ...this.#sessionField,
    }
    const { path, tunnel } = this.#place
    const request = { type: 'request', request_id: key, method: 'POST', path, headers, query_params: {}, body: message, tunnel_id: tunnel }
    return JSON.stringify(request)
  }

  cancelling(key: string): string {
    return JSON.stringify({ type: 'stream_cancel', request_id: key })
  }

  incoming(text: string): Heard {
    const said = parse(text)
    const x = exchangeNamed(said?.request_id)
    if (said !== undefined && x !== undefined) return webOf(x, said)
    if (said?.request_id === LISTEN) return this.#listened(said)
    switch (said?.type) {
      case 'ping':
        return { kind: 'asks', reply: JSON.stringify({ type: 'pong', timestamp: said.timestamp }) }
      case 'response':
        return this.#response(said)
      default:
        return { kind: 'nothing' }
    }
  }

  /** One that has ended soon is one that the server refuses. */
  #listened({ type, body }: Said): Heard {
    if (type === 'stream_end' && Date.now() - (this.#listensSinceMs ?? 0) > MIN_TUNNEL_LISTEN_MS) return { kind: 'asks', reply: this.ready }
    if (type !== 'stream_chunk' || typeof body !== 'string') return { kind: 'nothing' }
    const stream = this.#event + body
    const whole = Math.max(...['\r\n\r\n', '\n\n', '\r\r'].map((end) => (stream.includes(end) ? stream.lastIndexOf(end) + end.length : 0)))
    const rest = stream.slice(whole)
    this.#event = rest.length > MAX_FOREIGN_MESSAGE_BYTES ? '' : rest
    const bodies = dataIn(stream.slice(0, whole)).filter((part) => part.trim() !== '')
    return { kind: 'answers', key: LISTEN, bodies: bodies.map((part) => encoder.encode(part)), failure: failureOf(200) }
  }

  #response({ request_id: key, status_code: status, headers, body }: Said): Heard {
    if (typeof key !== 'string' || typeof status !== 'number') return { kind: 'nothing' }
    const fields = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)] as const)
    const header = (wanted: string): string | undefined => fields.find(([name]) => name === wanted)?.[1]
    this.#session = header(SESSION) ?? this.#session
    const content = typeof body === 'string' ? body : ''
    const isStream = header('content-type')?.startsWith('text/event-stream') === true
    const bodies = (isStream ? dataIn(content) : [content]).filter((part) => part.trim() !== '').map((part) => encoder.encode(part))
    // What a server says of an error in JSON-RPC is its answer, whatever its status.
    const isToldInJson = status < 400 || header('content-type')?.startsWith('application/json') === true
    // To the handshake it is no word of a session that was forgotten, and another would be answered in the same way.
    if (status === 404 && this.#session !== undefined && key !== HANDSHAKE) return { kind: 'restarts' }
    return { kind: 'answers', key, bodies: isToldInJson ? bodies : [], failure: failureOf(status) }
  }
}

/** What is said of a request for a web app. Of fields of one name its client has a list. */
function webOf(x: string, { type, status_code: status, headers, body }: Said): Heard {
  const bytes = encoder.encode(typeof body === 'string' ? body : '')
  if (type === 'stream_chunk') return { kind: 'web', said: { x, kind: 'piece', body: bytes } }
  if (type === 'stream_end') return { kind: 'web', said: { x, kind: 'end' } }
  if (type !== 'response' || typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599)
    return { kind: 'nothing' }
  const fields = Object.entries(headers ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, String(one)]),
  )
  return { kind: 'web', said: { x, kind: 'response', status, headers: fields, body: bytes } }
}

/** What becomes of a call whose answer is not in the response. */
function failureOf(status: number): Failure {
  return { code: 'CHILD_DIED', executed: 'unknown', detail: `HTTP ${status} from the server behind the tunnel` }
}

/** The data of each event of a whole stream (HTML, Server-sent events, 9.2.6). */
function dataIn(stream: string): string[] {
  return stream.split(/\r\n\r\n|\n\n|\r\r/).map((event) =>
    event
      .split(/\r\n|\n|\r/)
      .flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length).replace(/^ /, '')] : []))
      .join('\n'),
  )
}

function parse(text: string): Said | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
