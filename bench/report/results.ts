/** What a run leaves behind: bench/results.json, which the README's section and the plots are made of. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Column } from '../cases/case.ts'
import type { Figures } from './figures.ts'

export const RESULTS_FILE = join(import.meta.dirname, '../results.json')

/** A contender in a case: its figures, or why it has none. */
export type Outcome =
  | { readonly contender: string; readonly figures: Figures; readonly rounds: number }
  | { readonly contender: string; readonly failed: string; readonly commands: readonly string[] }

export interface CaseResult {
  readonly name: string
  readonly title: string
  readonly columns: readonly Column[]
  readonly outcomes: readonly Outcome[]
}

export interface Ratio {
  readonly what: string
  readonly value: number
  /** What the project wants it to be, such as `≤ 1.3`. */
  readonly target: string
  readonly met: boolean
}

export interface Results {
  /** When the run began, ISO 8601. */
  readonly date: string
  readonly pace: 'full' | 'quick'
  readonly machine: Readonly<Record<string, string | number>>
  readonly versions: Readonly<Record<string, string>>
  /** Of contenders, by name. */
  readonly titles: Readonly<Record<string, string>>
  readonly floor: Figures
  readonly cases: readonly CaseResult[]
  readonly ratios: readonly Ratio[]
  readonly matching?: Matching
}

/** Work without sockets: microseconds by the size of the message, and nanoseconds a call by how many wait. */
export interface Matching {
  readonly bySize: readonly { readonly bytes: number; readonly us: Readonly<Record<string, number>> }[]
  readonly byPending: readonly { readonly pending: number; readonly ns: Readonly<Record<string, number>> }[]
}

/** A figure of a contender in a case; undefined when the case was not run or the contender failed. */
export function figure(cases: readonly CaseResult[], name: string, contender: string, what: string): number | undefined {
  const outcome = cases.find((one) => one.name === name)?.outcomes.find((one) => one.contender === contender)
  const value = outcome !== undefined && 'figures' in outcome ? outcome.figures[what] : undefined
  return value === undefined || Number.isNaN(value) ? undefined : value
}

/** Undefined when there has been no run. */
export function readResults(): Results | undefined {
  try {
    return JSON.parse(readFileSync(RESULTS_FILE, 'utf8')) as Results
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Figures are cut to four digits that count: more would be noise, and make every run's file differ. */
export async function writeResults(results: Results): Promise<void> {
  const text = JSON.stringify(results, (_, value: unknown) => (typeof value === 'number' ? rounded(value) : value), 2)
  await writeFile(RESULTS_FILE, `${text}\n`)
}

function rounded(value: number): number | string {
  if (Number.isNaN(value)) return 'never'
  return Number.isInteger(value) ? value : Number(value.toPrecision(4))
}
