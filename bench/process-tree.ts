/** What the kernel says of a contender's processes: how many, how much memory, how much processor time. Linux only: it reads /proc. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { descendants, isAlive } from '../test/harness/processes.ts'

const KIB = 1024
const NS_PER_US = 1000

/** Proportional set size of a process in bytes: shared pages are split among those that share them. 0 when it is gone. */
export function pssBytes(pid: number): number {
  return fieldBytes(pid, 'Pss')
}

export function rssBytes(pid: number): number {
  return fieldBytes(pid, 'Rss')
}

/** The program and its arguments. */
export function argumentsOf(pid: number): readonly string[] {
  return (read(`/proc/${pid}/cmdline`) ?? '').split('\0').slice(0, -1)
}

/** Processor time of all threads so far, in microseconds. */
export function cpuUs(pid: number): number {
  let ns = 0
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      ns += Number((read(`/proc/${pid}/task/${thread}/schedstat`) ?? '0').split(' ')[0])
  } catch {
    return 0
  }
  return ns / NS_PER_US
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** The processes themselves and all below them. */
export function trees(roots: readonly number[]): number[] {
  return [...new Set(roots.flatMap((pid) => [pid, ...descendants(pid)]))].filter(isAlive)
}

/** Ends processes and all below them: by SIGTERM, and by SIGKILL what is there `graceMs` later. */
export async function endTrees(roots: readonly number[], graceMs = 3000): Promise<void> {
  const all = trees(roots)
  for (const pid of roots) signal(pid, 'SIGTERM')
  for (let waitedMs = 0; waitedMs < graceMs && all.some(isAlive); waitedMs += 50) await delay(50)
  for (const pid of all) if (isAlive(pid)) signal(pid, 'SIGKILL')
}

/** Bytes that can be had without swapping. */
export function availableBytes(): number {
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(read('/proc/meminfo') ?? '')?.[1] ?? '0') * KIB
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // Gone meanwhile.
  }
}

function fieldBytes(pid: number, field: string): number {
  const text = read(`/proc/${pid}/smaps_rollup`) ?? ''
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? '0') * KIB
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
