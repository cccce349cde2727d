/** Counts credentials that were refused: one line for the first, and one for those that follow it within REFUSALS_MS. */
import { waitUntil } from 'cloudflare:workers'
import { REFUSALS_MS } from '../limits.ts'
import { log } from '../log.ts'
import { pause } from '../within.ts'

/** What the credential was needed to be. */
type Door = 'client' | 'agent' | 'owner'

/** Since the last line. An isolate counts for itself. */
const counts = new Map<Door, number>()
let isCounting = false

export function noteRefusal(door: Door): void {
  counts.set(door, (counts.get(door) ?? 0) + 1)
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

function tell(): void {
  log('credentials.refused', Object.fromEntries(counts))
  counts.clear()
}
