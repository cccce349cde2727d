/**
 * A share's web app below a path of the relay's own origin, for relays without hosts for apps: each response is sandboxed, so that its pages are of an
 * opaque origin, and what of it reaches beyond itself does not pass. The key stays in the path, since such a page has no cookies.
 */
import type { MiddlewareHandler } from 'hono'
import { isToken } from '../../protocol/web/http-fields.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { clientAddress } from '../access/client-address.ts'
import { refuseOrigin } from '../access/origin.ts'
import { relayOrigin, settingsOf } from '../env.ts'
import { REFUSED_METHODS, requestHeaders, TAKEN_METHODS } from './app-request.ts'
import type { AppPlace } from './app-urls.ts'
import { forward } from './forward.ts'
import { pathHeaders, rewritingOf, rewritten, SANDBOX } from './rewritten.ts'
import { streamed } from './streamed.ts'
import { refusedVisitor, webProblem } from './web-problem.ts'
import { admitToApp, relayBearer, type WebContext } from './web-visitor.ts'

const OPAQUE = 'null'
/** Two hours: the longest a browser keeps a preflight's answer. */
const PREFLIGHT_MAX_AGE_S = 7200

/** Answers any request below such a path. */
export const serveAppPath: MiddlewareHandler<RouteEnv> = async (c) => {
  const { raw } = c.req
  const origin = raw.headers.get('origin')
  // The app's own pages are of no origin that could be told from any other such; the key is what they know.
  const from = origin === null || origin === OPAQUE ? undefined : origin
  const refusal = refuseOrigin(settingsOf(c.env), new URL(raw.url), from)
  const response = refusal === undefined ? await answer(c) : webProblem(raw, refusal)
  // What hands over a WebSocket cannot be rebuilt, and no browser reads its fields.
  if (response.status === 101) return response
  const { headers } = response
  headers.set('content-security-policy', [SANDBOX, headers.get('content-security-policy')].filter((policy) => policy !== null).join(', '))
  headers.set('referrer-policy', 'no-referrer')
  headers.append('vary', 'Origin')
  if (origin !== null && refusal === undefined) headers.set('access-control-allow-origin', origin)
  return response
}

async function answer(c: WebContext): Promise<Response> {
  const { raw } = c.req
  const settings = settingsOf(c.env)
  const url = new URL(raw.url)
  const { method } = raw
  if (REFUSED_METHODS.has(method)) return webProblem(raw, 'METHOD_NOT_ALLOWED', undefined, { allow: TAKEN_METHODS })
  if (method === 'OPTIONS' && raw.headers.has('access-control-request-method')) return preflight(raw.headers)
  if (raw.headers.get('service-worker')?.trim().toLowerCase() === 'script') return webProblem(raw, 'SERVICE_WORKER_REFUSED')
  const [share, key] = [c.req.param('share') ?? '', c.req.param('key')]
  // As its client spells it, since there its pages are.
  const own = url.pathname
    .split('/')
    .slice(0, key === undefined ? 4 : 6)
    .join('/')
  const place = { origin: relayOrigin(raw, settings), prefix: own }
  const path = url.pathname.slice(own.length)
  const isUpgrade = raw.headers.get('upgrade')?.toLowerCase() === 'websocket'
  // Relative URLs of the first page are below the slash.
  if (path === '' && !isUpgrade && (method === 'GET' || method === 'HEAD'))
    return new Response(null, { status: 308, headers: { location: `${own}/${url.search}`, 'cache-control': 'no-store' } })
  const address = clientAddress(raw, settings)
  const bearer = relayBearer(raw)
  const visitor = await admitToApp(c, {
    share,
    address,
    ...(key === undefined ? {} : { key }),
    ...(key === undefined && bearer !== undefined ? { bearer } : {}),
  })
  if (!visitor.ok) return refusedVisitor(raw, visitor.error)
  const facts = { address, origin: place.origin, isBearerOurs: bearer !== undefined, addressHeader: settings.addressHeader }
  return forward({
    ...visitor.value,
    request: raw,
    method,
    isUpgrade,
    target: (path === '' ? '/' : path) + url.search,
    headers: belowPath(requestHeaders(raw.headers, facts), place, { isKeyed: key !== undefined, mayBePage: asksForPage(raw.headers) }),
    origin: place.origin,
    cookiesOf: () => [],
    respond: ({ status, headers: theirs }, body) => {
      const headers = pathHeaders(theirs, place)
      const kind = rewritingOf(status, headers)
      return kind === undefined ? streamed({ status }, headers, body, method) : rewritten(kind, body.readable, status, headers, place)
    },
  })
}

/** The rest of what must not go on from this origin: its cookies are the relay's, and what is rewritten must come as it is. */
function belowPath(
  headers: ReturnType<typeof requestHeaders>,
  { origin }: AppPlace,
  { isKeyed, mayBePage }: { readonly isKeyed: boolean; readonly mayBePage: boolean },
): ReturnType<typeof requestHeaders> {
  const kept = headers.flatMap(([name, value]) => {
    if (name === 'cookie' || name === 'accept-encoding' || (mayBePage && (name === 'range' || name === 'if-range'))) return []
    // Whoever has the key has it from its owner, or is the app's page.
    return [[name, name === 'origin' && value === OPAQUE && isKeyed ? origin : value] as const]
  })
  return [...kept, ['accept-encoding', 'identity']]
}

/** Whether the answer may be one that is rewritten, of which there are no parts. */
function asksForPage(headers: Headers): boolean {
  return (
    /\btext\/(?:html|css)\b/.test(headers.get('accept') ?? '') || /^(?:document|i?frame|style)$/.test(headers.get('sec-fetch-dest') ?? '')
  )
}

/** For pages of opaque origins every request is one to another origin. No cookie counts here, so whoever may ask may also read. */
function preflight(headers: Headers): Response {
  const method = headers.get('access-control-request-method') ?? ''
  const asked = headers.get('access-control-request-headers') ?? ''
  const isList = asked.length <= 2048 && asked.split(',').every((name) => isToken(name.trim()))
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': isToken(method) ? method : 'GET',
      ...(isList ? { 'access-control-allow-headers': asked } : {}),
      'access-control-max-age': String(PREFLIGHT_MAX_AGE_S),
    },
  })
}
