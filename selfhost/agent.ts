/** Runs the agent in this process, beside the relay: one Node process less on a machine that runs both. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Variables } from '../agent/config/environment.ts'
import type { Guard } from '../agent/server/guard.ts'
import { createLog, type Log } from '../agent/log.ts'
import { agentCommand, parse, prepare, VERSION, type Prepared } from '../agent/config/options.ts'
import { run } from '../agent/run.ts'
import { CHECKOUT_PROGRAM } from './report.ts'

/** For the agent to end its calls and then its server processes. */
const STOP_GRACE_MS = 15_000

export interface RunningAgent {
  /** Resolves when the relay has welcomed the agent. */
  readonly ready: Promise<void>
  /** Says in a few words how the agent ended; never rejects. */
  readonly ended: Promise<string>
  /** Whether the server was seen to fail at its start. */
  readonly serverFails: () => boolean
  /** Lets it finish its calls within STOP_GRACE_MS, then ends it at once, and waits for that. */
  readonly stop: () => Promise<void>
}

export interface AgentOptions {
  readonly relay: string
  readonly token: string
  readonly cwd: string
  /** Options as the agent's command line has them. */
  readonly options: readonly string[]
  readonly command: readonly string[]
  /** The user's environment. */
  readonly env: Variables
  readonly guard: Guard
  /** Gets what the agent and the server say, as JSON, line by line. */
  readonly write: (line: string) => void
}

type CommandLine = Pick<AgentOptions, 'relay' | 'token' | 'cwd' | 'options' | 'command' | 'env'>

/**
 * Reads the agent's command line; what it leaves out may be given as environment variables.
 *
 * @throws {AgentExit} that names the option or variable that is wrong.
 */
export function readAgentOptions({ relay, token, cwd, options, command, env }: CommandLine): Prepared {
  const parsed = agentCommand()
  parse(parsed, [...options, '--relay', relay, '--token', token, '--', ...command])
  return prepare(parsed, cwd, env)
}

/**
 * Starts the agent.
 *
 * @throws {AgentExit} when an option or a variable is wrong.
 */
export function startAgent({ guard, write, ...commandLine }: AgentOptions): RunningAgent {
  const { settings, childEnv, mask, warnings } = readAgentOptions(commandLine)
  const spoken = createLog({ level: settings.logLevel, json: true, mask, write: (line) => write(line.trimEnd()), now: () => new Date() })
  const welcome = Promise.withResolvers<void>()
  let serverFails = false
  const log: Log = {
    ...spoken,
    error: (event, fields) => {
      if (event === 'server.fails') serverFails = true
      spoken.error(event, fields)
    },
    info: (event, fields) => {
      if (event === 'ready') welcome.resolve()
      spoken.info(event, fields)
    },
  }
  for (const meaning of warnings) log.warn('options', { meaning })
  const leave = new AbortController()
  const kill = new AbortController()
  const signals = { leave: leave.signal, kill: kill.signal }
  const ended = run({
    settings,
    childEnv,
    mask,
    log,
    guard,
    version: VERSION,
    program: CHECKOUT_PROGRAM,
    platform: process.platform,
    ...signals,
  }).then(
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
  return { ready: welcome.promise, ended, serverFails: () => serverFails, stop }
}
