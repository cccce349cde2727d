/** Owns a Streamable HTTP client that hides nothing: bodies as bytes, statuses and headers as they came. */
import { within } from './deadline.ts'
import { asObject, type JsonObject } from './json.ts'
import { type SseEvent, sseEvents } from './sse-events.ts'

/** Bound of one whole exchange, unless the test names its own. */
const CALL_MS = 60_000

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Messages in order of arrival, the response last. Empty when the body is. */
  readonly messages: readonly JsonObject[]
  /** The same as bytes. */
  readonly bodies: readonly Buffer[]
  /** The last message. */
  readonly last: JsonObject
}

export interface PostOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly accept?: string
  readonly boundMs?: number
  readonly onMessage?: (message: JsonObject) => void
}

export interface InitializeOptions extends PostOptions {
  readonly protocolVersion?: string
  readonly capabilities?: JsonObject
}

function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

async function* bodiesOf(response: Response): AsyncGenerator<Buffer> {
  if (!response.body) return
  if (!isEventStream(response)) {
    const body = Buffer.from(await response.arrayBuffer())
    if (body.length > 0) yield body
    return
  }
  for await (const event of sseEvents(response.body)) {
    if (event.event === 'message' && event.data.length > 0) yield event.data
  }
}

/** Reads a response to its end. */
export async function readAnswer(response: Response, onMessage?: (message: JsonObject) => void): Promise<Answer> {
  const bodies: Buffer[] = []
  const messages: JsonObject[] = []
  for await (const body of bodiesOf(response)) {
    bodies.push(body)
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    for (const message of Array.isArray(parsed) ? parsed : [parsed]) {
      messages.push(asObject(message))
      onMessage?.(asObject(message))
    }
  }
  return { status: response.status, headers: response.headers, messages, bodies, last: messages.at(-1) ?? {} }
}

/** An open GET stream. */
export class Listener implements AsyncDisposable {
  readonly response: Response
  readonly #abort: AbortController
  readonly #events: AsyncGenerator<SseEvent>

  constructor(response: Response, abort: AbortController) {
    this.response = response
    this.#abort = abort
    if (!response.body) throw new Error(`no stream: ${response.status}`)
    this.#events = sseEvents(response.body)
  }

  /** The next event that is no comment, or undefined when the stream ended. */
  async nextEvent(boundMs?: number): Promise<SseEvent | undefined> {
    for (;;) {
      const next = await within(this.#events.next(), 'an event on the GET stream', boundMs)
      if (next.done) return undefined
      if (next.value.event !== 'comment') return next.value
    }
  }

  /** The next message, priming events left out. */
  async nextMessage(boundMs?: number): Promise<JsonObject | undefined> {
    for (;;) {
      const event = await this.nextEvent(boundMs)
      if (event === undefined) return undefined
      if (event.data.length > 0) return asObject(JSON.parse(event.data.toString('utf8')))
    }
  }

  /** The next message with this method. */
  async nextNotification(method: string, boundMs?: number): Promise<JsonObject> {
    for (;;) {
      const message = await this.nextMessage(boundMs)
      if (message === undefined) throw new Error(`the stream ended before ${method}`)
      if (message['method'] === method) return message
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    await this.#events.return(undefined).catch(() => {})
  }
}

export class RawClient {
  readonly url: string
  sessionId: string | undefined
  protocolVersion: string | undefined
  readonly #token: string | undefined
  #lastId = 0

  /** @param token sent as bearer; undefined when the URL carries its key. */
  constructor(url: string, token?: string) {
    this.url = url
    this.#token = token
  }

  /** A client with its session on a share. */
  static async connect(
    { url, clientToken }: { readonly url: string; readonly clientToken: string },
    options: InitializeOptions = {},
    token = clientToken,
  ): Promise<RawClient> {
    const client = new RawClient(url, token)
    await client.initialize(options)
    return client
  }

  #headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
      ...(this.sessionId === undefined ? {} : { 'mcp-session-id': this.sessionId }),
      ...(this.protocolVersion === undefined ? {} : { 'mcp-protocol-version': this.protocolVersion }),
      ...more,
    }
  }

  /** Posts a body as it is. The caller reads the response. */
  async post(body: string | Uint8Array<ArrayBuffer>, options: PostOptions = {}): Promise<Response> {
    return await fetch(this.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: options.accept ?? 'application/json, text/event-stream',
        ...this.#headers(options.headers),
      },
      body,
      signal: AbortSignal.timeout(options.boundMs ?? CALL_MS),
    })
  }

  /** Posts a body as it is and reads the whole answer. */
  async exchange(body: string | Uint8Array<ArrayBuffer>, options: PostOptions = {}): Promise<Answer> {
    return await readAnswer(await this.post(body, options), options.onMessage)
  }

  /** Sends a request with the next id and reads the whole answer. */
  async request(method: string, params?: JsonObject, options?: PostOptions): Promise<Answer> {
    return await this.exchange(JSON.stringify({ jsonrpc: '2.0', id: ++this.#lastId, method, params }), options)
  }

  /** Calls a tool. `meta` goes into `_meta`. */
  async callTool(name: string, args: JsonObject = {}, options: PostOptions & { readonly meta?: JsonObject } = {}): Promise<Answer> {
    const meta = options.meta ? { _meta: options.meta } : {}
    return await this.request('tools/call', { name, arguments: args, ...meta }, options)
  }

  async notify(method: string, params?: JsonObject, options?: PostOptions): Promise<Response> {
    return await this.post(JSON.stringify({ jsonrpc: '2.0', method, params }), options)
  }

  /** Answers a request of the server. */
  async respond(id: unknown, result: JsonObject): Promise<Response> {
    return await this.post(JSON.stringify({ jsonrpc: '2.0', id, result }))
  }

  /**
   * The handshake, both steps.
   *
   * @throws Error when it is not answered with a result and a session id.
   */
  async initialize(options: InitializeOptions = {}): Promise<Answer> {
    const protocolVersion = options.protocolVersion ?? '2025-11-25'
    const clientInfo = { name: 'raw-client', version: '1.0.0' }
    const params = { protocolVersion, capabilities: options.capabilities ?? {}, clientInfo }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
    const answer = await this.exchange(body, options)
    const sessionId = answer.headers.get('mcp-session-id')
    if (answer.last['result'] === undefined || sessionId === null) {
      throw new Error(`initialize: ${answer.status} ${JSON.stringify(answer.last)}`)
    }
    this.sessionId = sessionId
    this.protocolVersion = protocolVersion
    const accepted = await this.notify('notifications/initialized')
    if (accepted.status !== 202) throw new Error(`initialized: ${accepted.status} ${await accepted.text()}`)
    return answer
  }

  /** Opens the GET stream. */
  async listen(headers: Readonly<Record<string, string>> = {}): Promise<Listener> {
    const abort = new AbortController()
    const response = await fetch(this.url, {
      headers: { accept: 'text/event-stream', ...this.#headers(headers) },
      signal: abort.signal,
    })
    if (response.status !== 200) throw new Error(`GET: ${response.status} ${await response.text()}`)
    return new Listener(response, abort)
  }

  /** Any request, with the client's own headers below the given ones. */
  async raw(method: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return await fetch(this.url, { method, headers: this.#headers(headers), signal: AbortSignal.timeout(CALL_MS) })
  }
}
