/** The HTTP requests of a link that polls: through the proxy and by the certificates that its WebSocket would use. Never repeats one by itself. */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { LINK_SUBPROTOCOL } from '../../protocol/handshake.ts'
import { MAX_BATCH_BYTES } from '../../protocol/limits.ts'
import type { TlsFiles } from '../config/transport-options.ts'
import { DIAL_MS, POLL_SLACK_MS } from '../limits.ts'
import { throughProxy } from './proxy.ts'
import { readRefusal, type Refusal } from './refusal.ts'

export interface PollTarget {
  /** URL of the share's agent endpoint, as for a WebSocket. */
  readonly url: URL
  readonly token: string
  readonly proxy?: URL | undefined
  readonly tls?: TlsFiles | undefined
  readonly userAgent: string
  /** How long registering may take. */
  readonly dialMs: number
}

/** What has come back: a body, of 200; nothing, of 204; or a refusal, of whoever has answered. */
export type PollAnswer =
  | { readonly kind: 'body'; readonly contentType: string; readonly body: Buffer }
  | { readonly kind: 'nothing' }
  | ({ readonly kind: 'refused' } & Refusal)

interface Sent {
  readonly method: 'GET' | 'POST'
  readonly query?: Readonly<Record<string, string>>
  readonly contentType?: string
  readonly body?: string | Uint8Array
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export class PollRequests {
  readonly #target: PollTarget
  readonly #agent: HttpAgent
  readonly #ask: typeof httpRequest

  constructor(target: PollTarget) {
    this.#target = target
    const { proxy, tls = {}, url } = target
    const isSecure = url.protocol === 'wss:'
    this.#ask = isSecure ? httpsRequest : httpRequest
    this.#agent = isSecure ? new HttpsAgent({ keepAlive: true, ...tls }) : new HttpAgent({ keepAlive: true })
    if (proxy !== undefined) Object.assign(this.#agent, { createConnection: throughProxy(proxy, isSecure, tls) })
  }

  /** Asks for a session; rejects when nobody answers. */
  register(signal: AbortSignal): Promise<PollAnswer> {
    const body = JSON.stringify({ type: 'agent', protocol: LINK_SUBPROTOCOL })
    return this.#send('register', { method: 'POST', contentType: 'application/json', body, timeoutMs: this.#target.dialMs, signal })
  }

  /** What has come behind message `ack`, once there is something. */
  poll(session: string, ack: number, waitMs: number, signal: AbortSignal): Promise<PollAnswer> {
    const query = { session_id: session, ack: String(ack), timeout: String(waitMs / 1000) }
    return this.#send('poll', { method: 'GET', query, timeoutMs: waitMs + POLL_SLACK_MS, signal })
  }

  post(session: string, body: Uint8Array, signal: AbortSignal): Promise<PollAnswer> {
    const query = { session_id: session }
    return this.#send('message', { method: 'POST', query, contentType: 'application/octet-stream', body, timeoutMs: DIAL_MS, signal })
  }

  /** Lets go of its connections. */
  close(): void {
    this.#agent.destroy()
  }

  #send(endpoint: string, { method, query = {}, contentType, body, timeoutMs, signal }: Sent): Promise<PollAnswer> {
    const { url, token, userAgent } = this.#target
    const address = new URL(url)
    address.protocol = url.protocol === 'wss:' ? 'https:' : 'http:'
    address.pathname = `${url.pathname.replace(/\/$/, '')}/${endpoint}`
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value)
    const { promise, resolve, reject } = Promise.withResolvers<PollAnswer>()
    const request = this.#ask(
      address,
      {
        method,
        agent: this.#agent,
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        headers: {
          authorization: `Bearer ${token}`,
          'user-agent': userAgent,
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        },
      },
      (response) => void readAnswer(response).then(resolve, reject),
    )
    request.on('error', reject)
    // Nobody has asked for another protocol: without a word here the request would end with neither an answer nor an error.
    request.on('upgrade', ({ statusCode = 101 }, socket) => {
      socket.destroy()
      resolve({ kind: 'refused', status: statusCode, detail: '' })
    })
    request.end(body)
    return promise
  }
}

async function readAnswer(response: IncomingMessage): Promise<PollAnswer> {
  const { statusCode, headers } = response
  if (statusCode === 204) {
    response.resume()
    return { kind: 'nothing' }
  }
  if (statusCode !== 200) {
    const refusal = await readRefusal(response)
    response.destroy()
    return { kind: 'refused', ...refusal }
  }
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length
    if (length > MAX_BATCH_BYTES) throw new Error('an answer is larger than the relay sends')
    parts.push(part)
  }
  return { kind: 'body', contentType: headers['content-type'] ?? '', body: Buffer.concat(parts) }
}
