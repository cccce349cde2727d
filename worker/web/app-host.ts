/**
 * A share's web app on a host of its own, where nothing else is: every path is the app's. A browser shows its link by a cookie, which it gets for
 * the link in a URL; the cookie is for pages of this very host alone, since sibling hosts count as the same site.
 */
import type { MiddlewareHandler } from 'hono'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { clientAddress } from '../access/client-address.ts'
import { appOrigin, KEY_PARAMETER, shareOfOrigin } from '../access/origin.ts'
import { relayOrigin, type Settings, settingsOf } from '../env.ts'
import { WEB_COOKIE_S } from '../web-limits.ts'
import { APP_COOKIE, appKeys, REFUSED_METHODS, requestHeaders } from './app-request.ts'
import { hostHeaders } from './app-response.ts'
import { forward } from './forward.ts'
import { streamed } from './streamed.ts'
import { refusedVisitor, webProblem } from './web-problem.ts'
import { admitToApp, holderOf, relayBearer, type Shown, type WebContext } from './web-visitor.ts'

const KEY_IN_QUERY = new RegExp(`(?:^|&)${KEY_PARAMETER}=([^&]*)`)

/** Answers any request to such a host. */
export const serveAppHost: MiddlewareHandler<RouteEnv> = async (c) => {
  const share = c.req.param('share') ?? ''
  const { raw } = c.req
  const settings = settingsOf(c.env)
  const origin = ownOrigin(raw, settings, share)
  const { pathname, search, key } = withoutKey(raw.url)
  const method = raw.method
  if (REFUSED_METHODS.has(method)) return webProblem(raw, 'METHOD_NOT_ALLOWED')
  const isUpgrade = raw.headers.get('upgrade')?.toLowerCase() === 'websocket'
  const address = clientAddress(raw, settings)
  if (key !== undefined && !isUpgrade && (method === 'GET' || method === 'HEAD'))
    return enter(c, { share, address, key }, `${origin}${pathname}${search}`)
  if (isOfAnotherShare(raw, settings, share, method, isUpgrade)) return webProblem(raw, 'ORIGIN_REFUSED')
  const shown = await credentialOf(c, { share, address }, { origin, isUpgrade })
  if (shown === undefined) return webProblem(raw, 'APP_ORIGIN_REFUSED')
  const visitor = await admitToApp(c, shown)
  if (!visitor.ok) return refusedVisitor(raw, visitor.error)
  const isBearerOurs = relayBearer(raw) !== undefined
  return forward({
    ...visitor.value,
    request: raw,
    method,
    isUpgrade,
    target: pathname + search,
    headers: requestHeaders(raw.headers, { address, origin, isBearerOurs, addressHeader: settings.addressHeader }),
    origin,
    cookiesOf: (headers) => hostHeaders(headers).getSetCookie(),
    respond: (head, body) => streamed(head, hostHeaders(head.headers), body, method),
  })
}

/** Origin under which the client sees the app. */
function ownOrigin(request: Request, settings: Settings, share: string): string {
  return appOrigin(settings, relayOrigin(request, settings), share) ?? new URL(request.url).origin
}

/** Path and query as they were sent, without the key, whose value is given apart. No app ever sees it. */
function withoutKey(href: string): { readonly pathname: string; readonly search: string; readonly key: string | undefined } {
  const { pathname, search } = new URL(href)
  const query = search.slice(1)
  const [, key] = KEY_IN_QUERY.exec(query) ?? []
  if (key === undefined) return { pathname, search, key: undefined }
  const rest = query
    .split('&')
    .filter((part) => !part.startsWith(`${KEY_PARAMETER}=`))
    .join('&')
  return { pathname, search: rest === '' ? '' : `?${rest}`, key: decoded(key) }
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
  const holder = visitor.ok ? await holderOf(c, shown.share, shown.key) : visitor
  if (!holder.ok) {
    const { code, detail, retryAfterMs } = holder.error
    return webProblem(c.req.raw, code, detail, retryAfterMs === undefined ? undefined : { code, retryAfterMs })
  }
  const lifeS = Math.min(WEB_COOKIE_S, Math.ceil((holder.value.expiresAtMs - Date.now()) / 1000))
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
  const [key] = await validKeys(c, who.share, appKeys(raw.headers.get('cookie')))
  if (key !== undefined && mayUseCookie(raw, origin, isUpgrade)) return { ...who, key }
  if (bearer !== undefined) return { ...who, bearer }
  // Whoever may come without a credential may come from everywhere.
  return key === undefined || (await admitToApp(c, who)).ok ? who : undefined
}

/** Of the keys in cookies those that are a link's, of which there is more than one only by a mistake of somebody's. */
async function validKeys(c: WebContext, share: string, keys: readonly string[]): Promise<string[]> {
  for (const key of keys.slice(0, 2)) if ((await holderOf(c, share, key)).ok) return [key]
  return []
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
