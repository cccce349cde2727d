/** `/authorize`: asks a person for consent, and for the access code that proves who it is. Opening the page writes nothing; only an approved one reaches an object. */
import { type AuthRequest, AuthorizationError, authorizationErrorRedirect, CimdFetchError } from '@cloudflare/workers-oauth-provider'
import { isLoopbackName } from '../access/origin.ts'
import { signInStub } from '../carry/sign-in-stub.ts'
import { askServer, readAuthorization, toOutside } from './authorization-server.ts'
import { ClientIds } from './client-ids.ts'
import { livingEnd, readDecision, redirect, shareEnd, START_AGAIN, unproved } from './consent-form.ts'
import { type ConsentFacts, consentPage, faultPage } from './consent-page.ts'
import { openConsent } from './consent-request.ts'
import type { SignInVisit } from './visit.ts'

/** `GET /authorize`. */
export async function showConsent(visit: SignInVisit, request: Request): Promise<Response> {
  const asked = await readAsked(visit, new URL(request.url).search)
  if (asked instanceof Response) return asked
  const endsAtMs = await livingEnd(visit)
  if (endsAtMs instanceof Response) return endsAtMs
  const { sealed, cookie } = await openConsent(visit.keys.signIn, { purpose: 'consent', share: visit.share }, asked)
  return consentPage(await factsOf(visit, asked, sealed, endsAtMs), 200, { 'set-cookie': cookie })
}

/** What is asked for, or what its asker is told. */
async function readAsked({ base, share, keys }: SignInVisit, query: string): Promise<AuthRequest | Response> {
  try {
    const redirectUri = new URLSearchParams(query).get('redirect_uri')
    return await readAuthorization(base, query, { OAUTH_KV: new ClientIds(keys.signIn, share, redirectUri) })
  } catch (error) {
    if (error instanceof CimdFetchError) return faultPage('The client could not be looked up', `${error.message}. ${START_AGAIN}`, 502)
    if (!(error instanceof AuthorizationError)) throw error
    const { redirectUri, state, code, description } = error
    if (redirectUri === undefined) return faultPage('This request cannot be granted', `${description}. ${START_AGAIN}`, 400)
    return redirect(authorizationErrorRedirect({ redirectUri, issuer: base, ...(state === undefined ? {} : { state }) }, code, description))
  }
}

/** `POST /authorize`: what the person has decided. */
export async function decideConsent(visit: SignInVisit, request: Request): Promise<Response> {
  const decision = await readDecision<AuthRequest>(visit, request, 'consent')
  if (decision instanceof Response) return decision
  const { asked, sealed, flow, isAllowed, codeHash } = decision
  if (!isAllowed) return redirect(authorizationErrorRedirect(asked, 'access_denied'), flow)
  const { base, share, env } = visit
  const approval = codeHash === undefined ? undefined : await signInStub(env, share).approve({ base, request: asked, codeHash })
  if (approval?.kind === 'approved') return redirect(approval.redirectTo, flow)
  const fault = unproved(visit, approval?.kind)
  if (fault instanceof Response) return fault
  const endsAtMs = (await shareEnd(visit))?.answer ?? Date.now()
  return consentPage({ ...(await factsOf(visit, asked, sealed, endsAtMs)), fault }, 403, {})
}

async function factsOf(visit: SignInVisit, asked: AuthRequest, sealed: string, endsAtMs: number): Promise<ConsentFacts> {
  const { base, share, keys } = visit
  const env = { OAUTH_KV: new ClientIds(keys.signIn, share, asked.redirectUri) }
  const { clientName, clientDomain } = await askServer(base, asked.resource, (server) => server.getOAuthApi(env).describeConsent(asked))
  const { protocol, host, hostname, origin } = new URL(asked.redirectUri)
  const isApp = protocol !== 'https:' && protocol !== 'http:'
  const place = isApp || isLoopbackName(hostname) ? 'a program on this computer, which may be any that runs here' : 'the site above'
  return {
    question: 'Let this client in?',
    redirectHost: isApp ? asked.redirectUri : host,
    client: {
      // Who registers without a name has an id that nobody can read.
      name: clientName === asked.clientId && !clientName.startsWith('https:') ? 'nothing' : clientName,
      host: clientDomain,
    },
    gets: `to use the MCP server at ${toOutside(base, asked.resource ?? '')} in your name, as far as its owner lets you`,
    condition: `you have just asked ${place} to connect`,
    endsAtMs,
    action: `${new URL(base).pathname.replace(/\/$/, '')}/authorize`,
    sealed,
    // A source cannot name an address of IPv6.
    redirectSource: isApp || hostname.startsWith('[') ? protocol : origin,
  }
}
