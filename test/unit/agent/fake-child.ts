/** A server process that the test plays itself. */
import type { Child, ChildEnd, ChildHandlers } from '../../../agent/server/child.ts'

export class FakeChild implements Child {
  readonly pid = 1
  readonly handlers: ChildHandlers
  /** Lines that the channel has written, parsed. */
  readonly written: Record<string, unknown>[] = []
  readonly lines: string[] = []
  readonly #pending: ((taken: boolean) => void)[] = []
  readonly #gone = Promise.withResolvers<void>()
  /** While false, nothing that is written counts as taken. */
  reads = true
  paused = false
  stopped = false
  /** What its client has shown for the server, oldest first. */
  readonly shown: string[] = []
  /** What was shown with each line. */
  readonly shownWith: (string | undefined)[] = []

  constructor(handlers: ChildHandlers) {
    this.handlers = handlers
  }

  write(bytes: Uint8Array, done: (taken: boolean) => void, authorization?: string): void {
    this.shownWith.push(authorization)
    const line = Buffer.from(bytes).toString('utf8')
    this.lines.push(line)
    this.written.push(JSON.parse(line) as Record<string, unknown>)
    if (this.reads) done(true)
    else this.#pending.push(done)
  }

  /** Takes all that was written and not taken. */
  read(): void {
    for (const done of this.#pending.splice(0)) done(true)
  }

  says(message: unknown): void {
    this.handlers.line(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)))
  }

  ends(end: Partial<ChildEnd> = {}): void {
    for (const done of this.#pending.splice(0)) done(false)
    this.handlers.gone({ exitCode: 0, signal: null, stderr: '', ...end })
    this.#gone.resolve()
  }

  unfinished(): undefined {}

  authorize(authorization: string): void {
    this.shown.push(authorization)
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  stop(): Promise<void> {
    this.stopped = true
    return this.#gone.promise
  }

  kill(): void {
    this.stopped = true
  }
}
