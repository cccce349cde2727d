/** Counts credentials that were refused: one line for the first, and one for those that follow it within REFUSALS_MS. */
import { waitUntil } from 'cloudflare:workers'
import { MAX_REFUSED_ADDRESSES, REFUSALS_MS } from '../limits.ts'
import { log } from '../log.ts'
import { pause } from '../within.ts'

/** What the credential was needed to be. */
type Door = 'client' | 'agent' | 'owner'

/** Since the last line. An isolate counts for itself. */
const counts = new Map<Door, number>()
const addresses = new Map<string, number>()
let isCounting = false

/** `address`: from where it came, as `clientAddress` says. */
export function noteRefusal(door: Door, address: string | undefined): void {
  counts.set(door, (counts.get(door) ?? 0) + 1)
  if (address !== undefined && (addresses.has(address) || addresses.size < MAX_REFUSED_ADDRESSES))
    addresses.set(address, (addresses.get(address) ?? 0) + 1)
  if (isCounting) return
  isCounting = true
  tell()
  waitUntil(endCounting())
}

async function endCounting(): Promise<void> {
  await pause(REFUSALS_MS)
  isCounting = false
  if (counts.size > 0) tell()
}

/** Names the address that most have come from: whoever deploys the relay may want to shut it out. */
function tell(): void {
  const [most] = [...addresses].toSorted((a, b) => b[1] - a[1])
  log('credentials.refused', {
    ...Object.fromEntries(counts),
    ...(most === undefined ? {} : { addresses: addresses.size, most_from: most[0] }),
  })
  counts.clear()
  addresses.clear()
}
