/** Who comes to a share's web app: by a key, by a bearer token, signed in, or without a credential where the share's owner lets such in. */
import type { Context } from 'hono'
import { err, ok, type Result } from '../../protocol/result.ts'
import { isAccessToken } from '../access/access-token.ts'
import { anonymousHolder, mayBeOpen } from '../access/anonymous.ts'
import { appSessionHolder } from '../access/app/app-session.ts'
import { authenticateClient, bearerOf, type LinkHolder, OWNER_KEY_PREFIX, type Refusal } from '../access/authenticate.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { noteRefusal } from '../access/refused-credentials.ts'
import { slowed } from '../access/wrong-tries.ts'
import { randomKey } from '../call-key.ts'
import { PassRefused } from '../carry/pass-refused.ts'
import { ShareClient } from '../carry/share-client.ts'
import { anonymousPrincipal } from '../contract/trust/principals.ts'
import { settingsOf } from '../env.ts'
import { laneOf } from '../lanes.ts'
import { webProblem } from './web-problem.ts'

export type WebContext = Context<RouteEnv>

export interface WebVisitor {
  readonly share: ShareClient
  readonly principal: string
  /** End of the credential's life in milliseconds since 1970. */
  readonly expiresAtMs: number
}

/** Whose credential a request may show, beside none. */
export interface Shown {
  readonly share: string
  readonly address: string | undefined
  /** Of a cookie of somebody who has signed in: the token, and the origin that it must be for. */
  readonly session?: { readonly token: string; readonly origin: string }
  /** A key of the path or of a cookie. */
  readonly key?: string
  readonly bearer?: string
}

/** The holder of what is shown, or of nothing where the share is open. */
export async function admitToApp(c: WebContext, { share, address, session, key, bearer }: Shown): Promise<Result<WebVisitor, Refusal>> {
  const person = session && (await appSessionHolder(c.var.relay.keys, { share, origin: session.origin }, session.token))
  const shown = person === undefined ? await holderOf(c, share, key, bearer) : ok(person)
  const isOpen = !shown.ok && shown.error.isBare === true && (await mayBeOpen(c.env, share))
  const holder = isOpen ? ok(anonymousHolder(undefined)) : shown
  if (!holder.ok) {
    noteRefusal('client', address)
    return err(slowed(holder.error, { address, share }))
  }
  const { id, expiresAtMs } = holder.value
  return ok({ share: clientOf(c, share, holder.value, address), principal: isOpen ? anonymousPrincipal('') : id, expiresAtMs })
}

/** Each request for itself: exchanges have nothing in common, and a share of several objects is to be used in all of them. */
export function clientOf(c: WebContext, share: string, holder: LinkHolder, address: string | undefined): ShareClient {
  return new ShareClient(c.env, laneOf(share, randomKey()), address === undefined ? holder : { ...holder, address })
}

/** What a visitor is told whom the Share does not let in, where a request to the app would tell that too late. */
export async function refusedByShare(request: Request, share: ShareClient): Promise<Response | undefined> {
  try {
    await share.admit()
    return undefined
  } catch (error) {
    if (!(error instanceof PassRefused)) throw error
    const { failure } = error
    return webProblem(request, failure.code, failure.detail, failure)
  }
}

/** As `authenticateClient`, of a URL at which nobody signs in: whatever the app's paths are, they are none of the relay's. */
export function holderOf(c: WebContext, share: string, key?: string, bearer?: string): Promise<Result<LinkHolder, Refusal>> {
  const headers: Record<string, string> = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
  const bare = new Request(new URL('/', c.req.url), { headers })
  return authenticateClient(bare, c.var.relay, settingsOf(c.env), share, key)
}

/** The bearer token of a request, if it was made by a relay like this; any other may be the app's own. */
export function relayBearer(request: Request): string | undefined {
  const bearer = bearerOf(request)
  return bearer !== undefined && isOfRelays(bearer) ? bearer : undefined
}

/** By its looks: what has ended, or is of another share, is not for an app to see either. */
function isOfRelays(bearer: string): boolean {
  if (bearer.startsWith(OWNER_KEY_PREFIX) || isAccessToken(bearer)) return true
  // Of a token that its holder has narrowed, caveats follow upon the payload.
  const [, payload] = bearer.split(/[.~]/)
  if (payload === undefined) return false
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    const aud = typeof claims === 'object' && claims !== null && 'aud' in claims ? claims.aud : undefined
    return typeof aud === 'string' && aud.startsWith('mcp-edge/')
  } catch {
    return false
  }
}
