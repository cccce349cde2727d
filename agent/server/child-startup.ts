/** Watches a child until its first message: logs how long that took or that it stays silent, and says when none can come any more. */
import { JUNK_GIVE_UP_MS, JUNK_VERDICT_MS, SILENT_START_MS } from '../limits.ts'
import type { Log } from '../log.ts'
import { StdoutFormat } from './stdout-format.ts'

interface StartupOptions {
  readonly ch: string
  readonly log: Log
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Bytes of a line of stdout whose end has not come. */
  readonly unfinishedBytes: () => number
  /** Told once that what the child prints can never be a message, and why. */
  readonly unreadable: (detail: string) => void
}

export class ChildStartup {
  readonly #options: StartupOptions
  readonly #format = new StdoutFormat()
  readonly #sinceMs: number
  #junkMs = -Infinity
  #timer: NodeJS.Timeout
  #verdictTimer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(options: StartupOptions) {
    this.#options = options
    this.#sinceMs = options.now()
    this.#timer = setTimeout(() => this.#silent(), SILENT_START_MS).unref()
  }

  /** The child has said something. */
  message(): void {
    if (this.#isOver) return
    const { ch, log, now } = this.#options
    this.end()
    log.info('channel.started', { ch, tookMs: Math.round(now() - this.#sinceMs) })
  }

  /** A line that is no message. Once there was a message, such lines mean nothing more. */
  junk(line: Uint8Array): void {
    if (this.#isOver) return
    this.#junkMs = this.#options.now()
    const fault = this.#format.junk(line)
    if (fault === undefined) return
    const { detail, isCertain } = fault
    if (isCertain) this.#giveUp(detail)
    // A server that logs its answers in its own way prints the answer itself at once.
    else this.#verdictTimer ??= setTimeout(() => this.#giveUp(detail), JUNK_VERDICT_MS).unref()
  }

  /** The child is gone, or is told to go. */
  end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    clearTimeout(this.#verdictTimer)
  }

  #silent(): void {
    const { ch, log, unfinishedBytes } = this.#options
    log.warn('child.silent', {
      ch,
      forMs: SILENT_START_MS,
      junkLines: this.#format.lines,
      unfinishedBytes: unfinishedBytes(),
      meaning: 'no message since its start: is it an MCP server on stdio, and does it wait for something?',
    })
    this.#timer = setTimeout(() => this.#lastLook(), JUNK_GIVE_UP_MS - SILENT_START_MS).unref()
  }

  /** A server that greets and then takes long is waited for; one that goes on printing is none. */
  #lastLook(): void {
    const { now, unfinishedBytes } = this.#options
    if (unfinishedBytes() > 0) this.#giveUp('the server prints without a line end')
    else if (now() - this.#junkMs < SILENT_START_MS)
      this.#giveUp(`the server goes on printing on stdout, and none of its ${this.#format.lines} lines is a message`)
  }

  #giveUp(detail: string): void {
    this.end()
    this.#options.unreadable(detail)
  }
}
