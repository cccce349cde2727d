/** The real agent in this process, over a scripted relay: everything but the command line and signals. */
import { AgentExit } from '../../../agent/exit.ts'
import { agentCommand, parse, prepare, VERSION } from '../../../agent/config/options.ts'
import { createLog } from '../../../agent/log.ts'
import { run } from '../../../agent/run.ts'
import { startGuard } from '../../../agent/server/guard.ts'

/** Ends the servers of all agents here when this process is killed. */
const guard = startGuard(() => {}, process.platform)

/** How an agent has ended: with 0, or with the exit code and the code of its error. */
export interface LocalEnd {
  readonly exit: number
  readonly code?: string
  readonly message?: string
}

export class LocalAgent implements AsyncDisposable {
  readonly ended: Promise<LocalEnd>
  /** What it has logged, as JSON lines. */
  log = ''
  readonly #leave = new AbortController()
  readonly #kill = new AbortController()
  readonly #waiting = new Set<() => void>()

  constructor(token: string, args: readonly string[]) {
    const command = agentCommand()
    parse(command, ['--token', token, ...args])
    const { settings, childEnv, mask } = prepare(command, process.cwd())
    const write = (line: string): void => {
      this.log += line
      for (const look of this.#waiting) look()
    }
    const log = createLog({ level: settings.logLevel, json: true, mask, write, now: () => new Date() })
    const signals = { leave: this.#leave.signal, kill: this.#kill.signal }
    this.ended = run({ settings, childEnv, mask, log, guard, version: VERSION, platform: process.platform, ...signals }).then(
      () => ({ exit: 0 }),
      (error: unknown) => {
        if (!(error instanceof AgentExit)) throw error
        return { exit: error.exit, code: error.code, message: error.message }
      },
    )
  }

  /** As SIGTERM does. */
  leave(): void {
    this.#leave.abort()
  }

  /** Resolves when the agent's log has it. */
  async logged(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.log)
      if (found !== null) return found
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await promise
      this.#waiting.delete(resolve)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill.abort()
    this.#leave.abort()
    await this.ended
  }
}
