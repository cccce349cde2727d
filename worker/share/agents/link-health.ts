/** Tells whether an agent that seems connected still responds: a half-open link looks like any other until something is sent. No timers. */
import { DOUBT_MS, HEARD_NOTED_MS, LINK_QUIET_MS, UNANSWERED_MS } from '../../limits.ts'
import type { LinkSigns } from './link-attachment.ts'
import type { AgentLinks } from './links.ts'
import type { AgentLink } from './agent-link.ts'

/** What is known of one socket, in milliseconds since 1970. */
interface Signs {
  heardAtMs: number
  /** When the oldest call was sent since which nothing at all was heard. */
  waitingSinceMs: number | undefined
  /** What the socket's attachment says. */
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

  /** A frame has come. It is noted in the socket's attachment now and then, so that hibernation does not lose it. */
  heard(link: AgentLink, nowMs: number): void {
    const signs = this.#signsOf(link)
    signs.heardAtMs = nowMs
    signs.waitingSinceMs = undefined
    const { heardAtMs, silentSinceMs } = signs.noted
    if (silentSinceMs !== undefined || nowMs - heardAtMs > HEARD_NOTED_MS) this.#note(link, signs)
  }

  /** A call was sent. An agent answers or receipts it within a second. */
  sent(link: AgentLink, nowMs: number): void {
    this.#signsOf(link).waitingSinceMs ??= nowMs
  }

  /** When the agent last gave a sign of life, in milliseconds since 1970. */
  heardAtMs(link: AgentLink): number {
    return Math.max(this.#signsOf(link).heardAtMs, this.#pongAtMs(link.socket))
  }

  /** Whether nothing at all has come for so long after a call that nobody should wait for this link. */
  isSuspect(link: AgentLink, nowMs: number): boolean {
    return this.silentSinceMs(link, nowMs) !== undefined
  }

  /** Since when a suspect link owes any sign of life, in milliseconds since 1970; undefined for one that is not suspect. */
  silentSinceMs(link: AgentLink, nowMs: number): number | undefined {
    const signs = this.#signsOf(link)
    const { waitingSinceMs } = signs
    if (waitingSinceMs === undefined || nowMs - waitingSinceMs < UNANSWERED_MS) return undefined
    if (this.#pongAtMs(link.socket) > waitingSinceMs) return undefined
    if (signs.noted.silentSinceMs === undefined) this.#note(link, signs)
    return waitingSinceMs
  }

  /** How long to wait for a sign of life after a call, in milliseconds: less when the agent's pings are overdue. */
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
