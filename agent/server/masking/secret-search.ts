/** Looks for many secrets at once, in one pass that leaps over most bytes (after Wu and Manber, "A fast algorithm for multi-pattern searching"). Pure. */

/** Pairs of bytes are told apart by as many values: a table that stays in the processor's nearest memory. */
const PAIRS = 4096
/** Longest leap: a byte of the table holds it. */
const MAX_WINDOW_BYTES = 255

function pairOf(first: number, second: number): number {
  return ((first << 5) ^ second) & (PAIRS - 1)
}

export class SecretSearch {
  /** So many bytes of each secret, its first, are looked at before it is compared: as many as the shortest has. */
  readonly #window: number
  /** How far the window may go on when it ends with this pair; 0 where a secret may stand in it. */
  readonly #leaps: Uint8Array
  /** The secrets whose window ends with a pair, by that. */
  readonly #ending: Uint8Array[][] = Array.from({ length: PAIRS }, () => [])

  /** Each has two bytes or more. */
  constructor(secrets: readonly Uint8Array[]) {
    this.#window = Math.min(MAX_WINDOW_BYTES, ...secrets.map(({ length }) => length))
    this.#leaps = new Uint8Array(PAIRS).fill(this.#window - 1)
    for (const secret of secrets) {
      for (let at = 1; at < this.#window; at++) {
        const pair = pairOf(secret[at - 1] ?? 0, secret[at] ?? 0)
        this.#leaps[pair] = Math.min(this.#leaps[pair] ?? 0, this.#window - 1 - at)
      }
      const last = pairOf(secret[this.#window - 2] ?? 0, secret[this.#window - 1] ?? 0)
      this.#ending[last]?.push(secret)
    }
  }

  /** Where any of the secrets begins and ends, and the next, in order: flat, since there may be millions. What overlaps is one. */
  find(bytes: Uint8Array): number[] {
    const found: number[] = []
    const leaps = this.#leaps
    const back = this.#window - 1
    let at = back
    while (at < bytes.length) {
      const pair = pairOf(bytes[at - 1] ?? 0, bytes[at] ?? 0)
      const leap = leaps[pair] ?? 0
      if (leap > 0) {
        at += leap
        continue
      }
      for (const secret of this.#ending[pair] ?? [])
        if (bytes[at - back] === secret[0] && standsAt(bytes, at - back, secret)) note(found, at - back, at - back + secret.length)
      at++
    }
    return found
  }
}

function note(found: number[], from: number, to: number): void {
  const last = found.length - 1
  if (last > 0 && from < (found[last] ?? 0)) found[last] = Math.max(found[last] ?? 0, to)
  else found.push(from, to)
}

function standsAt(bytes: Uint8Array, from: number, secret: Uint8Array): boolean {
  // The last byte first: of a secret that begins as the text goes on and on, this ends most comparisons at once.
  if (bytes[from + secret.length - 1] !== secret[secret.length - 1]) return false
  for (let at = 0; at < secret.length; at++) if (bytes[from + at] !== secret[at]) return false
  return true
}
