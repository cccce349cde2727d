/** Watches a child until its first message: logs how long that took or that it stays silent, and says when none can come any more. */
import { scanMessage } from '../../protocol/json/json-scan.ts'
import { LastWords, urlHint } from '../last-words.ts'
import { JUNK_BYTES, JUNK_GIVE_UP_MS, JUNK_VERDICT_MS, LAST_WORDS, SILENT_START_MS, UNFINISHED_LOOK_MS } from '../limits.ts'
import type { Log } from '../log.ts'
import { StdoutFormat } from './stdout-format.ts'

interface StartupOptions {
  readonly ch: string
  readonly log: Log
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** A line of stdout whose end has not come, or undefined where it has more bytes than that. */
  readonly unfinished: (mostBytes: number) => Uint8Array | undefined
  /** Told once that what the child prints can never be a message, and why. */
  readonly unreadable: (detail: string) => void
}

export class ChildStartup {
  readonly #options: StartupOptions
  readonly #format = new StdoutFormat()
  readonly #words = new LastWords()
  readonly #sinceMs: number
  #junkMs = -Infinity
  readonly #lookTimer: NodeJS.Timeout
  readonly #silenceTimer: NodeJS.Timeout
  readonly #giveUpTimer: NodeJS.Timeout
  #verdictTimer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(options: StartupOptions) {
    this.#options = options
    this.#sinceMs = options.now()
    this.#lookTimer = setInterval(() => this.#look(), UNFINISHED_LOOK_MS).unref()
    this.#silenceTimer = setTimeout(() => this.#silent(), SILENT_START_MS).unref()
    this.#giveUpTimer = setTimeout(() => this.#lastLook(), JUNK_GIVE_UP_MS).unref()
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
    const { ch, log, now } = this.#options
    this.#junkMs = now()
    // Nothing of a client's stands in it yet, and it may say why the server ends, or what it waits for.
    const word = this.#words.add(line)
    if (word !== undefined && this.#format.lines < LAST_WORDS) log.child(ch, word)
    const fault = this.#format.junk(line)
    if (fault?.isCertain === true) this.#giveUp(fault.detail)
    else if (fault !== undefined) this.#suspect(fault.detail)
  }

  /** The child is gone, or is told to go. */
  end(): void {
    this.#isOver = true
    clearInterval(this.#lookTimer)
    for (const timer of [this.#silenceTimer, this.#giveUpTimer, this.#verdictTimer]) clearTimeout(timer)
  }

  /** A server that logs its answers in its own way prints the answer itself at once. */
  #suspect(detail: string): void {
    this.#verdictTimer ??= setTimeout(() => this.#giveUp(detail), JUNK_VERDICT_MS).unref()
  }

  #look(): void {
    const line = this.#options.unfinished(JUNK_BYTES)
    if (line !== undefined && scanMessage(line).ok) this.#suspect('the server ends its messages without a line end')
  }

  #silent(): void {
    const { ch, log } = this.#options
    log.warn('child.silent', {
      ch,
      forMs: SILENT_START_MS,
      junkLines: this.#format.lines,
      meaning: `no message since its start: is it an MCP server, and does it wait for something?${urlHint(this.#words.lines)}`,
    })
  }

  /** A server that greets and then takes long is waited for; one that goes on printing is none. */
  #lastLook(): void {
    if (this.#options.now() - this.#junkMs < SILENT_START_MS)
      this.#giveUp(`the server goes on printing on stdout, and none of its ${this.#format.lines} lines is a message`)
  }

  #giveUp(detail: string): void {
    this.end()
    this.#options.unreadable(detail)
  }
}
