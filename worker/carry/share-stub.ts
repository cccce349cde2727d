/** Finds the Durable Object of a lane, in the jurisdiction and at the location where its owner wants it. */
import type { Jurisdiction } from '../access/share-id.ts'
import type { Location } from '../contract/registry/locations.ts'
import type { Env } from '../env.ts'
import { type Lane, laneName } from '../lanes.ts'
import type { ShareObject } from '../contract/objects.ts'

/** The object of a lane. `location` counts for its first request only, which is when it is put somewhere for good. */
export function laneStub(env: Env, lane: Lane, location?: Location): DurableObjectStub<ShareObject> {
  const namespace = lane.jurisdiction === 'none' ? env.SHARE : env.SHARE.jurisdiction(lane.jurisdiction)
  return location === undefined ? namespace.getByName(laneName(lane)) : namespace.getByName(laneName(lane), { locationHint: location })
}

/** Whether objects can be kept in this jurisdiction: only Cloudflare's own network can. */
export function hasJurisdiction(env: Env, jurisdiction: Jurisdiction): boolean {
  if (jurisdiction === 'none') return true
  try {
    env.SHARE.jurisdiction(jurisdiction)
    return true
  } catch {
    return false
  }
}
