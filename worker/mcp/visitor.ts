/** Admits the client of an MCP route: who it is, its share, and the revision that its headers claim. */
import type { Context } from 'hono'
import type { Failure } from '../../protocol/errors.ts'
import { err, ok, type Result } from '../../protocol/result.ts'
import { anonymousHolder, mayBeOpen } from '../access/anonymous.ts'
import { authenticateClient } from '../access/authenticate.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { clientAddress } from '../access/client-address.ts'
import { shareOfHost } from '../access/origin.ts'
import { noteRefusal } from '../access/refused-credentials.ts'
import { slowed } from '../access/wrong-tries.ts'
import { anonymousPrincipal } from '../contract/trust/principals.ts'
import { settingsOf } from '../env.ts'
import { laneOf, serverLane } from '../lanes.ts'
import { hasServer, knowsServer } from '../carry/known-servers.ts'
import { ShareClient } from '../carry/share-client.ts'
import { BUSY_LIMIT_RETRY_MS } from '../trust-limits.ts'
import { revisionOf, SESSION_HEADER } from './session-id.ts'

export type McpContext = Context<RouteEnv>

/** A client at a share's door. */
export interface Visitor {
  /** The share as far as it serves a session, or a group of clients, of this name. */
  readonly shareFor: (name: string) => ShareClient
  /** Whether the share was asked anything for this visitor. */
  readonly hasAsked: () => boolean
  /** What was asked for this visitor. */
  readonly asked: () => readonly ShareClient[]
  /** Who it is in a session of this id: whoever has shown no credential is somebody else in each. */
  readonly principalIn: (session: string) => string
  /** It has shown no credential. */
  readonly isAnonymous: boolean
  /** It has asked for a server that its share does not have: what it is served by here carries the share's own. */
  readonly isAstray: boolean
  /** Name of the server that it has asked for, if that has one. */
  readonly server?: string | undefined
  /** Path of these endpoints as the client sees them, with its key when it came with one. */
  readonly basePath: string
  /** By which its request is read (`revisionOf`). */
  readonly revision: string | undefined
  /** What requestState is sealed with. */
  readonly stateKey: CryptoKey
}

export async function admit(c: McpContext): Promise<Result<Visitor, Failure>> {
  const share = c.req.param('share') ?? ''
  const key = c.req.param('key')
  const settings = settingsOf(c.env)
  const address = clientAddress(c.req.raw, settings)
  const shown = await authenticateClient(c.req.raw, c.var.relay, settings, share, key)
  const isOpen = !shown.ok && shown.error.isBare === true && (await mayBeOpen(c.env, share))
  const holder = isOpen ? ok(anonymousHolder(shown.error.challenge)) : shown
  if (!holder.ok) {
    noteRefusal('client', address)
    return err(slowed(holder.error, { address, share }))
  }
  // What is remembered of a credential holds from wherever it comes.
  const visitor = address === undefined ? holder.value : { ...holder.value, address }
  const revision = revisionOf(c.req.header('mcp-protocol-version'), c.req.header(SESSION_HEADER))
  const server = c.req.param('server')
  const isThere = server === undefined || knowsServer(share, server) || (await hasServer(c.env, share, server))
  if (isThere === undefined) return err({ code: 'SHARE_BUSY', executed: 'no', retryAfterMs: BUSY_LIMIT_RETRY_MS })
  const isOwnHost = shareOfHost(settings, c.req.url) !== undefined
  const sharePath = isOwnHost ? '' : key === undefined ? `/s/${share}` : `/s/${share}/k/${key}`
  const basePath = server === undefined ? sharePath : `${sharePath}/${server}`
  const clients: ShareClient[] = []
  const shareFor = (name: string): ShareClient => {
    const lane = server === undefined || !isThere ? laneOf(share, name) : serverLane(share, server)
    const client = new ShareClient(c.env, lane, visitor)
    clients.push(client)
    return client
  }
  return ok({
    shareFor,
    asked: () => clients,
    hasAsked: () => clients.some(({ hasAsked }) => hasAsked),
    principalIn: isOpen ? anonymousPrincipal : () => holder.value.id,
    isAnonymous: isOpen,
    isAstray: !isThere,
    server,
    basePath,
    revision,
    stateKey: c.var.relay.keys.requestState,
  })
}
