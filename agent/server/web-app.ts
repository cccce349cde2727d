/** The one local web app that is shared, as its owner has named it on the command line: how a request reaches this origin, and never another. */
import { type ClientRequest, type OutgoingHttpHeaders, request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { WebSocket } from 'ws'
import { MAX_WEB_MESSAGE_BYTES } from '../../protocol/web/web-limits.ts'
import { endToEnd, isOriginForm, isReading } from '../../protocol/web/http-fields.ts'
import { APP_READ_ONLY, type HeaderList, type WebOpen } from '../../protocol/web/web-frames.ts'
import type { WebAppSettings } from '../config/web-options.ts'
import { MAX_APP_HEADER_BYTES } from '../web-limits.ts'

/** Fields that `ws` makes itself (RFC 6455 §4.1). */
const OF_HANDSHAKE = /^sec-websocket-/
/** Requests whose framework compares their Origin with X-Forwarded-Host, and not with Host: server actions of Next.js. */
const COMPARES_FORWARDED = /^next-action$/i
const SCHEMES: Readonly<Record<string, string>> = { 'http:': 'ws:', 'https:': 'wss:' }

export class WebApp {
  readonly #settings: WebAppSettings
  readonly #isReadOnly: boolean

  /** `isReadOnly`: nothing but GET and HEAD, whatever the relay lets through. */
  constructor(settings: WebAppSettings, isReadOnly = false) {
    this.#settings = settings
    this.#isReadOnly = isReadOnly
  }

  /** The origin, as the owner has named it. */
  get origin(): string {
    return this.#settings.origin.origin
  }

  /**
   * A request to the app, whose body the caller sends. Redirects are not followed: they are the client's to follow.
   *
   * @throws {Error} for what is no request to this origin, or cannot be sent.
   */
  request(open: WebOpen): ClientRequest {
    if (this.#isReadOnly && !isReading(open.method, open.headers)) throw readOnly()
    const { protocol, hostname, port } = this.#settings.origin
    const send = protocol === 'https:' ? requestSecure : requestPlain
    const request = send({
      protocol,
      // A URL has an IPv6 address in brackets, the resolver wants it without.
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? undefined : port,
      method: open.method,
      path: requireOriginForm(open.target),
      headers: this.#headers(open, (name) => open.hasBody === true || name !== 'content-length'),
      maxHeaderSize: MAX_APP_HEADER_BYTES,
      // A connection that is used again may have been closed by the app just then, and what may have run is not repeated.
      agent: false,
    })
    if (open.hasBody === true && !request.hasHeader('content-length')) request.setHeader('transfer-encoding', 'chunked')
    return request
  }

  /**
   * A WebSocket to the app.
   *
   * @throws {Error} for what is no request to this origin, or cannot be sent.
   */
  socket(open: WebOpen): WebSocket {
    if (this.#isReadOnly) throw readOnly()
    const { origin } = this.#settings
    const url = new URL(`${SCHEMES[origin.protocol]}//${origin.host}${requireOriginForm(open.target)}`)
    if (url.host !== origin.host) throw new Error('not of this origin')
    return new WebSocket(url, [...(open.protocols ?? [])], {
      headers: this.#headers(open, (name) => name !== 'content-length' && !OF_HANDSHAKE.test(name)),
      followRedirects: false,
      perMessageDeflate: false,
      maxPayload: MAX_WEB_MESSAGE_BYTES,
    })
  }

  /** Header fields of an answer: those of one hop are left out, and what leads back to the app's own origin leads to where the client is. */
  answered(rawHeaders: readonly string[]): HeaderList {
    const headers: [string, string][] = []
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.push([rawHeaders[at] ?? '', asText(rawHeaders[at + 1] ?? '')])
    return endToEnd(headers).map(([name, value]) =>
      /^(content-)?location$/i.test(name) ? [name, relativeTo(this.#settings.origin, value)] : [name, value],
    )
  }

  #headers(open: WebOpen, isWanted: (name: string) => boolean): OutgoingHttpHeaders {
    const { origin, keepsHost, headers: own } = this.#settings
    const headers: Record<string, string | string[]> = {}
    const isPublic = keepsHost || open.headers.some(([name]) => COMPARES_FORWARDED.test(name))
    for (const [given, text] of endToEnd(open.headers)) {
      const name = given.toLowerCase()
      if (name === 'host' || !isWanted(name)) continue
      const value = asBytes(isPublic ? text : asSeenAt(origin, open.origin, name, text))
      const before = headers[name]
      if (before === undefined) headers[name] = value
      // The only field whose members are not joined by commas (RFC 6265 §5.4).
      else if (name === 'cookie') headers[name] = `${String(before)}; ${value}`
      else headers[name] = [before, value].flat()
    }
    headers['host'] = keepsHost && URL.canParse(open.origin) ? new URL(open.origin).host : origin.host
    for (const [name, value] of own) headers[name] = asBytes(value)
    return headers
  }
}

/** Its code is told to the relay, which says to the client what may be done. */
function readOnly(): Error {
  return Object.assign(new Error('may only be read'), { code: APP_READ_ONLY })
}

/** A second look at what the decoder has checked: on this alone rests which host is asked. */
function requireOriginForm(target: string): string {
  if (!isOriginForm(target)) throw new Error('the target is no path')
  return target
}

/** An app that sees its own host expects its own origin with it, or takes its own pages for strangers. */
function asSeenAt(app: URL, publicOrigin: string, name: string, value: string): string {
  if (name === 'origin') return value === publicOrigin ? app.origin : value
  if (name === 'referer')
    return value === publicOrigin || value.startsWith(`${publicOrigin}/`) ? app.origin + value.slice(publicOrigin.length) : value
  return value
}

function relativeTo(app: URL, location: string): string {
  if (!URL.canParse(location)) return location
  const { origin, pathname, search, hash } = new URL(location)
  return origin === app.origin ? pathname.replace(/^\/{2,}/, '/') + search + hash : location
}

/** Node has one character for each byte of a field; peers mean UTF-8 by it, or else Latin-1. */
function asText(latin1: string): string {
  if (!/[\u0080-\u00ff]/.test(latin1)) return latin1
  const text = Buffer.from(latin1, 'latin1').toString('utf8')
  return text.includes('\ufffd') ? latin1 : text
}

function asBytes(text: string): string {
  return /[^\0-\u007f]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
}
