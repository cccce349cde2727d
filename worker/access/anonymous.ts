/**
 * Whoever has shown no credential, at a share whose owner lets such in. Whether it is one, the registry says, once in a while: so that no object
 * is woken, or made, for those whom it would refuse. What they may do its Share says with each request, as for anybody.
 */
import { ANONYMOUS } from '../../protocol/handshake.ts'
import type { Env } from '../env.ts'
import { Newest } from '../newest.ts'
import { KNOWN_OPEN_MS, MAX_KNOWN_LINKS } from '../trust-limits.ts'
import type { LinkHolder } from './authenticate.ts'

/** By share: what the registry said, and until when that is believed, in milliseconds since 1970. */
const known = new Newest<{ readonly isOpen: boolean; readonly untilMs: number }>(MAX_KNOWN_LINKS)

/** Whether a share, whose id was found to be ours, may let in who shows no credential. */
export async function mayBeOpen(env: Env, share: string): Promise<boolean> {
  const nowMs = Date.now()
  const before = known.get(share)
  if (before !== undefined && before.untilMs > nowMs) return before.isOpen
  try {
    const trust = await env.REGISTRY.getByName('registry').shareTrust(share)
    const isOpen = trust?.anonymous !== undefined
    known.set(share, { isOpen, untilMs: nowMs + KNOWN_OPEN_MS })
    return isOpen
  } catch {
    // Closed by default.
    return false
  }
}

/** `challenge`: what sends its client into signing in, where it may be let in for more. */
export function anonymousHolder(challenge: string | undefined): LinkHolder {
  const told = challenge === undefined ? {} : { challenge }
  return { kind: 'client', id: ANONYMOUS, expiresAtMs: Infinity, chain: [ANONYMOUS], isInUrl: false, isAnonymous: true, ...told }
}
