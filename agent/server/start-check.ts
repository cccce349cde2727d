/**
 * Starts a server that has ended without an answer once more, with the question that its clients will ask: some servers die of
 * an unknown method, others die because they lack something, and only those need their owner.
 */
import { scanMessage } from '../../protocol/json/json-scan.ts'
import type { Child, ChildHandlers } from './child.ts'
import { initializeRequest } from './era-questions.ts'
import { LastWords } from '../last-words.ts'
import { PROBE_GIVE_UP_MS } from '../limits.ts'
import type { Log } from '../log.ts'

interface StartCheckOptions {
  readonly startChild: (handlers: ChildHandlers) => Child
  /** The agent's version, for the server's eyes. */
  readonly version: string
  readonly log: Log
}

export class StartCheck {
  /** The process is gone. Never rejects. */
  readonly gone: Promise<void>
  readonly #child: Child
  /** It has said something, or is told to go: its end means nothing. */
  #isDone = false

  constructor({ startChild, version, log }: StartCheckOptions) {
    const gone = Promise.withResolvers<void>()
    this.gone = gone.promise
    // Many say on stdout why they end: what they need, how they are used.
    const words = new LastWords()
    const timer = setTimeout(() => void this.stop(), PROBE_GIVE_UP_MS)
    this.#child = startChild({
      line: (bytes) => {
        if (scanMessage(bytes).ok) void this.stop()
        else words.add(bytes)
      },
      tooLong: () => {},
      stderr: () => {},
      gone: ({ exitCode, signal, stderr, startError }) => {
        clearTimeout(timer)
        gone.resolve()
        if (this.#isDone) return
        for (const line of [...words.lines, ...stderr.split('\n')]) if (line !== '') log.child('start', line)
        log.error('server.fails', {
          exitCode,
          signal,
          error: startError,
          meaning:
            'the server ends before it has answered initialize, so no client can use it; a variable that it needs is given with --env NAME',
        })
      },
    })
    this.#child.write(Buffer.from(`${initializeRequest(version)}\n`), () => {})
  }

  stop(): Promise<void> {
    this.#isDone = true
    return this.#child.stop()
  }

  kill(): void {
    this.#isDone = true
    this.#child.kill()
  }
}
