/** Whether an agent that seems connected still answers: a half-open link looks like any other until something is sent. */
import { DOUBT_MS, HEARD_NOTED_MS, LINK_QUIET_MS, UNANSWERED_MS } from '../../limits.ts'
import type { AgentLink, AgentLinks, LinkSigns } from './links.ts'

/** What is known of one socket, in milliseconds since 1970. */
interface Signs {
  heardAtMs: number
  /** The oldest call after which nothing at all was heard. */
  waitingSinceMs: number | undefined
  /** What the socket itself remembers. */
  noted: LinkSigns
}

export class LinkHealth {
  readonly #links: AgentLinks
  readonly #pongAtMs: (socket: WebSocket) => number
  readonly #signs = new WeakMap<WebSocket, Signs>()

  /** `pongAtMs`: when the platform last answered a ping of this socket; 0 when it never did. */
  constructor(links: AgentLinks, pongAtMs: (socket: WebSocket) => number) {
    this.#links = links
    this.#pongAtMs = pongAtMs
  }

  /** A frame has come. It is noted on the socket now and then, so that sleep does not lose it. */
  heard(link: AgentLink, nowMs: number): void {
    const signs = this.#signsOf(link)
    signs.heardAtMs = nowMs
    signs.waitingSinceMs = undefined
    const { heardAtMs, silentSinceMs } = signs.noted
    if (silentSinceMs !== undefined || nowMs - heardAtMs > HEARD_NOTED_MS) this.#note(link, signs)
  }

  /** A call was sent, which the agent answers or receipts within a second. */
  sent(link: AgentLink, nowMs: number): void {
    this.#signsOf(link).waitingSinceMs ??= nowMs
  }

  /** When the agent last gave a sign of life, in milliseconds since 1970. */
  heardAtMs(link: AgentLink): number {
    return Math.max(this.#signsOf(link).heardAtMs, this.#pongAtMs(link.socket))
  }

  /** Whether a call has gone without any sign of life for so long that nobody should wait for this link. */
  isSuspect(link: AgentLink, nowMs: number): boolean {
    const signs = this.#signsOf(link)
    const { waitingSinceMs } = signs
    if (waitingSinceMs === undefined || nowMs - waitingSinceMs < UNANSWERED_MS) return false
    if (this.#pongAtMs(link.socket) > waitingSinceMs) return false
    if (signs.noted.silentSinceMs === undefined) this.#note(link, signs)
    return true
  }

  /** How long to wait for a sign of life after a call, in milliseconds: less when pings are overdue, as with other settings they may be. */
  patienceMs(link: AgentLink, nowMs: number): number {
    return nowMs - this.heardAtMs(link) > LINK_QUIET_MS ? DOUBT_MS : UNANSWERED_MS
  }

  #note(link: AgentLink, signs: Signs): void {
    signs.noted = { heardAtMs: signs.heardAtMs, silentSinceMs: signs.waitingSinceMs }
    this.#links.noteSigns(link, signs.noted)
  }

  #signsOf(link: AgentLink): Signs {
    const known = this.#signs.get(link.socket)
    if (known !== undefined) return known
    const noted = this.#links.signsOf(link)
    const signs: Signs = { heardAtMs: noted.heardAtMs, waitingSinceMs: noted.silentSinceMs, noted }
    this.#signs.set(link.socket, signs)
    return signs
  }
}
