/** One structured line per event, fields not prose, never a payload or a secret. The only user of console in the Worker. */
import { LOGGED_CALLS, LOGGED_CALLS_MS } from './limits.ts'

/** Writes a line. */
export function log(event: string, fields: Record<string, string | number | boolean | undefined> = {}): void {
  // oxlint-disable-next-line no-console -- the Worker's log is the console
  console.log(JSON.stringify({ event, ...fields }))
}

/** Bounds the lines of an event: of a storm the rest is counted, since a line costs more than a call. */
export class StormGauge {
  /** Name of the line that says how many there are without one. */
  readonly #rest: string
  #windowMs = -Infinity
  #inWindow = 0

  constructor(rest: string) {
    this.#rest = rest
  }

  /** Whether one more may have a line now, in milliseconds since 1970. */
  hasRoom(nowMs: number): boolean {
    if (nowMs - this.#windowMs >= LOGGED_CALLS_MS) {
      if (this.#inWindow > LOGGED_CALLS) log(this.#rest, { unlogged: this.#inWindow - LOGGED_CALLS })
      this.#windowMs = nowMs
      this.#inWindow = 0
    }
    return ++this.#inWindow <= LOGGED_CALLS
  }
}

const PRIME_A = 0x9e3779b1
const PRIME_B = 0x85ebca77

/**
 * A short name in place of an id, in ten hex digits: the same for the same id, and no id can be read from it. Not for secrets. Two hashes
 * of 32 bits, since the platform's own (Web Crypto) is asynchronous and costs more than a call.
 */
export function hashedName(id: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let at = 0; at < id.length; at++) {
    const unit = id.charCodeAt(at)
    a = Math.imul(a ^ unit, PRIME_A)
    b = Math.imul(b ^ unit, PRIME_B)
  }
  a = Math.imul(a ^ (a >>> 16), PRIME_B) ^ Math.imul(b ^ (b >>> 13), PRIME_A)
  b = Math.imul(b ^ (b >>> 16), PRIME_B) ^ Math.imul(a ^ (a >>> 13), PRIME_A)
  return (a >>> 0).toString(16).padStart(8, '0') + ((b >>> 0) & 0xff).toString(16).padStart(2, '0')
}
