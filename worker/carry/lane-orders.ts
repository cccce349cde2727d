/** Gives an order of the owner's to the lanes of a share. Never rejects, and waits for none of them without a bound. */
import type { Env } from '../env.ts'
import { type Lane, laneAt, laneCount } from '../lanes.ts'
import { LANE_ORDER_MS } from '../trust-limits.ts'
import { within } from '../within.ts'
import type { Location } from '../contract/registry/locations.ts'
import { laneStub } from './share-stub.ts'
import type { AdminCommand, ShareFacts } from '../contract/share-admin.ts'
import { isRetryable } from './reset-error.ts'

/** What became of an order to one lane. `facts`: of a share that the lane still knew. */
export interface LaneFacts {
  readonly lane: number
  readonly isReached: boolean
  readonly facts?: ShareFacts | undefined
}

interface Audience {
  /** Where objects shall be that come to be by this. */
  readonly location?: Location | undefined
  /** The lanes that are meant, by their numbers; all when absent. */
  readonly lanes?: readonly number[]
}

/** Enough for an object that was reset under the order; one that is gone for longer is reported. */
const TRIES = 3

/**
 * Gives an order to lanes, all at once, and tries again where that can help. A lane that was not reached is said to be so.
 * `share` must be an id that was found to be ours.
 */
export function askLanes(env: Env, share: string, command: AdminCommand, { location, lanes }: Audience = {}): Promise<LaneFacts[]> {
  const indexes = lanes ?? Array.from({ length: laneCount(share) }, (_, index) => index)
  const found = indexes.map((index) => laneAt(share, index)).filter((lane) => lane !== undefined)
  return Promise.all(found.map((lane) => askLane(env, lane, command, location)))
}

/** The lanes that an order has not reached, by their numbers. */
export function unreachedOf(lanes: readonly LaneFacts[]): number[] {
  return lanes.flatMap(({ lane, isReached }) => (isReached ? [] : [lane]))
}

async function askLane(env: Env, lane: Lane, command: AdminCommand, location: Location | undefined): Promise<LaneFacts> {
  for (let tries = 1; ; tries++) {
    try {
      const asked = Promise.resolve(laneStub(env, lane, location).admin(command)).then((facts) => ({ facts }))
      const answer = await within(LANE_ORDER_MS, asked)
      return answer === undefined ? { lane: lane.index, isReached: false } : { lane: lane.index, isReached: true, ...answer }
    } catch (error) {
      if (tries === TRIES || !isRetryable(error)) return { lane: lane.index, isReached: false }
    }
  }
}
