/** One HTTP server, for all its sessions: where it is, what it is told in every request, and its connections. Nothing but its own origin is ever asked. */
import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as SecureAgent, request as requestHttps } from 'node:https'
import { connect } from 'node:net'
import type { Failure } from '../../../protocol/errors.ts'
import type { HttpTarget } from '../../config/http-target.ts'
import { HTTP_CONNECT_MS, HTTP_IDLE_SOCKET_MS } from '../../limits.ts'
import { MirroredTools } from './mirrored-tools.ts'
import { bearerChallenge, signInFailure } from './sign-in.ts'

export interface HttpAsk {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | undefined
}

export class HttpServer {
  readonly tools = new MirroredTools()
  readonly #target: HttpTarget
  readonly #agent: Agent
  #url: URL
  #givesSessions = false
  #metadataUrl: URL | undefined

  constructor(target: HttpTarget) {
    this.#target = target
    this.#url = target.url
    const options = { keepAlive: true, timeout: HTTP_IDLE_SOCKET_MS }
    this.#agent = target.url.protocol === 'https:' ? new SecureAgent(options) : new Agent(options)
  }

  get transport(): HttpTarget['transport'] {
    return this.#target.transport
  }

  /** Whether what its clients show for it goes to it. */
  get passesAuth(): boolean {
    return this.#target.passesAuth === true
  }

  /** Where it has said that its resource metadata is, if that is in its own origin. */
  get metadataUrl(): URL | undefined {
    return this.#metadataUrl
  }

  get url(): URL {
    return this.#url
  }

  /** Where it is, for people: without the query, which may hold a key. */
  get place(): string {
    return `${this.#url.origin}${this.#url.pathname}`
  }

  /** Whether it has given a session an id: one without can ask its clients nothing. */
  get givesSessions(): boolean {
    return this.#givesSessions
  }

  hasGivenSession(): void {
    this.#givesSessions = true
  }

  /** It has said (307, 308) that it is found there, in its own origin. */
  movedTo(url: URL): void {
    this.#url = url
  }

  /** How a request fails that it refuses for who asks it, where that is its client's to mend; undefined for any other response. */
  signInFailure(response: IncomingMessage): Failure | undefined {
    const failure = this.passesAuth ? signInFailure(response, this.#url.origin) : undefined
    const named = failure && bearerChallenge(response.headers['www-authenticate'])?.get('resource_metadata')
    const url = named === undefined ? null : URL.parse(named)
    if (url?.origin === this.#url.origin) this.#metadataUrl = url
    return failure
  }

  /** Begins a request; the caller listens to it, and ends it. */
  begin(url: URL, { method, headers, body }: HttpAsk): ClientRequest {
    const length = body === undefined ? {} : { 'content-length': String(body.length) }
    const all = { ...Object.fromEntries(this.#target.headers), 'accept-encoding': 'identity', ...headers, ...length }
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    // A call may take as long as its client waits: what bounds a request is who has asked for it.
    return send(url, { method, headers: all, agent: this.#agent, timeout: 0 })
  }

  /** Whether anything takes connections there now. */
  isListening(): Promise<boolean> {
    const { hostname, port, protocol } = this.#url
    const fallback = protocol === 'https:' ? 443 : 80
    const host = hostname.replace(/^\[|\]$/g, '')
    return new Promise((resolve) => {
      const socket = connect({ host, port: port === '' ? fallback : Number(port), timeout: HTTP_CONNECT_MS })
      const end = (isThere: boolean): void => {
        socket.destroy()
        resolve(isThere)
      }
      socket.on('connect', () => end(true))
      socket.on('timeout', () => end(false))
      socket.on('error', () => end(false))
    })
  }
}

/** The media type of a response, in small letters, without parameters. */
export function mediaType(response: IncomingMessage): string {
  return (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

export function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300
}
