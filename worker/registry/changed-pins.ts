/** What a change makes of all that is accepted of a share's servers. Pure. */
import { NOTHING_PINNED, readPins, unlistedSets, withAccepted, withServedSets } from '../../protocol/policy/pins.ts'
import { pinsOf, withFirstPins, withServerPins } from '../../protocol/policy/server-pins.ts'
import type { PinChange } from '../contract/pinned-server.ts'

/** As JSON text. False where it would be more than may be pinned. Undefined for the first pins of a server that has some. */
export function changedPins(before: string, change: PinChange, server: string | undefined): string | false | undefined {
  const own = pinsOf(before, server)
  if ('first' in change) return own === NOTHING_PINNED ? withFirstPins(before, server, readPins(change.first)) : undefined
  if ('served' in change) return withListedSets(before, own, change.served, server)
  const pins = withAccepted(readPins(own), change.accepted, change.replaced)
  return (pins && withServerPins(before, server, pins)) ?? false
}

/** A set of names is listed for the first time once, whoever else has come with the same. */
function withListedSets(
  before: string,
  own: string,
  listed: Extract<PinChange, { readonly served: unknown }>['served'],
  server: string | undefined,
): string | false | undefined {
  const pins = readPins(own)
  const fresh = unlistedSets(
    pins,
    listed.map(({ set }) => set),
  )
  if (own === NOTHING_PINNED || fresh.length === 0) return undefined
  const entries = listed.flatMap((one) => (fresh.includes(one.set) ? one.entries : []))
  const after = withServedSets(pins, fresh, entries)
  return (after && withServerPins(before, server, after)) ?? false
}
