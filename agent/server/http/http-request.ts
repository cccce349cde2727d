/** One request to an HTTP server, and its response: says whether the server may have got it, and follows redirects within its origin only. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { HTTP_CONNECT_MS, HTTP_REDIRECTS } from '../../limits.ts'
import type { HttpAsk, HttpServer } from './http-server.ts'

export class HttpRequest {
  /** Its head has come. Rejects with an Error whose message is for people when none does. */
  readonly response: Promise<IncomingMessage>
  readonly #server: HttpServer
  readonly #ask: HttpAsk
  readonly #sent: () => void
  readonly #response = Promise.withResolvers<IncomingMessage>()
  #request: ClientRequest | undefined
  #isSent = false

  /** `sent` is called once, when the request has been written, or may have been in part. */
  constructor(server: HttpServer, ask: HttpAsk, sent: () => void = () => {}, url = server.url) {
    this.#server = server
    this.#ask = ask
    this.#sent = sent
    this.response = this.#response.promise
    // Whoever gives it up need not wait for it.
    this.response.catch(() => {})
    try {
      this.#request = this.#begin(url, 0)
    } catch (error) {
      // What no header can hold.
      this.#response.reject(error)
    }
  }

  /** Whether the server may have got it, in whole or in part. */
  get isSent(): boolean {
    return this.#isSent
  }

  destroy(): void {
    this.#request?.destroy()
  }

  #begin(url: URL, redirects: number): ClientRequest {
    const request = this.#server.begin(url, this.#ask)
    const timer = setTimeout(() => request.destroy(new Error(`no connection within ${HTTP_CONNECT_MS / 1000} s`)), HTTP_CONNECT_MS)
    request.on('socket', (socket) => {
      const connected = (): void => {
        clearTimeout(timer)
        if (!request.destroyed) this.#markSent()
      }
      if (!socket.connecting) connected()
      else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', connected)
    })
    request.on('response', (response) => {
      const next = redirects < HTTP_REDIRECTS ? redirectOf(url, response) : undefined
      if (next === undefined) return this.#response.resolve(response)
      response.resume()
      // Where messages of one session are taken says nothing of where the server is.
      if (url.href === this.#server.url.href) this.#server.movedTo(next)
      this.#request = this.#begin(next, redirects + 1)
    })
    request.on('error', (error) => this.#response.reject(new Error(inWords(url, error), { cause: error })))
    request.on('close', () => clearTimeout(timer))
    request.end(this.#ask.body)
    return request
  }

  #markSent(): void {
    if (this.#isSent) return
    this.#isSent = true
    this.#sent()
  }
}

/** Where method and body are to be sent again (RFC 9110 §15.4.8, §15.4.9), if that is the same origin: credentials go nowhere else. */
function redirectOf(url: URL, { statusCode, headers: { location } }: IncomingMessage): URL | undefined {
  if ((statusCode !== 307 && statusCode !== 308) || location === undefined || !URL.canParse(location, url.href)) return undefined
  const next = new URL(location, url)
  return next.origin === url.origin ? next : undefined
}

/** Says what is wrong, and what to do where that can be known. */
function inWords(url: URL, error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  const place = url.origin
  if (code === 'ECONNREFUSED') return `nothing listens at ${place}: start the server`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `no host ${url.hostname} is known here`
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code))
    return `the certificate of ${place} is not trusted (${code}): NODE_EXTRA_CA_CERTS names a file of your own`
  if (code === 'EPROTO') return `${place} speaks no TLS: is it http:// and not https://?`
  return `${place}: ${error.message === '' ? code : error.message}`
}
