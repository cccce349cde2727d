/** Gives the owner's orders to all lanes of a share, and puts together what the lanes know. */
import type { Env } from '../env.ts'
import { type Lane, laneAt, laneCount } from '../lanes.ts'
import { isRetryable } from '../carry/share-client.ts'
import type { AdminCommand, ShareFacts } from '../contract/share-rpc.ts'
import type { Location } from '../contract/locations.ts'
import { laneStub } from '../carry/share-stub.ts'

/** What became of an order to one lane. `facts`: of a share that the lane still knew. */
export interface LaneFacts {
  readonly lane: number
  readonly isReached: boolean
  readonly facts?: ShareFacts | undefined
}

interface MergedAgent {
  readonly name: string
  readonly product: string
  readonly isolation: string
  /** Its longest link's. */
  readonly connectedAtMs: number
  /** Lanes that it has a link to, of a share that has several. */
  readonly lanes?: readonly number[]
}

/** Enough for an object that was reset under the order; one that is gone for longer is reported. */
const TRIES = 3

/**
 * Gives every lane an order, all at once, and tries again where that can help. Never rejects: a lane that was not reached
 * is said to be so. `share` must be an id that was found to be ours.
 */
export function askLanes(env: Env, share: string, command: AdminCommand, location?: Location): Promise<LaneFacts[]> {
  const lanes = Array.from({ length: laneCount(share) }, (_, index) => laneAt(share, index)).filter((lane) => lane !== undefined)
  return Promise.all(lanes.map((lane) => askLane(env, lane, command, location)))
}

async function askLane(env: Env, lane: Lane, command: AdminCommand, location: Location | undefined): Promise<LaneFacts> {
  for (let tries = 1; ; tries++) {
    try {
      const facts = await laneStub(env, lane, location).admin(command)
      return { lane: lane.index, isReached: true, facts }
    } catch (error) {
      if (tries === TRIES || !isRetryable(error)) return { lane: lane.index, isReached: false }
    }
  }
}

/** Of a share that nobody has used yet, or that has ended. */
const NO_COUNTERS = { total_changes: 0, buffered_bytes: 0, buffered_max_bytes: 0 }

/** Agents by name, sessions and counters summed up. One lane alone is as it is. */
export function mergeLanes(lanes: readonly LaneFacts[]): {
  readonly agents: readonly MergedAgent[]
  readonly sessions: number
  readonly counters: Readonly<Record<string, unknown>>
} {
  const known = lanes.flatMap(({ lane, facts }) => (facts === undefined ? [] : [{ lane, facts }]))
  const [first] = known
  if (lanes.length < 2 || first === undefined)
    return { agents: first?.facts.agents ?? [], sessions: first?.facts.sessions ?? 0, counters: first?.facts.counters ?? NO_COUNTERS }
  const sum = (pick: (facts: ShareFacts) => number): number => known.reduce((total, { facts }) => total + pick(facts), 0)
  return {
    agents: mergeAgents(known),
    sessions: sum(({ sessions }) => sessions),
    counters: {
      total_changes: sum(({ counters }) => counters.total_changes),
      buffered_bytes: sum(({ counters }) => counters.buffered_bytes),
      buffered_max_bytes: Math.max(...known.map(({ facts }) => facts.counters.buffered_max_bytes)),
      by_lane: known.map(({ lane, facts }) => ({ lane, sessions: facts.sessions, ...facts.counters })),
    },
  }
}

function mergeAgents(known: readonly { readonly lane: number; readonly facts: ShareFacts }[]): MergedAgent[] {
  const byName = new Map<string, MergedAgent>()
  for (const { lane, facts } of known)
    for (const agent of facts.agents) {
      const before = byName.get(agent.name)
      byName.set(agent.name, {
        ...agent,
        connectedAtMs: Math.min(agent.connectedAtMs, before?.connectedAtMs ?? Infinity),
        lanes: [...(before?.lanes ?? []), lane],
      })
    }
  return [...byName.values()]
}
