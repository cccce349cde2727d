/** `/authorize`: asks a person for consent, and for the access code that proves who it is. Opening the page writes nothing; only an approved one reaches an object. */
import { type AuthRequest, AuthorizationError, authorizationErrorRedirect, CimdFetchError } from '@cloudflare/workers-oauth-provider'
import { readAccessCode } from '../access/access-code.ts'
import { isLoopbackName } from '../access/origin.ts'
import { SparingAnswers } from '../access/sparing-answers.ts'
import { countTry } from '../access/wrong-tries.ts'
import { signInStub } from '../carry/sign-in-stub.ts'
import type { Approval } from '../contract/registry/sign-in-rpc.ts'
import { KNOWN_END_MS, MAX_CONSENT_BYTES } from './limits.ts'
import { askServer, readAuthorization, toOutside } from './authorization-server.ts'
import { ClientIds } from './client-ids.ts'
import { type ConsentFacts, consentPage, faultPage } from './consent-page.ts'
import { endedCookie, openConsent, readConsent } from './consent-request.ts'
import { readCapped } from '../read-capped.ts'
import type { SignInVisit } from './visit.ts'

const START_AGAIN = 'Go back to the program that has sent you here, and connect again.'
const WRONG_CODE = 'This access code is not one for this share. Compare it with the one that the owner has given you.'
const TOO_MANY_CODES = 'So many have come from your network that the next one has to wait. Go back, and try the right one in a minute.'
const PROVED_NOTHING: Readonly<Record<Exclude<Approval['kind'], 'approved'>, string>> = {
  used: 'This access code was used already: it works once. Ask the owner of the share for a new one.',
  over: 'Your access to this share is over. Ask its owner for a new access code.',
}

/** `GET /authorize`. */
export async function showConsent(visit: SignInVisit, request: Request): Promise<Response> {
  const asked = await readAsked(visit, new URL(request.url).search)
  if (asked instanceof Response) return asked
  const known = await endOf(visit)
  if (known === undefined) return faultPage('Many sign in at this moment', 'Try again in a minute.', 503, { 'retry-after': '60' })
  const endsAtMs = known.answer
  if (endsAtMs === undefined) return faultPage('There is no such share', 'Compare the URL with the one that you were given.', 404)
  if (endsAtMs <= Date.now()) return faultPage('This share has ended', 'Ask its owner to lengthen it.', 410)
  const { sealed, cookie } = await openConsent(visit.keys.signIn, visit.share, asked)
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
  const { share, keys, base, env } = visit
  if (!isOwnPage(request, base)) return faultPage('This form is not ours', START_AGAIN, 403)
  const text = await readCapped(request.body, MAX_CONSENT_BYTES)
  if (text === undefined) return faultPage('This form is too large', START_AGAIN, 413)
  const form = new URLSearchParams(text)
  const sealed = form.get('request') ?? ''
  const about = await readConsent(keys.signIn, share, sealed, request.headers.get('cookie'))
  if (about === undefined) return faultPage('This page is too old, or was not opened in this browser', START_AGAIN, 403)
  const { request: asked, flow } = about
  if (form.get('decision') !== 'allow') return redirect(authorizationErrorRedirect(asked, 'access_denied'), flow)
  const codeHash = await readAccessCode(keys.signIn, share, form.get('code') ?? '')
  const approval = codeHash === undefined ? undefined : await signInStub(env, share).approve({ base, request: asked, codeHash })
  if (approval?.kind === 'approved') return redirect(approval.redirectTo, flow)
  const waitMs = codeHash === undefined ? countTry({ address: visit.address, share }) : undefined
  if (waitMs !== undefined)
    return faultPage('Too many wrong codes', TOO_MANY_CODES, 429, { 'retry-after': String(Math.ceil(waitMs / 1000)) })
  const fault = approval === undefined ? WRONG_CODE : PROVED_NOTHING[approval.kind]
  const endsAtMs = (await endOf(visit))?.answer ?? Date.now()
  return consentPage({ ...(await factsOf(visit, asked, sealed, endsAtMs)), fault }, 403, {})
}

/** Whether a form comes from a page of this very origin, as far as the browser says: hosts of other shares are same-site. */
function isOwnPage({ headers }: Request, base: string): boolean {
  const [origin, site] = [headers.get('origin'), headers.get('sec-fetch-site')]
  return (origin === null || origin === new URL(base).origin) && (site === null || site === 'same-origin')
}

/** When a share ends, in milliseconds since 1970, as the registry said a moment ago; undefined where there is no such share. Whoever opens a page has shown nothing. */
const ends = new SparingAnswers<number | undefined>(KNOWN_END_MS)

function endOf({ env, share }: SignInVisit): Promise<{ readonly answer: number | undefined } | undefined> {
  return ends.of(share, async () => (await env.REGISTRY.getByName('registry').shareTrust(share))?.expiresAtMs)
}

async function factsOf(visit: SignInVisit, asked: AuthRequest, sealed: string, endsAtMs: number): Promise<ConsentFacts> {
  const { base, share, keys } = visit
  const env = { OAUTH_KV: new ClientIds(keys.signIn, share, asked.redirectUri) }
  const { clientName, clientDomain } = await askServer(base, (server) => server.getOAuthApi(env).describeConsent(asked))
  const { protocol, host, hostname, origin } = new URL(asked.redirectUri)
  const isApp = protocol !== 'https:' && protocol !== 'http:'
  return {
    redirectHost: isApp ? asked.redirectUri : host,
    isThisMachine: isApp || isLoopbackName(hostname),
    // Who registers without a name has an id that nobody can read.
    clientName: clientName === asked.clientId && !clientName.startsWith('https:') ? 'nothing' : clientName,
    clientHost: clientDomain,
    resource: toOutside(base, asked.resource ?? ''),
    endsAtMs,
    action: `${new URL(base).pathname.replace(/\/$/, '')}/authorize`,
    sealed,
    // A source cannot name an address of IPv6.
    redirectSource: isApp || hostname.startsWith('[') ? protocol : origin,
  }
}

/** Sends the browser on, with all that it has said to us left behind. */
function redirect(location: string, flow?: string): Response {
  const headers = { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }
  return new Response(null, { status: 303, headers: { ...headers, ...(flow === undefined ? {} : { 'set-cookie': endedCookie(flow) }) } })
}
