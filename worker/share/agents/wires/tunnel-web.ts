/** Brings requests for a web app through EGDesk's tunnel, which carries texts alone: a request's body goes whole, and is UTF-8, or does not go. */
import { endToEnd } from '../../../../protocol/web/http-fields.ts'
import type { HeaderList, RelayWebFrame, WebOpen } from '../../../../protocol/web/web-frames.ts'
import { WEB_CHUNK_BYTES } from '../../../../protocol/web/web-limits.ts'
import { concat } from '../../../../protocol/splice.ts'
import { MAX_FOREIGN_MESSAGE_BYTES, MAX_FOREIGN_UPLOADS } from '../../../foreign-limits.ts'
import type { Heard, TunnelSaid } from './dialect.ts'
import { isTooLong } from './foreign-messages.ts'

interface Upload {
  readonly open: WebOpen
  readonly parts: Uint8Array[]
  bytes: number
}

interface Surroundings {
  readonly tunnel: string
  readonly send: (text: string) => void
  /** False of an exchange that is none, or is over. */
  readonly say: (said: TunnelSaid) => boolean
}

/** Ids of requests that are exchanges: those of calls are keys. */
const PREFIX = 'web-'
/** Such an id, with the exchange as the relay names it. */
const EXCHANGE_ID = /^web-([0-9a-f]{32})$/
const NO_TEXT = 'the tunnel carries text in UTF-8 only.'
const TOO_LONG = 'the tunnel carries 1 MiB at most.'

export function tunnelWebId(x: string): string {
  return `${PREFIX}${x}`
}

/** The exchange that a request's id names; undefined for any other request. */
export function exchangeNamed(requestId: unknown): string | undefined {
  return typeof requestId === 'string' ? EXCHANGE_ID.exec(requestId)?.[1] : undefined
}

/** What becomes of a text that is longer than is read: the request that it answers fails, if it is one for a web app. What stands in strings has its quotation marks escaped. */
export function overlong(text: string, isTunnel: boolean): Heard {
  const [, x] = (isTunnel ? /"request_id":\s*"web-([0-9a-f]{32})"/.exec(text) : undefined) ?? []
  if (x === undefined) return { kind: 'breaks', code: 1009, reason: 'messages may have 1 MiB' }
  return { kind: 'web', said: { x, kind: 'failed', code: 'APP_BROKEN', detail: TOO_LONG } }
}

export class TunnelWeb {
  readonly #surroundings: Surroundings
  readonly #uploads = new Map<string, Upload>()
  /** Those that have been answered whole, until the Share is done with them: there is nothing to be cancelled. */
  readonly #answered = new Set<string>()

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  /** Takes a frame of the relay. */
  take(frame: RelayWebFrame, body: Uint8Array): void {
    switch (frame.type) {
      case 'web_open':
        this.#begin(frame)
        break
      case 'web_data':
        this.#more(frame.x, frame.at, body)
        break
      case 'web_end': {
        const upload = this.#uploads.get(frame.x)
        this.#uploads.delete(frame.x)
        if (upload !== undefined) this.#request(upload.open, concat(upload.parts))
        break
      }
      case 'web_gone':
        if (!this.#uploads.delete(frame.x) && !this.#answered.delete(frame.x))
          this.#surroundings.send(JSON.stringify({ type: 'stream_cancel', request_id: tunnelWebId(frame.x) }))
        break
      default:
        // How much the tunnel may send is nothing that it could be told.
        break
    }
  }

  /** Takes what the tunnel has said of an exchange. */
  heard(said: TunnelSaid): void {
    // Whatever else the tunnel names is not kept: it may name any number.
    if (this.#surroundings.say(said) && said.kind !== 'piece') this.#answered.add(said.x)
  }

  #begin(open: WebOpen): void {
    if (open.upgrade === true) return this.#refuse(open.x, 'no WebSocket goes through the tunnel.')
    if (open.hasBody !== true) return this.#request(open, undefined)
    this.#uploads.set(open.x, { open, parts: [], bytes: 0 })
    const [oldest] = this.#uploads.size > MAX_FOREIGN_UPLOADS ? this.#uploads.keys() : []
    if (oldest !== undefined) this.#refuse(oldest, 'too many requests with bodies are open.')
  }

  #more(x: string, at: number, part: Uint8Array): void {
    const upload = this.#uploads.get(x)
    // One that had begun before the relay slept, or was refused.
    if (upload === undefined) return this.#refuse(x, 'the body did not come whole.')
    upload.parts.push(part)
    upload.bytes += part.length
    if (upload.bytes > MAX_FOREIGN_MESSAGE_BYTES) return this.#refuse(x, TOO_LONG)
    this.#tell({ x, kind: 'credit', upto: at + WEB_CHUNK_BYTES })
  }

  #request({ x, method, target, headers }: WebOpen, body: Uint8Array | undefined): void {
    const text = body === undefined ? null : textOf(body)
    if (text === undefined) return this.#refuse(x, NO_TEXT)
    const fields = {
      ...fieldsOf(headers),
      // As a program on its own machine would say. What is compressed is no text.
      host: 'localhost',
      'accept-encoding': 'identity',
      ...(body === undefined ? {} : { 'content-length': String(body.length) }),
    }
    const { tunnel, send } = this.#surroundings
    const request = {
      type: 'request',
      request_id: tunnelWebId(x),
      method,
      path: target,
      headers: fields,
      query_params: {},
      body: text,
      tunnel_id: tunnel,
    }
    const whole = JSON.stringify(request)
    if (isTooLong(whole)) this.#refuse(x, TOO_LONG)
    else send(whole)
  }

  #refuse(x: string, detail: string): void {
    this.#uploads.delete(x)
    this.#answered.add(x)
    this.#tell({ x, kind: 'failed', code: 'APP_REQUEST_REFUSED', detail })
  }

  /** When the Share has done with the frame that this answers. */
  #tell(said: TunnelSaid): void {
    queueMicrotask(() => this.#surroundings.say(said))
  }
}

/** Fields of a request as the tunnel takes them, each name once (RFC 9110 §5.3, RFC 6265 §5.4). */
function fieldsOf(headers: HeaderList): Record<string, string> {
  const fields = new Map<string, string>()
  for (const [name, value] of endToEnd(headers)) {
    const key = name.toLowerCase()
    const before = fields.get(key)
    if (key !== 'content-length') fields.set(key, before === undefined ? value : `${before}${key === 'cookie' ? '; ' : ', '}${value}`)
  }
  return Object.fromEntries(fields)
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return undefined
  }
}
