/** What this isolate has refused by itself, counted until the next call of the share takes it along: no object is woken for it. Bounded. */
import type { RefusedCalls } from '../contract/call-records.ts'
import { CountedRefusals } from '../contract/trust/counted-refusals.ts'
import { CUT_CLOSE } from '../contract/trust/pass.ts'
import type { CallOutcome } from '../contract/share-rpc.ts'
import { Newest } from '../newest.ts'
import { MAX_TALLIED_LANES, MAX_TALLIES, MAX_TALLIES_OF_ONE } from '../usage-limits.ts'

/** By the name of the object. */
const tallies = new Newest<CountedRefusals>(MAX_TALLIED_LANES)

export interface TakenRefusals {
  readonly refused: readonly RefusedCalls[]
}

/** Counts a refusal; of too many different ones of one link the rest is counted as one that names the link only. */
export function tallyRefusal(lane: string, refused: RefusedCalls): void {
  const tally = tallies.get(lane) ?? new CountedRefusals({ most: MAX_TALLIES, mostOfOne: MAX_TALLIES_OF_ONE })
  tally.add(refused)
  tallies.set(lane, tally)
}

/** What was counted, for the next call to take along; undefined for nothing. */
export function takeRefusals(lane: string): TakenRefusals | undefined {
  const tally = tallies.get(lane)
  if (tally === undefined) return undefined
  tallies.delete(lane)
  return { refused: tally.take() }
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
