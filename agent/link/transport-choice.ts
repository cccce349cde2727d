/** Whether a link goes by a WebSocket or by polls: decides by how attempts end whether something on the way lets no WebSocket through. No socket, no clock. */
import type { TransportSettings } from '../config/transport-options.ts'
import { DIAL_MS, HEALTHY_MS } from '../limits.ts'
import type { LinkEnd } from './link.ts'

/** No close was heard (RFC 6455 §7.4.1). */
const ABNORMAL = 1006
/** Ends in a row that may come of something on the way, after which polls are tried: a relay that is restarted, or a page that stood between for a moment, is past by then. */
const MAX_DOUBTS = 2
/** The same of links that the relay had welcomed: something has got through. */
const MAX_WELCOMED_DOUBTS = 3

export class TransportChoice {
  readonly #kind: TransportSettings['kind']
  #hasFallenBack = false
  /** Ends in a row that may come of something on the way, and may not. */
  #doubts = 0

  constructor(kind: TransportSettings['kind']) {
    this.#kind = kind
  }

  /** Whether the next link is to poll. */
  get polls(): boolean {
    return this.#kind === 'poll' || this.#hasFallenBack
  }

  /** Whether polls are to be given up for a WebSocket that gets through. */
  get canReturn(): boolean {
    return this.#kind === 'auto' && this.#hasFallenBack
  }

  /** Whether to try by polls now what has ended so by a WebSocket, dialled for `dialMs`. What the relay itself says is no reason, nor that nobody is there. */
  isBlocked(end: LinkEnd, dialMs = DIAL_MS): boolean {
    if (this.#kind !== 'auto') return false
    const doubt = doubtOf(end, dialMs)
    this.#doubts = doubt === 'none' ? 0 : this.#doubts + 1
    const wasWelcomed = end.kind === 'closed' && end.livedMs > 0
    return doubt === 'sure' || this.#doubts >= (wasWelcomed ? MAX_WELCOMED_DOUBTS : MAX_DOUBTS)
  }

  fellBack(): void {
    this.#hasFallenBack = true
    this.#doubts = 0
  }

  /** A WebSocket gets through, or polls get through no better: the next link begins with that. */
  returnToWebSocket(): void {
    this.#hasFallenBack = false
  }
}

/** `weak`: the same comes of a relay that is being restarted, and what a stranger says may hold for this once. */
function doubtOf(end: LinkEnd, dialMs: number): 'sure' | 'weak' | 'none' {
  switch (end.kind) {
    case 'refused':
      if (end.code === 'UPGRADE_NEEDED') return 'sure'
      return end.code === undefined ? 'weak' : 'none'
    case 'unreachable':
      if (/timed out/i.test(end.reason)) return dialMs < DIAL_MS ? 'weak' : 'sure'
      return /hang up|ECONNRESET|EPIPE|closed before|invalid|unexpected/i.test(end.reason) ? 'weak' : 'none'
    case 'closed':
      return end.code === ABNORMAL && end.livedMs < HEALTHY_MS ? 'weak' : 'none'
  }
}
