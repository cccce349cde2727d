/** What a change makes of all that is accepted of a share's servers. Pure. */
import { NOTHING_PINNED, readPins, withAccepted } from '../../protocol/policy/pins.ts'
import { pinsOf, withFirstPins, withServerPins } from '../../protocol/policy/server-pins.ts'
import type { PinChange } from '../contract/pinned-server.ts'

/** As JSON text. False where it would be more than may be pinned. Undefined for the first pins of a server that has some. */
export function changedPins(before: string, change: PinChange, server: string | undefined): string | false | undefined {
  const own = pinsOf(before, server)
  if ('first' in change) return own === NOTHING_PINNED ? withFirstPins(before, server, readPins(change.first)) : undefined
  const pins = withAccepted(readPins(own), change.accepted, change.replaced)
  return (pins && withServerPins(before, server, pins)) ?? false
}
