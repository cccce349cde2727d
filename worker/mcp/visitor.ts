/** Admits the client of an MCP route: who it is, its share, and the revision that its headers claim. */
import type { Context } from 'hono'
import type { Failure } from '../../protocol/errors.ts'
import { ok, type Result } from '../../protocol/result.ts'
import { authenticateClient } from '../access/authenticate.ts'
import type { RouteEnv } from '../access/claimed.ts'
import { isModernRevision } from '../bridge/names.ts'
import { laneOf } from '../lanes.ts'
import { isLegacyRevision, LEGACY_REVISIONS } from '../bridge/revision.ts'
import { ShareClient } from '../carry/share-client.ts'

export type McpContext = Context<RouteEnv>

/** A client at a share's door. */
export interface Visitor {
  /** The share as far as it serves a session, or a group of clients, of this name. */
  readonly shareFor: (name: string) => ShareClient
  readonly principal: string
  /** Path of this share's endpoints as the client sees them, with its key when it came with one. */
  readonly basePath: string
  readonly revision: string | undefined
  /** What requestState is sealed with. */
  readonly stateKey: CryptoKey
}

export async function admit(c: McpContext): Promise<Result<Visitor, Failure>> {
  const share = c.req.param('share') ?? ''
  const key = c.req.param('key')
  const principal = await authenticateClient(c.req.raw, c.var.relay, share, key)
  if (!principal.ok) return principal
  const revision = c.req.header('mcp-protocol-version')
  const basePath = key === undefined ? `/s/${share}` : `/s/${share}/k/${key}`
  return ok({
    shareFor: (name) => new ShareClient(c.env, laneOf(share, name)),
    principal: principal.value.id,
    basePath,
    revision,
    stateKey: c.var.relay.keys.requestState,
  })
}

/** What is wrong with the revision that a client of the handshake era names in its header, if it names one. */
export function legacyRevisionFault({ revision }: Visitor): Failure | undefined {
  return revision === undefined || isLegacyRevision(revision) ? undefined : { code: 'UNSUPPORTED_VERSION', supported: LEGACY_REVISIONS }
}

/** Revision 2026-07-28 has neither sessions nor streams of their own (Streamable HTTP, listening for messages). */
export function isModernVisitor({ revision }: Visitor): boolean {
  return revision !== undefined && isModernRevision(revision)
}
