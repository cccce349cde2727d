/** Tells whoever makes a link that may only read that it will find no tools, where the server says of none that it only reads. */
import type { Context } from 'hono'
import { askLanes } from '../carry/lane-orders.ts'
import type { ShareRecord } from '../contract/registry/registry-rpc.ts'
import type { OwnerEnv } from './owner-gate.ts'
import { hasExpired, policyOf } from './share-answers.ts'

const NO_TOOLS =
  'The server says of none of its tools that it only reads (readOnlyHint), so this link may use none. Give it access "admin" and name the tools that it may use.'

/** A member of the answer about a link with this policy. Nothing is said of a server that was never listed. */
export async function readWarning(
  c: Context<OwnerEnv>,
  share: ShareRecord,
  policy: string | undefined,
): Promise<{ readonly warning?: string }> {
  const { access } = policyOf(policy) as { readonly access?: unknown }
  if (access !== 'read' || !share.isMade || hasExpired(share)) return {}
  const lanes = await askLanes(c.env, share, { op: 'server' }, { lanes: [0, ...share.servers] })
  const entries = lanes.flatMap(({ facts }) => facts?.server?.entries ?? [])
  const offered = entries.filter(({ kind, isOffered }) => kind === 'tools' && isOffered)
  return offered.length > 0 && !offered.some(({ isReadOnly }) => isReadOnly) ? { warning: NO_TOOLS } : {}
}
