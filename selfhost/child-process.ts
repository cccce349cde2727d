/** Watches one process that was started here, and ends it. */
import type { ChildProcess } from 'node:child_process'

/** A process that was started here. */
export interface Supervised {
  readonly pid: number
  /** Says in a few words how the process ended; never rejects. */
  readonly ended: Promise<string>
  /** Ends the process, if need be by force, and waits for it. May be called more than once. */
  readonly stop: () => Promise<void>
}

/**
 * Watches a process that was spawned just now. `stop` sends `signal`, and SIGKILL when the process is still there
 * `graceMs` later.
 *
 * @throws {Error} when the process could not be started.
 */
export async function supervise(child: ChildProcess, signal: NodeJS.Signals, graceMs: number): Promise<Supervised> {
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, killedBy) => resolve(code === null ? `killed by ${killedBy}` : `exit code ${code}`))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  // Later errors (a signal that could not be sent) show in how the process ends.
  child.on('error', () => {})
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await ended
    clearTimeout(force)
  }
  return { pid: child.pid ?? 0, ended, stop }
}
