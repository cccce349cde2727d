/** Owns how soon clients are told of the end of the process that had their call, and whether something was in the way. Pure. */
import type { CallRecord, Disturbance, Interval, JournalLine, Proof } from './account.ts'

/** One call whose client was told that its process is gone. */
export interface Telling {
  readonly record: CallRecord
  readonly proof: Proof
  /** From the proof to the error, without the time for which the run itself was held up. */
  readonly delayMs: number
  /** What was on the way between the two. */
  readonly disturbances: readonly Disturbance[]
}

/** The promise. */
export const PROMPT_MS = 100

/**
 * What makes a run fail is three times the promise, of more than one in a hundred calls, from more than one death. On two cores
 * that are full with the run itself, runs of 20,000 calls were within 27 to 132 ms where nothing was on the way; what was over
 * 100 ms came of one death each time, all its calls together, while those that had waited for the agent came back and their
 * servers started. With others on the machine it was up to 240 ms. What this is to find takes longer: a Worker that sleeps
 * before it asks again does so for 500 ms and more.
 */
const TOO_LATE_MS = 300
const TOO_LATE_SHARE = 0.01

export interface Spread {
  readonly calls: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Calls beyond the promise. */
  readonly late: number
}

/** Undefined for none. */
export function spreadOf(tellings: readonly Telling[]): Spread | undefined {
  const sorted = tellings.map(({ delayMs }) => delayMs).toSorted((a, b) => a - b)
  const maxMs = sorted.at(-1)
  if (maxMs === undefined) return undefined
  const quantile = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? maxMs
  return { calls: sorted.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99), maxMs, late: sorted.filter((ms) => ms > PROMPT_MS).length }
}

/** What is judged, and what is only told: there a fault was on the way itself, or its client was away. */
export function apart(tellings: readonly Telling[]): { readonly free: readonly Telling[]; readonly disturbed: readonly Telling[] } {
  const { free = [], disturbed = [] } = Object.groupBy(tellings, ({ disturbances }) => (disturbances.length === 0 ? 'free' : 'disturbed'))
  return { free, disturbed }
}

/** Those that make the run a failure, or none. */
export function tooLate(tellings: readonly Telling[]): readonly Telling[] {
  const { free } = apart(tellings)
  const late = free.filter(({ delayMs }) => delayMs > TOO_LATE_MS)
  const proofs = new Set(late.map(({ proof }) => proof))
  return proofs.size > 1 && late.length > free.length * TOO_LATE_SHARE ? late : []
}

export function tellingsOf(
  records: readonly CallRecord[],
  journal: readonly JournalLine[],
  proofs: readonly Proof[],
  disturbances: readonly Disturbance[],
  stops: readonly Interval[] = [],
): Telling[] {
  const pids = new Map(journal.map(({ arg, pid }) => [arg, pid]))
  return records.flatMap((record) => {
    const pid = pids.get(record.arg)
    const proof = pid === undefined ? undefined : proofs.find((one) => one.pids.has(pid) && isToldBy(record, one))
    if (proof === undefined) return []
    const toMs = record.endedMs
    const inTheWay = disturbances.filter((one) => isOnTheWay(one, proof, record) && one.fromMs <= toMs && one.toMs >= proof.atMs)
    const absences = record.absences.filter(({ fromMs, toMs: until }) => fromMs <= toMs && until >= proof.atMs)
    const away = absences.map((absence): Disturbance => ({ kind: 'client away', where: record.client, ...absence }))
    const heldUpMs = stops.reduce((sum, stop) => sum + Math.max(0, Math.min(stop.toMs, toMs) - Math.max(stop.fromMs, proof.atMs)), 0)
    return [{ record, proof, delayMs: toMs - proof.atMs - heldUpMs, disturbances: [...inTheWay, ...away] }]
  })
}

function isToldBy({ outcome, sentMs, endedMs }: CallRecord, { kind, killedMs, atMs }: Proof): boolean {
  if (outcome.kind !== 'failed' || sentMs > killedMs || endedMs < atMs) return false
  return kind === 'hello' || outcome.code === 'CHILD_DIED'
}

function isOnTheWay({ where, lane }: Disturbance, proof: Proof, { world }: CallRecord): boolean {
  return (where === 'relay' || where === world || where === proof.where) && (lane === undefined || lane === proof.lane)
}
