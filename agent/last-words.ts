/** Keeps the last lines that a process prints before it serves anybody, and finds the address at which it says that it listens. No I/O, no clock. */
import { LAST_WORDS, LAST_WORD_CHARS } from './limits.ts'

export class LastWords {
  readonly #lines: string[] = []

  /** Blank lines are left out, long ones cut. Returns what is kept of it. */
  add(line: Uint8Array | string): string | undefined {
    const text = (typeof line === 'string' ? line : Buffer.from(line.subarray(0, LAST_WORD_CHARS * 4)).toString('utf8')).trimEnd()
    if (text === '') return undefined
    const kept = text.length > LAST_WORD_CHARS ? `${text.slice(0, LAST_WORD_CHARS)}…` : text
    this.#lines.push(kept)
    if (this.#lines.length > LAST_WORDS) this.#lines.shift()
    return kept
  }

  /** The oldest first. */
  get lines(): readonly string[] {
    return this.#lines
  }
}

/** What to do with a server that listens on a port instead of answering, as a sentence behind others; empty where its words do not say so. */
export function urlHint(lines: readonly string[]): string {
  const address = listeningAddress(lines)
  if (address === undefined) return ''
  const whole = new URL(address).pathname === '/' ? `${address}/mcp` : address
  return ` It says that it listens at ${address}: a server that speaks HTTP is shared with --url, as in --url ${whole}`
}

/** Where a server says that it listens, as one would call it from here; undefined where it says nothing of that. */
export function listeningAddress(lines: readonly string[]): string | undefined {
  for (const line of lines.toReversed()) {
    const url = /\bhttps?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::\d{1,5})?(?:\/[\w./-]*)?/i.exec(line)?.[0]
    if (url !== undefined) return url.replace(/0\.0\.0\.0|\[::\]/, 'localhost').replace(/[./]+$/, '')
    const port = /\b(?:listening|running|started|serving|ready)\b.*\bport\W{0,3}(\d{2,5})\b/i.exec(line)?.[1]
    if (port !== undefined) return `http://localhost:${port}`
  }
  return undefined
}
