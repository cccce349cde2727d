/** Keeps web exchanges on one link to its speed while calls go on beside them: sends the marks by which that is found, as pings, and hears them come back. */
import { WebSocket } from 'ws'
import { WEB_PACE_CALLS_MS, WEB_PACE_SILENT_MS } from '../web-limits.ts'
import { WebPace } from '../web/web-pace.ts'
import { WebRate } from '../web/web-rate.ts'
import type { LinkSocket } from './link-socket.ts'

interface Parts {
  /** Hands what waits to the socket, so that a mark goes behind it. */
  readonly flush: () => void
  /** More may be sent. */
  readonly resume: () => void
}

export class WebPacing {
  readonly #socket: LinkSocket
  readonly #parts: Parts
  readonly #pace = new WebPace()
  readonly #rate = new WebRate()
  /** When a call came last, in monotonic milliseconds. */
  #calledMs = -Infinity
  /** Until it is clear that no mark comes back. */
  #silentTimer: NodeJS.Timeout | undefined
  /** Until the rate allows more. */
  #rateTimer: NodeJS.Timeout | undefined

  constructor(socket: LinkSocket, parts: Parts) {
    this.#socket = socket
    this.#parts = parts
    // What polls sends in batches, each of which is answered before the next.
    if (socket.ping === undefined) this.#pace.giveUp()
    else socket.on('pong', (mark) => this.#came(mark.toString()))
  }

  called(nowMs: number): void {
    this.#calledMs = nowMs
  }

  /** Whether more may be sent now. Where it is not known what is on its way, that is asked. */
  hasRoom(): boolean {
    const nowMs = performance.now()
    // Whom nobody waits behind need not be slow.
    if (nowMs - this.#calledMs > WEB_PACE_CALLS_MS) return true
    if (!this.#pace.hasRoom(nowMs)) {
      this.#ping(this.#pace.markRest(nowMs))
      return false
    }
    const waitMs = this.#rate.waitMs(nowMs)
    if (waitMs > 0) this.#resumeIn(waitMs)
    return waitMs === 0
  }

  /** Sends so many bytes, with the marks that are due. */
  send(bytes: number, send: () => void): void {
    const nowMs = performance.now()
    this.#ping(this.#pace.markBefore(nowMs))
    send()
    this.#pace.sent(bytes, nowMs)
    this.#rate.sent(bytes, nowMs)
    this.#ping(this.#pace.markBehind(nowMs))
  }

  stop(): void {
    clearTimeout(this.#silentTimer)
    clearTimeout(this.#rateTimer)
  }

  #resumeIn(ms: number): void {
    this.#rateTimer ??= setTimeout(() => {
      this.#rateTimer = undefined
      this.#parts.resume()
    }, ms)
  }

  /** The other end's platform sends it back by itself (RFC 6455 §5.5.2), and wakes nobody for it. */
  #ping(mark: string | undefined): void {
    if (mark === undefined || this.#socket.readyState !== WebSocket.OPEN) return
    this.#parts.flush()
    this.#socket.ping?.(mark)
    if (!this.#pace.hasHeard) this.#silentTimer ??= setTimeout(() => this.#came(undefined), WEB_PACE_SILENT_MS)
  }

  /** A mark has come back; undefined: none ever does. */
  #came(name: string | undefined): void {
    clearTimeout(this.#silentTimer)
    if (name === undefined) this.#pace.giveUp()
    else this.#pace.came(name, performance.now())
    this.#parts.resume()
  }
}
