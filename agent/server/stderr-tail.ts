/** Passes a child's stderr on line by line, secrets masked, and keeps its end, for a client that may be told it when the child fails. */
import { STDERR_TAIL_BYTES } from '../../protocol/limits.ts'
import { STDERR_LINE_BYTES } from '../limits.ts'
import type { Mask } from '../mask.ts'
import { LineSplitter } from './line-splitter.ts'

export class StderrTail {
  readonly #lines: LineSplitter
  #text = ''

  constructor(mask: Mask, onLine: (line: string) => void) {
    const take = (text: string): void => {
      const line = mask.apply(text)
      this.#text = `${this.#text}${line}\n`.slice(-STDERR_TAIL_BYTES)
      onLine(line)
    }
    this.#lines = new LineSplitter(STDERR_LINE_BYTES, {
      line: (bytes) => take(Buffer.from(bytes).toString('utf8')),
      // The cut may go through a secret, so whatever could be its beginning is dropped.
      tooLong: (head, _, size) => {
        const kept = Buffer.from(head.subarray(0, STDERR_LINE_BYTES)).toString('utf8')
        take(`${kept.slice(0, Math.max(0, kept.length - mask.longest))}… (${size} bytes)`)
      },
    })
  }

  /** At most STDERR_TAIL_BYTES in UTF-8, whole characters only. */
  get text(): string {
    const bytes = Buffer.from(this.#text.trimEnd())
    let from = Math.max(0, bytes.length - STDERR_TAIL_BYTES)
    while (((bytes[from] ?? 0) & 0xc0) === 0x80) from++
    return bytes.toString('utf8', from)
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk)
  }

  end(): void {
    this.#lines.end()
  }
}
