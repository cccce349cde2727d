/** Runs the agent in this process, beside the relay: one Node process less on a machine that runs both. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Guard } from '../agent/server/guard.ts'
import { createLog, type Log } from '../agent/log.ts'
import { agentCommand, parse, prepare, VERSION } from '../agent/config/options.ts'
import { run } from '../agent/run.ts'

/** For the agent to end its calls and then its server processes. */
const STOP_GRACE_MS = 15_000

export interface RunningAgent {
  /** Resolves when the relay has welcomed the agent. */
  readonly ready: Promise<void>
  /** Says in a few words how the agent ended; never rejects. */
  readonly ended: Promise<string>
  /** Lets it finish its calls within STOP_GRACE_MS, then ends it at once, and waits for that. */
  readonly stop: () => Promise<void>
}

export interface AgentOptions {
  readonly relay: string
  readonly token: string
  readonly cwd: string
  readonly command: readonly string[]
  readonly guard: Guard
  /** Gets what the agent and the server say, as JSON, line by line. */
  readonly write: (line: string) => void
}

/**
 * Starts the agent. Its options other than relay and token can be given as environment variables.
 *
 * @throws {AgentExit} when a variable is wrong.
 */
export function startAgent({ relay, token, cwd, command, guard, write }: AgentOptions): RunningAgent {
  const parsed = agentCommand()
  parse(parsed, ['--relay', relay, '--token', token, '--', ...command])
  const { settings, childEnv, mask } = prepare(parsed, cwd)
  const spoken = createLog({ level: settings.logLevel, json: true, mask, write: (line) => write(line.trimEnd()), now: () => new Date() })
  const welcome = Promise.withResolvers<void>()
  const log: Log = {
    ...spoken,
    info: (event, fields) => {
      if (event === 'ready') welcome.resolve()
      spoken.info(event, fields)
    },
  }
  const leave = new AbortController()
  const kill = new AbortController()
  const signals = { leave: leave.signal, kill: kill.signal }
  const ended = run({ settings, childEnv, mask, log, guard, version: VERSION, platform: process.platform, ...signals }).then(
    () => 'it was told to',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  const stop = async (): Promise<void> => {
    leave.abort()
    const inTime = new AbortController()
    await Promise.race([ended, delay(STOP_GRACE_MS, undefined, { signal: inTime.signal }).catch(() => {})])
    inTime.abort()
    kill.abort()
  }
  return { ready: welcome.promise, ended, stop }
}
