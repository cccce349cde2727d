/** Notes for the owner what a policy has refused before it came to the Share. */
import type { Failure } from '../../../protocol/errors.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { tallyRefusal } from '../../carry/refusal-tally.ts'
import { MAX_SHOWN_CHARS } from '../../usage-limits.ts'
import type { ClientMessage } from '../message.ts'

/** The refusal as its client is told it, once it is noted. */
export function noted(
  share: Pick<ShareClient, 'id' | 'address' | 'root' | 'told'>,
  principal: string,
  { facts, params }: Pick<ClientMessage, 'facts' | 'params'>,
  refusal: Failure | undefined,
): Failure | undefined {
  if (refusal === undefined) return undefined
  const { method } = facts
  const { name } = params
  const tool = method === 'tools/call' && typeof name === 'string' ? { tool: name.slice(0, MAX_SHOWN_CHARS) } : {}
  const from = share.address === undefined ? {} : { address: share.address }
  const what = { whose: share.root, principal, ...from, method: method.slice(0, MAX_SHOWN_CHARS), ...tool, outcome: refusal.code }
  tallyRefusal(share.id, { ...what, count: 1, at: Date.now() })
  return share.told(refusal)
}
