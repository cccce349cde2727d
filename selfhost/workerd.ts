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
  /** Gets its output: a file descriptor, or a function that gets it line by line. */
  readonly output: number | ((line: string) => void)
}

/** How many of its last lines are told when it does not start. */
const TOLD_LINES = 20

/**
 * Starts workerd and waits until it listens.
 *
 * @throws {Error} when it ends before it listens.
 */
export async function startWorkerd({ configFile, storageDir, variables, onProcess, output }: WorkerdOptions): Promise<RunningRelay> {
  const args = ['serve', '--control-fd=3', `--directory-path=${STORAGE_DISK}=${storageDir}`, configFile]
  const descriptor = typeof output === 'number' ? output : 'pipe'
  const child = spawn(findBinary(), args, {
    stdio: ['ignore', descriptor, descriptor, 'pipe'],
    env: { ...workerdEnvironment(), ...variables },
    // A process group of its own: Ctrl-C must not reach it, so that the agent can still close its link to the relay.
    detached: true,
  })
  // On SIGTERM workerd waits until every WebSocket has closed, however long that takes.
  const relay = await supervise(child, 'SIGINT', STOP_GRACE_MS)
  onProcess(relay.pid)
  const said: string[] = []
  const outputs = [child.stdout, child.stderr].map((stream) => readLines(stream, output, said))
  const port = await Promise.race([readPort(child.stdio[3] as Readable), relay.ended])
  if (typeof port === 'number') return { ...relay, port }
  await Promise.all(outputs)
  throw new Error([`workerd did not start (${port})`, ...said].join('\n'))
}

/** Hands a stream's lines on, and keeps the last of them in `said`, until it ends. */
async function readLines(stream: Readable | null, output: WorkerdOptions['output'], said: string[]): Promise<void> {
  if (stream === null || typeof output === 'number') return
  for await (const line of createInterface({ input: stream })) {
    output(line)
    if (said.push(line) > TOLD_LINES) said.shift()
  }
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
