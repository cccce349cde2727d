/** Owns how soon clients are told of the end of the process that had their call, and whether something was in the way. Pure. */
import type { CallRecord, Disturbance, JournalLine, Proof } from './account.ts'

/** One call whose client was told that its process is gone. */
export interface Telling {
  readonly record: CallRecord
  readonly proof: Proof
  /** From the proof to the error. */
  readonly delayMs: number
  /** What was on the way between the two. */
  readonly disturbances: readonly Disturbance[]
}

/** The promise. */
export const PROMPT_MS = 100

export function tellingsOf(
  records: readonly CallRecord[],
  journal: readonly JournalLine[],
  proofs: readonly Proof[],
  disturbances: readonly Disturbance[],
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
    return [{ record, proof, delayMs: toMs - proof.atMs, disturbances: [...inTheWay, ...away] }]
  })
}

function isToldBy({ outcome, sentMs, endedMs }: CallRecord, { kind, killedMs, atMs }: Proof): boolean {
  if (outcome.kind !== 'failed' || sentMs > killedMs || endedMs < atMs) return false
  return kind === 'hello' || outcome.code === 'CHILD_DIED'
}

function isOnTheWay({ where, lane }: Disturbance, proof: Proof, { world }: CallRecord): boolean {
  return (where === 'relay' || where === world || where === proof.where) && (lane === undefined || lane === proof.lane)
}
