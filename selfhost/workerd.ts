/** Runs the workerd binary with the relay's configuration. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { supervise, type Supervised } from './child-process.ts'
import { STORAGE_DISK } from './config.ts'
import { parseObject } from './json.ts'

export interface RunningRelay extends Supervised {
  readonly port: number
}

/** For workerd to end after its signal. It has nothing to finish: its storage is a database that survives a kill. */
const STOP_GRACE_MS = 3_000

/** Path of the workerd binary. The command that npm links is a script, which leaves the binary running when it is killed. */
function findBinary(): string {
  const found: unknown = createRequire(import.meta.url)('workerd')
  if (typeof found === 'object' && found !== null && 'default' in found && typeof found.default === 'string') return found.default
  throw new Error('the workerd package does not name its binary; run npm ci again')
}

export interface WorkerdOptions {
  readonly configFile: string
  readonly storageDir: string
  /** Environment variables from which the configuration takes the Worker's variables. */
  readonly variables: Readonly<Record<string, string>>
  /** Called as soon as there is a process. */
  readonly onProcess: (pid: number) => void
  /** File descriptor for its output; by default the stderr of this process. */
  readonly output?: number
}

/**
 * Starts workerd and waits until it listens.
 *
 * @throws {Error} when it ends before it listens.
 */
export async function startWorkerd({ configFile, storageDir, variables, onProcess, output = 2 }: WorkerdOptions): Promise<RunningRelay> {
  const args = ['serve', '--control-fd=3', `--directory-path=${STORAGE_DISK}=${storageDir}`, configFile]
  const child = spawn(findBinary(), args, {
    stdio: ['ignore', output, output, 'pipe'],
    env: { ...workerdEnvironment(), ...variables },
    // A process group of its own: Ctrl-C must not reach it, so that the agent can still close its link to the relay.
    detached: true,
  })
  // On SIGTERM workerd waits until every WebSocket has closed, however long that takes.
  const relay = await supervise(child, 'SIGINT', STOP_GRACE_MS)
  onProcess(relay.pid)
  const port = await Promise.race([readPort(child.stdio[3] as Readable), relay.ended])
  if (typeof port === 'number') return { ...relay, port }
  throw new Error(`workerd did not start (${port})`)
}

/** The variables that workerd itself may need: it gets no others of this process. */
function workerdEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'SystemRoot', 'TEMP']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
}

/** The port in the first `listen` event that workerd writes to its control descriptor, one JSON object a line. */
async function readPort(control: Readable): Promise<number> {
  for await (const line of createInterface({ input: control })) {
    const port = parseObject(line)?.['port']
    if (typeof port === 'number') return port
  }
  return new Promise(() => {})
}
