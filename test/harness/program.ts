/** Owns one process that a test starts: its output, its end, and that it does end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { within } from './deadline.ts'
import { LineLog } from './line-log.ts'

export const ROOT = join(import.meta.dirname, '../..')

const OWN_NODE = join(ROOT, 'node_modules/.bin/node')

/** The Node that the project brings; the one that runs the tests may be older. */
export const NODE = existsSync(OWN_NODE) ? OWN_NODE : process.execPath

/** Longest time that an orderly stop may take before the test kills the process and fails. */
const STOP_MS = 20_000

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Whether the test writes to its stdin; else it has none. */
  readonly input?: true
}

export class Program implements AsyncDisposable {
  /** Those of this process that have not ended. */
  static readonly running = new Set<Program>()

  readonly stdout: LineLog
  readonly stderr: LineLog
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #name: string

  constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
    const cwd = options.cwd ?? ROOT
    const env = { ...process.env, ...options.env }
    const child = options.input
      ? spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
      : spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    // A program that has ended takes no input; whoever waits for its output learns so.
    child.stdin?.on('error', () => {})
    this.#child = child
    this.#name = [command, ...args].join(' ').slice(0, 200)
    this.stdout = new LineLog(child.stdout)
    this.stderr = new LineLog(child.stderr)
    this.exited = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code, signal) => resolve({ code, signal }))
    })
    Program.running.add(this)
    const forget = (): void => void Program.running.delete(this)
    this.exited.then(forget, forget)
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error(`${this.#name} did not start`)
    return pid
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Writes a line to its stdin. */
  writeLine(line: string): void {
    if (this.#child.stdin === null) throw new Error(`${this.#name} has no stdin`)
    this.#child.stdin.write(`${line}\n`)
  }

  /** Sends a signal without waiting. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /**
   * Asks the process to end and waits for it.
   *
   * @throws Error when it does not end in time; it is killed then.
   */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (this.running) this.signal(name)
    try {
      return await within(this.exited, `the end of ${this.#name}`, STOP_MS)
    } catch (error) {
      this.signal('SIGKILL')
      throw new Error(`${String(error)}\n${this.stderr.tail()}`, { cause: error })
    }
  }

  async kill9(): Promise<Exit> {
    return await this.stop('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) await this.stop()
  }
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: ProgramOptions & { readonly boundMs?: number } = {},
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  await using program = new Program(command, args, options)
  const exit = await within(program.exited, `${command} ${args.join(' ').slice(0, 100)} to finish`, options.boundMs)
  return { ...exit, stdout: program.stdout.lines.join('\n'), stderr: program.stderr.lines.join('\n') }
}
