/**
 * A share's web app on a host of its own, where nothing else is: every path is the app's. A browser shows its link by a cookie, which it gets for
 * the link in a URL, or for signing in; the cookie is for pages of this very host alone, since sibling hosts count as the same site.
 */
import type { MiddlewareHandler } from 'hono'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { isAccessToken } from '../access/access-token.ts'
import { appSessionHolder } from '../access/app/app-session.ts'
import { clientAddress } from '../access/client-address.ts'
import { appOrigin, KEY_PARAMETER, PASS_PARAMETER, shareOfOrigin } from '../access/origin.ts'
import { relayOrigin, type Settings, settingsOf } from '../env.ts'
import { WEB_COOKIE_S } from '../web-limits.ts'
import { APP_COOKIE, appKeys, REFUSED_METHODS, requestHeaders, TAKEN_METHODS } from './app-request.ts'
import { hostHeaders } from './app-response.ts'
import { beginSignIn, finishSignIn, renewedSession } from './app-sign-in.ts'
import { forward } from './forward.ts'
import { streamed } from './streamed.ts'
import { refusedVisitor, webProblem } from './web-problem.ts'
import { admitToApp, holderOf, refusedByShare, relayBearer, type Shown, type WebContext } from './web-visitor.ts'

const KEY_IN_QUERY = new RegExp(`(?:^|&)${KEY_PARAMETER}=([^&]*)`)
const PASS_IN_QUERY = new RegExp(`(?:^|&)${PASS_PARAMETER}=([^&]*)`)

/** What has come is told by cookie, which programs may not keep: they take one that is `Secure` over http for wrong. */
const NOTHING_SHOWN =
  'Neither the cookie that web_url sets has come, nor a bearer token. A browser gets the cookie by opening web_url; programs that keep none send a token.'

/** Answers any request to such a host. */
export const serveAppHost: MiddlewareHandler<RouteEnv> = async (c) => {
  const share = c.req.param('share') ?? ''
  const { raw } = c.req
  const settings = settingsOf(c.env)
  const origin = ownOrigin(raw, settings, share)
  const { pathname, search, key, pass } = withoutOwn(raw.url)
  const method = raw.method
  if (REFUSED_METHODS.has(method)) return webProblem(raw, 'METHOD_NOT_ALLOWED', undefined, { allow: TAKEN_METHODS })
  const isUpgrade = raw.headers.get('upgrade')?.toLowerCase() === 'websocket'
  const address = clientAddress(raw, settings)
  const page = { share, origin, target: pathname + search, address }
  const isRead = !isUpgrade && (method === 'GET' || method === 'HEAD')
  if (isRead && key !== undefined) return enter(c, { share, address, key }, origin + page.target)
  if (isRead && pass !== undefined) return finishSignIn(c, page, pass)
  if (isOfAnotherShare(raw, settings, share, method, isUpgrade)) return webProblem(raw, 'ORIGIN_REFUSED')
  const shown = await credentialOf(c, { share, address }, { origin, isUpgrade })
  if (shown === undefined) return webProblem(raw, 'APP_ORIGIN_REFUSED')
  const visitor = await admitToApp(c, shown)
  const signIn = async (isAsked: boolean): Promise<Response | undefined> => (isAsked ? beginSignIn(c, page) : undefined)
  if (!visitor.ok) {
    const isBare = visitor.error.isBare === true
    return (await signIn(isBare)) ?? refusedVisitor(raw, isBare ? { ...visitor.error, detail: NOTHING_SHOWN } : visitor.error)
  }
  const { session } = shown
  const renewed = session && (await renewedSession(c, page, session.token))
  const isBearerOurs = relayBearer(raw) !== undefined
  return forward({
    ...visitor.value,
    request: raw,
    method,
    isUpgrade,
    target: page.target,
    headers: requestHeaders(raw.headers, { address, origin, isBearerOurs, addressHeader: settings.addressHeader }),
    origin,
    cookiesOf: (headers) => hostHeaders(headers).getSetCookie(),
    // Whose access is over may have got another code.
    refused: ({ code }) => signIn(session !== undefined && code === 'UNAUTHORIZED'),
    respond: (head, body) => {
      const headers = hostHeaders(head.headers)
      if (renewed !== undefined) headers.append('set-cookie', renewed)
      return streamed(head, headers, body, method)
    },
  })
}

/** Origin under which the client sees the app. */
function ownOrigin(request: Request, settings: Settings, share: string): string {
  return appOrigin(settings, relayOrigin(request, settings), share) ?? new URL(request.url).origin
}

/** Path and query as they were sent, without what is the relay's, whose values are given apart: a key, and what a sign-in has sealed. No app ever sees them. */
function withoutOwn(href: string): {
  readonly pathname: string
  readonly search: string
  readonly key: string | undefined
  readonly pass: string | undefined
} {
  const { pathname, search } = new URL(href)
  const query = search.slice(1)
  const [, key] = KEY_IN_QUERY.exec(query) ?? []
  const [, pass] = PASS_IN_QUERY.exec(query) ?? []
  if (key === undefined && pass === undefined) return { pathname, search, key, pass }
  const rest = query
    .split('&')
    .filter((part) => !part.startsWith(`${KEY_PARAMETER}=`) && !part.startsWith(`${PASS_PARAMETER}=`))
    .join('&')
  return { pathname, search: rest === '' ? '' : `?${rest}`, key: key === undefined ? undefined : decoded(key), pass }
}

/** What is spelled as no text is spelled so is no key either. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

/** Takes the key out of the address bar: a browser gets it as a cookie, and goes on to the same page without it. */
async function enter(c: WebContext, shown: Shown & { readonly key: string }, to: string): Promise<Response> {
  const visitor = await admitToApp(c, shown)
  if (!visitor.ok) {
    const { code, detail, retryAfterMs } = visitor.error
    return webProblem(c.req.raw, code, detail, retryAfterMs === undefined ? {} : { retryAfterMs })
  }
  const refused = await refusedByShare(c.req.raw, visitor.value.share)
  if (refused !== undefined) return refused
  const lifeS = Math.min(WEB_COOKIE_S, Math.ceil((visitor.value.expiresAtMs - Date.now()) / 1000))
  return new Response(null, {
    status: 303,
    headers: {
      location: to,
      'set-cookie': `${APP_COOKIE}=${shown.key}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${Math.max(1, lifeS)}`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    },
  })
}

/** What a request shows that counts; undefined when it shows a cookie alone, and may not by where it comes from. */
async function credentialOf(
  c: WebContext,
  who: Pick<Shown, 'share' | 'address'>,
  { origin, isUpgrade }: { readonly origin: string; readonly isUpgrade: boolean },
): Promise<Shown | undefined> {
  const { raw } = c.req
  const bearer = relayBearer(raw)
  const cookie = await validCookie(c, who.share, origin)
  if (cookie !== undefined && mayUseCookie(raw, origin, isUpgrade)) return { ...who, ...cookie }
  if (bearer !== undefined) return { ...who, bearer }
  // Whoever may come without a credential may come from everywhere.
  return cookie === undefined || (await admitToApp(c, who)).ok ? who : undefined
}

/** What stands in the cookie that is a link's key, or of somebody who has signed in here. There is more than one only by a mistake of somebody's. */
async function validCookie(c: WebContext, share: string, origin: string): Promise<Pick<Shown, 'key' | 'session'> | undefined> {
  for (const value of appKeys(c.req.raw.headers.get('cookie')).slice(0, 2)) {
    if (isAccessToken(value)) {
      if ((await appSessionHolder(c.var.relay.keys, { share, origin }, value)) !== undefined) return { session: { token: value, origin } }
    } else if ((await holderOf(c, share, value)).ok) return { key: value }
  }
  return undefined
}

/** Whether a request with the cookie comes from the app's own pages, or from nowhere, as a bookmark does (Fetch Metadata; RFC 6454). */
function mayUseCookie({ method, headers }: Request, own: string, isUpgrade: boolean): boolean {
  const [from, site] = [headers.get('origin'), headers.get('sec-fetch-site')]
  if (isUpgrade) return from === own && (site === null || site === 'same-origin')
  if (method !== 'GET' && method !== 'HEAD') return from === own && site === 'same-origin'
  if (from !== null && from !== own) return false
  if (site === null || site === 'same-origin' || site === 'none') return true
  // Following a link is not reading: nobody but the one who follows it sees the page.
  return headers.get('sec-fetch-mode') === 'navigate' && headers.get('sec-fetch-dest') === 'document'
}

/** A page of another share, which is on the same site: it may change nothing here, by whatever cookies of the app. */
function isOfAnotherShare({ headers }: Request, settings: Settings, share: string, method: string, isUpgrade: boolean): boolean {
  const from = headers.get('origin')
  const theirs = from === null ? undefined : shareOfOrigin(settings, from)
  return theirs !== undefined && theirs !== share && (isUpgrade || (method !== 'GET' && method !== 'HEAD'))
}
