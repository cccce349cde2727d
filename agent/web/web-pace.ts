/**
 * How much of web exchanges may be on its way on one link while calls go on beside them: as much as keeps it busy, and not so much that what an MCP
 * server answers waits long behind it. Found by marks that the other end sends back: those behind bodies tell how fast these arrive, those that
 * nothing is before tell how long the way is. No I/O, no timer.
 */
import { WEB_PACE_LEAST_BYTES, WEB_PACE_MEMORY_MS, WEB_PACE_RATE_MS } from '../web-limits.ts'

interface Mark {
  readonly name: string
  /** Bytes that had been sent by then. */
  readonly sent: number
  readonly atMs: number
  /** What had arrived when it was sent, and when that was known. */
  readonly arrived: number
  readonly arrivedAtMs: number
}

interface Sample {
  readonly value: number
  readonly atMs: number
}

/** How much more than the link holds may be on its way: less would leave it idle where its speed varies. */
const GAIN = 2

export class WebPace {
  #sent = 0
  #arrived = 0
  #arrivedAtMs = 0
  readonly #marks: Mark[] = []
  #names = 0
  #marked = 0
  /** How long a mark takes there and back that nothing is before, in milliseconds. */
  #way: Sample | undefined
  /** When it was asked last. */
  #askedMs = -Infinity
  /** Bytes a millisecond that have arrived, of some measurements. */
  #rates: Sample[] = []
  #isOff = false
  #hasHeard = false

  /** Whether any mark has come back. */
  get hasHeard(): boolean {
    return this.#hasHeard
  }

  /** Whether more may be sent now. What is not known of late has to be found out first, when nothing is on its way. Times are monotonic milliseconds. */
  hasRoom(nowMs: number): boolean {
    const onWay = this.#sent - this.#arrived
    if (this.#isOff || onWay === 0) return true
    return !this.#isStale(nowMs) && onWay < this.#limit
  }

  /** The name of a mark that is to go before what is sent next; undefined while none is due. */
  markBefore(nowMs: number): string | undefined {
    if (this.#isOff || this.#sent > this.#arrived || !this.#isStale(nowMs, WEB_PACE_MEMORY_MS / 2)) return undefined
    this.#askedMs = nowMs
    return this.#mark(nowMs)
  }

  /** Bytes were handed to the link. */
  sent(bytes: number, nowMs: number): void {
    // A link that was idle has had no speed meanwhile.
    if (this.#sent === this.#arrived) this.#arrivedAtMs = nowMs
    this.#sent += bytes
  }

  /** The name of a mark that is to follow upon what was sent; undefined while none is due. */
  markBehind(nowMs: number): string | undefined {
    if (this.#isOff || this.#sent - this.#marked < Math.max(WEB_PACE_LEAST_BYTES, this.#limit / 4)) return undefined
    this.#marked = this.#sent
    return this.#mark(nowMs)
  }

  /** The name of a mark without which nothing would tell that the rest has arrived; undefined where one is on its way. */
  markRest(nowMs: number): string | undefined {
    if (this.#isOff || this.#marks.length > 0 || this.#sent === this.#arrived) return undefined
    this.#marked = this.#sent
    return this.#mark(nowMs)
  }

  /** A mark has come back, and with it word of all that was sent before it. */
  came(name: string, nowMs: number): void {
    const at = this.#marks.findIndex((mark) => mark.name === name)
    const mark = this.#marks[at]
    if (mark === undefined) return
    this.#marks.splice(0, at + 1)
    this.#hasHeard = true
    if (mark.sent === mark.arrived) {
      this.#way = { value: nowMs - mark.atMs, atMs: nowMs }
      return
    }
    const value = (mark.sent - mark.arrived) / Math.max(nowMs - mark.arrivedAtMs, Number.EPSILON)
    this.#rates = [...this.#rates.filter(({ atMs }) => nowMs - atMs <= WEB_PACE_RATE_MS), { value, atMs: nowMs }].slice(-8)
    this.#arrived = mark.sent
    this.#arrivedAtMs = nowMs
  }

  /** Nothing comes back on this link: some proxies keep marks to themselves. */
  giveUp(): void {
    this.#isOff = true
    this.#marks.length = 0
  }

  #mark(nowMs: number): string {
    const name = String(++this.#names)
    this.#marks.push({ name, sent: this.#sent, atMs: nowMs, arrived: this.#arrived, arrivedAtMs: this.#arrivedAtMs })
    return name
  }

  #isStale(nowMs: number, ageMs = WEB_PACE_MEMORY_MS): boolean {
    return nowMs - this.#askedMs > ageMs
  }

  get #limit(): number {
    const rate = Math.max(0, ...this.#rates.map(({ value }) => value))
    return Math.max(WEB_PACE_LEAST_BYTES, GAIN * rate * (this.#way?.value ?? 0))
  }
}
