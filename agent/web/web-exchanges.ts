/** The exchanges of one lane with the local web app: opens and ends them as the relay says, and sends what they have in turn, so that none waits for another. */
import type { RelayWebFrame, WebOpen } from '../../protocol/web/web-frames.ts'
import { webWindow } from '../../protocol/web/web-limits.ts'
import type { AgentFrame } from '../../protocol/frame.ts'
import { MAX_WEB_EXCHANGES } from '../web-limits.ts'
import { BoundedLines, type Log } from '../log.ts'
import type { WebApp } from '../server/web-app.ts'
import { HttpExchange } from './http-exchange.ts'
import { SocketExchange } from './socket-exchange.ts'
import { type ExchangePort, failedWith, type WebExchange } from './web-exchange.ts'

/** What a link offers to web exchanges. */
export interface WebLinkPort {
  /** So little is on its way, and waits in the socket, that what comes behind is not held up. */
  readonly hasRoomForWeb: boolean
  /** Sends a frame that is held back while there is no room. */
  sendWeb(frame: AgentFrame, body?: Uint8Array): void
  send(frame: AgentFrame, body?: Uint8Array): void
}

export class WebExchanges {
  /** Undefined where no web app is shared. */
  readonly #app: WebApp | undefined
  readonly #open = new Map<string, WebExchange>()
  /** Those that have something to send, whose turn is next first. */
  readonly #ready = new Set<WebExchange>()
  readonly #lines: BoundedLines
  /** Monotonic milliseconds. */
  readonly #now: () => number
  #link: WebLinkPort | undefined
  #isPumping = false

  constructor(app: WebApp | undefined, log: Log, now: () => number) {
    this.#app = app
    this.#lines = new BoundedLines(log, 'request', now)
    this.#now = now
  }

  get size(): number {
    return this.#open.size
  }

  attach(link: WebLinkPort): void {
    this.#link = link
  }

  /** The link broke: its exchanges are over on the other side, and a request is never made again unasked. */
  detach(): void {
    this.#link = undefined
    this.stop()
  }

  stop(): void {
    for (const exchange of this.#open.values()) exchange.cancel()
    this.#open.clear()
    this.#ready.clear()
  }

  /** Takes a frame of the relay. What belongs to no exchange was on its way when that ended. */
  receive(frame: RelayWebFrame, body: Uint8Array): void {
    if (frame.type === 'web_open') return this.#begin(frame)
    const exchange = this.#open.get(frame.x)
    if (exchange === undefined) return
    if (frame.type === 'web_gone') {
      this.#open.delete(frame.x)
      this.#ready.delete(exchange)
      exchange.cancel()
    } else if (frame.type === 'web_credit') {
      exchange.outbox.credit(frame.upto)
      this.#isReady(exchange)
    } else exchange.receive(frame, body)
  }

  /** The link takes more. */
  flush(): void {
    const link = this.#link
    // What an exchange does when its outbox is emptier may lead here again.
    if (link === undefined || this.#isPumping) return
    this.#isPumping = true
    for (const exchange of this.#ready) {
      if (!link.hasRoomForWeb) break
      this.#ready.delete(exchange)
      const next = exchange.outbox.take()
      if (next === undefined) continue
      link.sendWeb(next.frame, next.body)
      // At the end of the line: a set is walked in the order in which it was filled.
      this.#ready.add(exchange)
      exchange.drained()
    }
    this.#isPumping = false
  }

  #begin(open: WebOpen): void {
    if (this.#open.has(open.x)) return
    if (this.#app === undefined || this.#open.size >= MAX_WEB_EXCHANGES) {
      this.#link?.send(failedWith(open.x, 'APP_REQUEST_REFUSED'))
      return
    }
    let exchange: WebExchange | undefined
    const { method, target } = open
    const sinceMs = this.#now()
    const port: ExchangePort = {
      ready: () => exchange !== undefined && this.#isReady(exchange),
      send: (frame) => this.#link?.send(frame),
      window: () => webWindow(this.#open.size),
      // What stands behind a question mark may be a secret.
      ended: (outcome, status) =>
        this.#lines.add({ method, path: target.split('?')[0], status, ms: Math.round(this.#now() - sinceMs), outcome }),
    }
    exchange = open.upgrade === true ? new SocketExchange(open, this.#app, port) : new HttpExchange(open, this.#app, port)
    this.#open.set(open.x, exchange)
    this.#isReady(exchange)
  }

  #isReady(exchange: WebExchange): void {
    this.#ready.add(exchange)
    this.flush()
  }
}
