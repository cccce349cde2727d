/**
 * Whoever has shown no credential, at a share whose owner lets such in. Whether it is one, the registry says, once in a while: so that no object
 * is woken, or made, for those whom it would refuse. What they may do its Share says with each request, as for anybody.
 */
import { ANONYMOUS } from '../../protocol/handshake.ts'
import type { Env } from '../env.ts'
import { KNOWN_OPEN_MS } from '../trust-limits.ts'
import type { LinkHolder } from './authenticate.ts'
import { SparingAnswers } from './sparing-answers.ts'

const open = new SparingAnswers<boolean>(KNOWN_OPEN_MS)

/** Whether a share, whose id was found to be ours, may let in who shows no credential. */
export async function mayBeOpen(env: Env, share: string): Promise<boolean> {
  try {
    const told = await open.of(share, async () => (await env.REGISTRY.getByName('registry').shareTrust(share))?.anonymous !== undefined)
    return told?.answer === true
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
