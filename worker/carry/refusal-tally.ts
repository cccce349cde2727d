/** What this isolate has refused by itself, counted until the next call of the share takes it along: no object is woken for it. Bounded. */
import type { RefusedCalls } from '../contract/call-records.ts'
import { CUT_CLOSE } from '../contract/pass.ts'
import type { CallOutcome } from '../contract/share-rpc.ts'
import { Newest } from '../newest.ts'
import { MAX_TALLIED_LANES, MAX_TALLIES } from '../usage-limits.ts'

/** By the name of the object, and there by all but number and time. */
const tallies = new Newest<Map<string, RefusedCalls>>(MAX_TALLIED_LANES)

export interface TakenRefusals {
  readonly refused: readonly RefusedCalls[]
}

/** Counts a refusal; of too many different ones the rest is counted as one that names nothing. */
export function tallyRefusal(lane: string, { count, at, ...what }: RefusedCalls): void {
  const tally = tallies.get(lane) ?? new Map<string, RefusedCalls>()
  const name = JSON.stringify(what)
  const isFull = tally.size >= MAX_TALLIES && !tally.has(name)
  const counted = isFull ? { ...OTHERS, outcome: what.outcome } : what
  const before = tally.get(isFull ? '' : name)
  tally.set(isFull ? '' : name, { ...counted, count: count + (before?.count ?? 0), at: Math.max(at, before?.at ?? 0) })
  tallies.set(lane, tally)
}

/** What was counted, for the next call to take along; undefined for nothing. */
export function takeRefusals(lane: string): TakenRefusals | undefined {
  const tally = tallies.get(lane)
  if (tally === undefined) return undefined
  tallies.delete(lane)
  return { refused: [...tally.values()] }
}

/** Whoever is not let in takes nothing along: it is counted again, for the next. */
export function keepUnlessTaken(lane: string, { refused }: TakenRefusals, called: Promise<CallOutcome>): void {
  const keep = (): void => refused.forEach((refusal) => tallyRefusal(lane, refusal))
  called.then(
    (told) => {
      if (told.kind === 'failed' && NOT_LET_IN.has(told.failure.code)) keep()
    },
    () => keep(),
  )
}

const NOT_LET_IN: ReadonlySet<string> = new Set([...Object.keys(CUT_CLOSE), 'UNAUTHORIZED', 'SHARE_NOT_FOUND'])

const OTHERS = { principal: '', method: '' } as const
