/** Masks secrets in what the agent writes and reports: exact values, wherever they stand. Pure. */
import { MASK_MIN_CHARS } from './limits.ts'

export const MASKED = '[secret]'

export class Mask {
  /** Longest first: a secret that contains another is replaced whole. */
  readonly #secrets: readonly string[]

  /** Values with several lines are masked line by line too, since text arrives so; and all as JSON spells them, since many logs are JSON. */
  constructor(values: Iterable<string>) {
    const parts = [...values].flatMap((value) => [value, ...value.split(/\r?\n/)]).filter((part) => part.length >= MASK_MIN_CHARS)
    const spelled = parts.flatMap((part) => [part, JSON.stringify(part).slice(1, -1)])
    this.#secrets = [...new Set(spelled)].toSorted((a, b) => b.length - a.length)
  }

  /** Length of the longest secret, in characters: as much of one may stand at the end of a text that was cut. */
  get longest(): number {
    return this.#secrets[0]?.length ?? 0
  }

  /** The text with every secret replaced. */
  apply(text: string): string {
    let masked = text
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, MASKED)
    return masked
  }
}
