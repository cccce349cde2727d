/** Runs the agent beside the relay. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { supervise, type Supervised } from './child-process.ts'
import { parseObject } from './json.ts'

/** The agent drains its calls and runs the stop ladder of its children before it ends. */
const STOP_GRACE_MS = 15_000

export interface RunningAgent extends Supervised {
  /** Resolves when the relay has welcomed the agent. */
  readonly ready: Promise<void>
}

export interface AgentOptions {
  readonly agentFile: string
  readonly relay: string
  readonly token: string
  readonly cwd: string
  readonly command: readonly string[]
  /** Gets what the agent and the server write to stderr, line by line. */
  readonly log: (line: string) => void
}

/**
 * Starts the agent. Its token travels in the environment: arguments are visible to every user of the machine.
 *
 * @throws {Error} when the agent could not be started.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const child = spawn(process.execPath, [options.agentFile, '--json', '--', ...options.command], {
    cwd: options.cwd,
    stdio: ['ignore', 2, 'pipe'],
    env: agentEnvironment(options),
    detached: true,
  })
  const agent = await supervise(child, 'SIGTERM', STOP_GRACE_MS)
  const { stderr } = child
  const ready = new Promise<void>((resolve) => {
    if (stderr === null) throw new Error('the agent has no stderr')
    createInterface({ input: stderr }).on('line', (line) => {
      if (parseObject(line)?.['event'] === 'ready') resolve()
      options.log(line)
    })
  })
  return { ...agent, ready }
}

/** Ours, so that the agent's other options can be given as variables; but where it connects to, and that it says when it is ready, is our affair. */
function agentEnvironment(options: AgentOptions): NodeJS.ProcessEnv {
  const { MCP_EDGE_TOKEN_FILE: _file, MCP_EDGE_LOG_LEVEL: level, ...rest } = process.env
  return { ...rest, MCP_EDGE_TOKEN: options.token, MCP_EDGE_RELAY: options.relay, MCP_EDGE_LOG_LEVEL: level === 'debug' ? level : 'info' }
}
