/** Admits the client of an MCP route: who it is, its share, and the revision that its headers claim. */
import type { Context } from 'hono'
import type { Failure } from '../../protocol/errors.ts'
import { err, ok, type Result } from '../../protocol/result.ts'
import { anonymousHolder, mayBeOpen } from '../access/anonymous.ts'
import { authenticateClient, type LinkHolder, type Refusal } from '../access/authenticate.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { clientAddress } from '../access/client-address.ts'
import { shareOfHost } from '../access/origin.ts'
import { type PassedCredential, passedCredentialOf } from '../access/passed-credentials.ts'
import { keyMetadataUrl } from '../access/share-site.ts'
import { namesUpstream } from '../access/share-id.ts'
import { isTooLongToPass } from '../../protocol/passed-credential.ts'
import { passingVerdict } from '../carry/passing-agents.ts'
import { noteRefusal } from '../access/refused-credentials.ts'
import { slowed, type Trying } from '../access/wrong-tries.ts'
import type { Caller } from '../contract/share-rpc.ts'
import { anonymousPrincipal, apartInSession, apartPrincipal } from '../contract/trust/principals.ts'
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
  /** Who it is in a session of this id: whoever has shown no credential, or one for the server alone, is somebody else in each. */
  readonly principalIn: (session: string) => string
  /** What it has shown for the server itself, whose agent wants it. */
  readonly shown?: Pick<Caller, 'authorization'> | undefined
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
  const come: Result<Coming, Refusal> = shown.ok ? ok({ holder: shown.value, isOpen: false }) : await whoElse(c, shown.error, share, key)
  if (!come.ok) return refused(come.error, { address, share })
  const { holder, isOpen, passed } = come.value
  // What is remembered of a credential holds from wherever it comes.
  const from = address === undefined ? holder : { ...holder, address }
  const visitor = key === undefined ? from : { ...from, metadataUrl: () => keyMetadataUrl(c.req.raw, settings) }
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
  if (passed !== undefined) {
    if ((await passingVerdict(shareFor(''))) === 'refuses') return refused(passed.otherwise, { address, share })
    if (isTooLongToPass(passed.shown.token)) return err({ code: 'CREDENTIAL_TOO_LONG', executed: 'no' })
  }
  return ok({
    shareFor,
    asked: () => clients,
    hasAsked: () => clients.some(({ hasAsked }) => hasAsked),
    principalIn: isOpen ? anonymousPrincipal : passed === undefined ? () => holder.id : apartOf(passed.shown),
    shown: passed && { authorization: passed.shown.authorization },
    isAnonymous: isOpen,
    isAstray: !isThere,
    server,
    basePath,
    revision,
    stateKey: c.var.relay.keys.requestState,
  })
}

/** Who is let in, as far as its request tells. */
interface Coming {
  readonly holder: LinkHolder
  /** It has shown nothing, and may be let in all the same. */
  readonly isOpen: boolean
  /** What it shows for the server itself; `otherwise`: why it is not let in where the server wants no such thing. */
  readonly passed?: { readonly shown: PassedCredential; readonly otherwise: Refusal }
}

/** Whoever has shown no credential of the relay's, in whose place `error` stands. */
async function whoElse(c: McpContext, error: Refusal, share: string, key: string | undefined): Promise<Result<Coming, Refusal>> {
  if (error.isBare === true && (await mayBeOpen(c.env, share))) return ok({ holder: anonymousHolder(error.challenge), isOpen: true })
  // Of a wrong token beside a right key the server may know more.
  const mayPass = error.code === 'UNAUTHORIZED' && error.isWrong === true && !namesUpstream(share)
  const passed = mayPass ? await passedCredentialOf(c.req.raw, c.var.relay, share, key) : undefined
  return passed === undefined ? err(error) : ok({ holder: passed.holder, isOpen: false, passed: { shown: passed, otherwise: error } })
}

function refused(refusal: Refusal, trying: Trying): Result<Visitor, Failure> {
  noteRefusal('client', trying.address)
  return err(slowed(refusal, trying))
}

/** In a session that is the session's, whose client may have its credential made anew; without one the credential's. */
function apartOf({ holder: { id }, digest }: PassedCredential): Visitor['principalIn'] {
  return (session) => (session === '' ? apartPrincipal(id, digest) : apartInSession(id, session))
}

/** A visitor in a session, with what it shows for the server. */
export function callerIn({ principalIn, shown }: Visitor, session: string): Caller {
  const principal = principalIn(session)
  return shown === undefined ? { principal, session } : { principal, session, ...shown }
}
