/** Runs one server process, without a shell and in a process group of its own: passes its lines on, and stops it in three bounded steps. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import crossSpawn from 'cross-spawn'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { ErrorCode, Failure } from '../../protocol/errors.ts'
import { MAX_LINE_BYTES } from '../../protocol/limits.ts'
import type { Guard } from './guard.ts'
import { GROUP_POLL_MS, OUTPUT_AFTER_EXIT_MS, STDIN_END_GRACE_MS, TERM_GRACE_MS } from '../limits.ts'
import type { LineMask } from './masking/line-mask.ts'
import { LineSplitter } from './line-splitter.ts'
import type { Mask } from '../mask.ts'
import { StderrTail } from './stderr-tail.ts'

export interface ChildSpec {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** How a child ended. `startError` says why it never ran. */
export interface ChildEnd {
  readonly exitCode: number | null
  readonly signal: string | null
  /** The end of what it wrote to stderr, secrets masked. */
  readonly stderr: string
  readonly startError?: string | undefined
  /** What its first call fails with, where that is known better than that it did not start. */
  readonly code?: ErrorCode
  /** As in `Failure`. */
  readonly challenge?: string
  /** Raw ids of calls written to it that it did not take: it has said so, or they still waited for its list of tools. */
  readonly untaken?: readonly string[]
}

export interface ChildHandlers {
  /**
   * A line of stdout, secrets masked. The bytes are the receiver's own. `of`: the raw id of the call to which it belongs, where
   * that is certain; stdio does not say it.
   */
  readonly line: (bytes: Uint8Array, of?: string) => void
  /** A line of stdout over MAX_LINE_BYTES has ended: its first and last bytes, and how long it was. */
  readonly tooLong: (head: Uint8Array, tail: Uint8Array, size: number) => void
  /** A call, by its raw id, that the server refuses for whom it comes from: what its client is told. Stdio knows no such thing. */
  readonly refused?: (rawId: string, failure: Failure) => void
  /** A line of stderr, secrets masked. */
  readonly stderr: (line: string) => void
  /** The process is gone, and all that it wrote was passed on. Called once, and never from within `startChild`. */
  readonly gone: (end: ChildEnd) => void
}

export interface Child {
  readonly pid: number | undefined
  /** A line of stdout whose end has not come, or undefined where it has more bytes than that. */
  unfinished(mostBytes: number): Uint8Array | undefined
  /**
   * `done` is called once: with true when the kernel has taken the bytes, false when the child is gone before. `authorization`: what was shown
   * with this message, whatever its client has shown since.
   */
  write(bytes: Uint8Array, done: (taken: boolean) => void, authorization?: string): void
  /** What its client shows for the server from now on, for all that is no message of its own. Without it there is nothing that could be shown. */
  authorize?(authorization: string): void
  /** Stops reading stdout, so that the child waits in its own write. */
  pause(): void
  resume(): void
  /** Ends stdin, and if that is not enough sends SIGTERM, then SIGKILL, to the whole group. Resolves when the group is gone. */
  stop(): Promise<void>
  /** Sends SIGKILL to the whole group now. */
  kill(): void
}

/** Milliseconds that a child which is stopped has to exit, after the end of its stdin and then after SIGTERM. */
export interface StopGrace {
  readonly stdinEndMs: number
  readonly termMs: number
}

interface ChildContext {
  readonly guard: Guard
  /** Of its stderr. */
  readonly mask: Mask
  /** Of its stdout; none is looked through without. */
  readonly lineMask?: LineMask | undefined
  readonly platform: NodeJS.Platform
  readonly grace?: StopGrace
}

const DEFAULT_GRACE: StopGrace = { stdinEndMs: STDIN_END_GRACE_MS, termMs: TERM_GRACE_MS }

type Process = ChildProcessByStdio<Writable, Readable, Readable>

/** Never throws: a command that cannot run ends at once with `startError`. */
export function startChild(spec: ChildSpec, handlers: ChildHandlers, context: ChildContext): Child {
  try {
    const detached = context.platform !== 'win32'
    // On Windows `npx` is `npx.cmd`, which Node runs by a shell only; everywhere else this is Node's own.
    const process = crossSpawn(spec.command, [...spec.args], {
      cwd: spec.cwd,
      env: { ...spec.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached,
      windowsHide: true,
      shell: false,
    }) as Process
    // With no file descriptor left there are no pipes to attach to, and the error comes later.
    process.on('error', () => {})
    return new RunningChild(process, spec, handlers, context)
  } catch (error) {
    return unstarted(handlers, startError(spec, error))
  }
}

/** A process that never ran, for this reason. */
export function unstarted(handlers: ChildHandlers, reason: string, code?: ErrorCode): Child {
  const end = { exitCode: null, signal: null, stderr: '', startError: reason }
  setImmediate(() => handlers.gone(code === undefined ? end : { ...end, code }))
  return {
    pid: undefined,
    unfinished: () => undefined,
    write: (_, done) => setImmediate(done, false),
    pause: () => {},
    resume: () => {},
    stop: () => Promise.resolve(),
    kill: () => {},
  }
}

class RunningChild implements Child {
  readonly pid: number | undefined
  readonly #process: Process
  readonly #context: ChildContext
  readonly #grace: StopGrace
  readonly #gone = Promise.withResolvers<void>()
  readonly #exited = Promise.withResolvers<void>()
  readonly #stdout: LineSplitter
  readonly #stderr: StderrTail
  #startError: string | undefined
  #stopping: Promise<void> | undefined
  /** Its output is read whatever the flow says. */
  #drains = false
  #groupEnded: Promise<void> | undefined

  constructor(process: Process, spec: ChildSpec, handlers: ChildHandlers, context: ChildContext) {
    this.pid = process.pid
    this.#process = process
    this.#context = context
    this.#grace = context.grace ?? DEFAULT_GRACE
    this.#stderr = new StderrTail(context.mask, handlers.stderr)
    if (this.pid !== undefined) context.guard.add(this.pid)
    process.stdin.on('error', () => {})
    const { lineMask } = context
    const stdout = new LineSplitter(MAX_LINE_BYTES, handlers, lineMask && ((line) => lineMask.apply(line)))
    this.#stdout = stdout
    // The splitter itself is the listener, so that the way of an answer begins there.
    process.stdout.on('data', stdout.push.bind(stdout))
    process.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    process.on('error', (error) => {
      // Also emitted when a signal could not be sent; only a child without a pid never ran.
      if (this.pid === undefined) this.#startError = startError(spec, error)
    })
    process.on('exit', () => this.#leaderExited())
    process.on('close', (exitCode, signal) => {
      stdout.end()
      this.#stderr.end()
      this.#exited.resolve()
      this.#gone.resolve()
      const ended = this.#startError === undefined ? {} : { startError: this.#startError }
      handlers.gone({ exitCode: this.pid === undefined ? null : exitCode, signal, stderr: this.#stderr.text, ...ended })
    })
  }

  unfinished(mostBytes: number): Uint8Array | undefined {
    return this.#stdout.unfinished(mostBytes)
  }

  write(bytes: Uint8Array, done: (taken: boolean) => void): void {
    const { stdin } = this.#process
    if (stdin.writableCorked === 0) {
      // What is written in one turn reaches the pipe in one piece.
      stdin.cork()
      process.nextTick(() => stdin.uncork())
    }
    stdin.write(bytes, (error) => done(error === null || error === undefined))
  }

  pause(): void {
    if (!this.#drains) this.#process.stdout.pause()
  }

  resume(): void {
    this.#process.stdout.resume()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  kill(): void {
    this.#signal('SIGKILL')
  }

  async #stop(): Promise<void> {
    // A child that waits in a write, since nobody reads, would not see the end of its input.
    this.#drains = true
    this.resume()
    this.#process.stdin.end()
    if (!(await settles(this.#exited.promise, this.#grace.stdinEndMs))) {
      this.#signal('SIGTERM')
      if (!(await settles(this.#exited.promise, this.#grace.termMs))) this.#signal('SIGKILL')
    }
    await this.#gone.promise
    await this.#groupEnded
  }

  /** The process that we started is gone; others of its group may live on, and hold its pipes open. */
  #leaderExited(): void {
    this.#exited.resolve()
    // What the pipe still holds is bounded.
    this.#drains = true
    this.resume()
    this.#signal('SIGTERM')
    const cut = setTimeout(() => {
      this.#process.stdout.destroy()
      this.#process.stderr.destroy()
    }, OUTPUT_AFTER_EXIT_MS)
    void this.#gone.promise.then(() => clearTimeout(cut))
    this.#groupEnded = this.#endGroup()
  }

  async #endGroup(): Promise<void> {
    const { pid } = this
    if (pid === undefined) return
    // No event tells when the last process of a group ends.
    for (let waitedMs = 0; waitedMs < this.#grace.termMs && this.#signal(0); waitedMs += GROUP_POLL_MS) await delay(GROUP_POLL_MS)
    this.#signal('SIGKILL')
    this.#context.guard.remove(pid)
  }

  /** Sends a signal to the whole group. False when nobody is left. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this
    if (pid === undefined) return false
    if (this.#context.platform === 'win32') return this.#signalWindows(pid, signal)
    try {
      return process.kill(-pid, signal)
    } catch {
      return false
    }
  }

  #signalWindows(pid: number, signal: NodeJS.Signals | 0): boolean {
    if (signal === 0 || this.#process.exitCode !== null) return false
    const force = signal === 'SIGKILL' ? ['/F'] : []
    spawn('taskkill', ['/PID', String(pid), '/T', ...force], { stdio: 'ignore', windowsHide: true }).on('error', () => this.#process.kill())
    return true
  }
}

async function settles(promise: Promise<void>, graceMs: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = setTimeout(late.resolve, graceMs, false)
  const settled = await Promise.race([promise.then(() => true), late.promise])
  clearTimeout(timer)
  return settled
}

function startError(spec: ChildSpec, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  if (code === 'ENOENT') return `command not found: ${spec.command}`
  if (code === 'EACCES') return `not allowed to run: ${spec.command}`
  return `${spec.command} did not start: ${code}`
}
