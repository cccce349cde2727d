/** What becomes of a fault in the agent itself that nothing has caught: one line says so and what to do, the agent leaves in good order, and its end is not a good one. */
import { EXIT, type ExitCode } from './exit.ts'
import { FAULT_LEAVE_MS } from './limits.ts'
import type { Log } from './log.ts'

interface Ways {
  /** Asks the agent to leave in good order. */
  readonly leave: () => void
  /** Ends all server processes, and the agent with this code, at once. */
  readonly kill: (exit: ExitCode) => void
}

/** Where Node tells of such faults, rejections that nobody awaits among them. */
export interface FaultSource {
  on(event: 'uncaughtException', hear: (error: unknown, origin: string) => void): unknown
}

export class UncaughtFaults {
  #exit: ExitCode = EXIT.OK

  constructor(log: Log, { leave, kill }: Ways, source: FaultSource = process) {
    source.on('uncaughtException', (error, origin) => {
      const fault = error instanceof Error ? (error.stack ?? error.message) : String(error)
      // What follows from the first says little, and may come with every message.
      if (this.#exit !== EXIT.OK) return log.debug('fault.more', { origin, fault })
      this.#exit = EXIT.INTERNAL
      log.error('fault', {
        origin,
        fault,
        meaning: `a fault in the agent, not in your server: it leaves in good order and exits with ${EXIT.INTERNAL}. Start it again, and report this line`,
      })
      // It may have broken what leaving needs.
      setTimeout(() => kill(EXIT.INTERNAL), FAULT_LEAVE_MS).unref()
      leave()
    })
  }

  /** What the program ends with when it has left in good order. */
  get exit(): ExitCode {
    return this.#exit
  }
}
