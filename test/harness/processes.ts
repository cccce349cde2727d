/** Owns what a test knows of other processes: who descends from whom, and who is left over. Linux only: it reads /proc. */
import { readdirSync, readFileSync } from 'node:fs'
import { until } from './deadline.ts'

interface ProcessRow {
  readonly pid: number
  readonly parentPid: number
  readonly state: string
  readonly args: readonly string[]
}

function readProcess(pid: number): ProcessRow | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name may hold spaces and brackets; what follows its last bracket may not.
    const [state = '', parentPid = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return { pid, parentPid: Number(parentPid), state, args }
  } catch {
    return undefined
  }
}

/** Processes that run; a zombie has ended. */
function listProcesses(): ProcessRow[] {
  const rows = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
  return rows.filter((row) => row !== undefined).filter((row) => row.state !== 'Z')
}

/** Ids of the processes that have a word among their arguments. */
export function processesWith(word: string): number[] {
  return listProcesses()
    .filter((row) => row.args.includes(word))
    .map((row) => row.pid)
}

/** Ids of the processes that one has started. */
export function childrenOf(pid: number): number[] {
  return listProcesses()
    .filter((row) => row.parentPid === pid)
    .map((row) => row.pid)
}

/** Ids of all processes below one. */
export function descendants(pid: number): number[] {
  const rows = listProcesses()
  const below = (parentPid: number): number[] =>
    rows.filter((row) => row.parentPid === parentPid).flatMap((row) => [row.pid, ...below(row.pid)])
  return below(pid)
}

export function isAlive(pid: number): boolean {
  const row = readProcess(pid)
  return row !== undefined && row.state !== 'Z'
}

/** Waits until none of these processes runs. */
export async function allGone(pids: readonly number[], boundMs?: number): Promise<void> {
  await until(() => !pids.some(isAlive), `the end of processes ${pids.filter(isAlive).join(', ')}`, boundMs)
}

/** Waits until no process has the word among its arguments. */
export async function noneWith(word: string, boundMs?: number): Promise<void> {
  await until(() => processesWith(word).length === 0, `the end of every process with ${word}`, boundMs)
}
