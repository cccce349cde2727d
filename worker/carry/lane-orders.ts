/** Gives an order of the owner's to the lanes of a share. Never rejects, and waits for none of them without a bound. */
import type { Env } from '../env.ts'
import { type Lane, laneBy, laneKeys } from '../lanes.ts'
import { LANE_ORDER_MS } from '../trust-limits.ts'
import { within } from '../within.ts'
import type { Location } from '../contract/registry/locations.ts'
import { laneStub } from './share-stub.ts'
import type { LaneKey, LanesOfShare } from '../contract/lane-key.ts'
import type { AdminCommand, ShareFacts } from '../contract/share-admin.ts'
import { isRetryable } from './reset-error.ts'

/** What became of an order to one lane. `facts`: of a share that the lane still knew. */
export interface LaneFacts {
  readonly lane: number
  /** Of a lane that carries one server: its name. */
  readonly server?: string
  readonly isReached: boolean
  readonly facts?: ShareFacts | undefined
}

interface Audience {
  /** Where objects shall be that come to be by this. */
  readonly location?: Location | undefined
  /** The lanes that are meant; all when absent. */
  readonly lanes?: readonly LaneKey[]
}

/** Enough for an object that was reset under the order; one that is gone for longer is reported. */
const TRIES = 3

/**
 * Gives an order to lanes, all at once, and tries again where that can help. A lane that was not reached is said to be so.
 * The id of `share` must be one that was found to be ours.
 */
export function askLanes(
  env: Env,
  share: LanesOfShare,
  command: AdminCommand,
  { location, lanes = laneKeys(share) }: Audience = {},
): Promise<LaneFacts[]> {
  const found = lanes.map((key) => laneBy(share.id, key)).filter((lane) => lane !== undefined)
  return Promise.all(found.map((lane) => askLane(env, lane, command, location)))
}

/** The lanes that an order has not reached. */
export function unreachedOf(lanes: readonly LaneFacts[]): LaneKey[] {
  return lanes.flatMap(({ lane, server, isReached }) => (isReached ? [] : [server ?? lane]))
}

async function askLane(env: Env, lane: Lane, command: AdminCommand, location: Location | undefined): Promise<LaneFacts> {
  const { index, server } = lane
  const which = { lane: index, ...(server === undefined ? {} : { server }) }
  for (let tries = 1; ; tries++) {
    try {
      const asked = Promise.resolve(laneStub(env, lane, location).admin(command)).then((facts) => ({ facts }))
      const answer = await within(LANE_ORDER_MS, asked)
      return answer === undefined ? { ...which, isReached: false } : { ...which, isReached: true, ...answer }
    } catch (error) {
      if (tries === TRIES || !isRetryable(error)) return { ...which, isReached: false }
    }
  }
}
