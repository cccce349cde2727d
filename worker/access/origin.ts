/** Decides which hosts and web pages may reach the relay at all, and tells browsers so with CORS headers. */
import type { MiddlewareHandler } from 'hono'
import { problemResponse } from '../problem.ts'
import { type Env, type Settings, settingsOf } from '../env.ts'
import { agentHostLabel } from './agent-host.ts'

export type OriginRefusal = 'HOST_REFUSED' | 'ORIGIN_REFUSED'

const ALLOWED_METHODS = 'GET, POST, PATCH, DELETE, OPTIONS'
/** What MCP clients send; a preflight may ask for more, since headers give no rights here. */
const USUAL_REQUEST_HEADERS = 'authorization, content-type, accept, last-event-id, mcp-session-id, mcp-protocol-version'
const EXPOSED_HEADERS = 'mcp-session-id, mcp-protocol-version, www-authenticate, retry-after'
/** Two hours: the longest a browser keeps a preflight's answer. */
const PREFLIGHT_MAX_AGE_S = 7200
const MAX_ASKED_HEADERS_CHARS = 2048

/** Schemes and hosts by which requests have come and were let in: a program that calls again is not looked at twice. */
const knownPlaces = new WeakMap<Settings, Set<string>>()
/** More names than a relay has, but for one that any name of this machine leads to. */
const MAX_KNOWN_PLACES = 32

/** What stands before a URL's path. */
function placeOf(url: string): string {
  return url.slice(0, url.indexOf('/', url.indexOf('//') + 2))
}

/**
 * Refuses foreign hosts and pages with 403, answers preflights with 204 before anyone is authenticated, and puts CORS
 * headers on what the allowed pages get.
 */
export const guardOrigin: MiddlewareHandler<{ Bindings: Env }> = async (c, next) => {
  const settings = settingsOf(c.env)
  const origin = c.req.header('origin')
  const known = knownPlaces.get(settings) ?? new Set()
  const place = placeOf(c.req.url)
  if (origin === undefined && known.has(place)) return next()
  const refusal = refuseOrigin(settings, new URL(c.req.url), origin)
  if (refusal !== undefined) return problemResponse(refusal)
  if (known.size < MAX_KNOWN_PLACES) knownPlaces.set(settings, known.add(place))
  if (origin === undefined) return next()
  if (c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined) {
    return new Response(null, { status: 204, headers: preflightHeaders(origin, c.req.header('access-control-request-headers')) })
  }
  await next()
  // A response that hands over a WebSocket cannot be rebuilt, and no browser reads its headers.
  if (c.res.status === 101) return
  const headers = new Headers(c.res.headers)
  headers.set('access-control-allow-origin', origin)
  headers.set('access-control-expose-headers', EXPOSED_HEADERS)
  headers.append('vary', 'Origin')
  const { body, status, statusText } = c.res
  c.res = undefined
  c.res = new Response(body, { status, statusText, headers })
}

/**
 * The rule: a loopback relay, or one with ALLOWED_HOSTS, answers only to hosts it knows; a page may be of the relay's
 * own origin, of ALLOWED_ORIGINS, or, when the relay is reached by a loopback name, of any loopback origin.
 */
export function refuseOrigin(settings: Settings, url: URL, origin: string | undefined): OriginRefusal | undefined {
  if (!isKnownHost(settings, url)) return 'HOST_REFUSED'
  if (origin === undefined || origin === url.origin || origin === settings.publicOrigin || origin === shareOrigin(settings, url))
    return undefined
  if (settings.allowedOrigins.has(origin.toLowerCase())) return undefined
  // Whose pages are a share's may do what they do with that share alone, whoever else may call.
  const theirs = shareOfOrigin(settings, origin)
  if (theirs !== undefined) return theirs === shareOfUrl(settings, url) ? undefined : 'ORIGIN_REFUSED'
  if (settings.allowedOrigins.has('*')) return undefined
  const isLocal = settings.loopback && isLoopbackName(url.hostname) && URL.canParse(origin) && isLoopbackName(new URL(origin).hostname)
  return isLocal ? undefined : 'ORIGIN_REFUSED'
}

function isKnownHost(settings: Settings, url: URL): boolean {
  if (!settings.loopback && settings.allowedHosts.size === 0) return true
  if (settings.allowedHosts.has(url.host) || settings.allowedHosts.has(url.hostname)) return true
  if (settings.publicOrigin !== undefined && new URL(settings.publicOrigin).host === url.host) return true
  if (shareOfHost(settings, url.href) !== undefined || shareOfAppHost(settings, url.href) !== undefined) return true
  if (agentHostLabel(settings, url.href) !== undefined) return true
  // A page that tricks the name service still sends its own name, so these names prove a local client.
  return isLoopbackName(url.hostname)
}

/** A share id: 32 characters, and a label that no other host of ours has. */
const SHARE_LABEL = /^[a-z2-7]{32}$/

/** The share whose own host a URL is at; undefined on any other host. */
export function shareOfHost({ shareDomain }: Pick<Settings, 'shareDomain'>, url: string): string | undefined {
  if (shareDomain === undefined || !url.includes(`.${shareDomain}`)) return undefined
  const { hostname } = new URL(url)
  if (!hostname.endsWith(`.${shareDomain}`)) return undefined
  const label = hostname.slice(0, -1 - shareDomain.length)
  return SHARE_LABEL.test(label) ? label : undefined
}

const APP_LABEL_END = '-app'

/** The share whose web app alone is on the host of a URL; undefined on any other host. */
export function shareOfAppHost({ shareDomain }: Pick<Settings, 'shareDomain'>, url: string): string | undefined {
  if (shareDomain === undefined || !url.includes(`${APP_LABEL_END}.${shareDomain}`)) return undefined
  const { hostname } = new URL(url)
  if (!hostname.endsWith(`${APP_LABEL_END}.${shareDomain}`)) return undefined
  const label = hostname.slice(0, -1 - shareDomain.length - APP_LABEL_END.length)
  return SHARE_LABEL.test(label) ? label : undefined
}

/** Origin of a share's web app, on a relay that clients reach at this origin; undefined where apps have no hosts. */
export function appOrigin({ shareDomain }: Pick<Settings, 'shareDomain'>, relay: string, share: string): string | undefined {
  if (shareDomain === undefined) return undefined
  const url = new URL(relay)
  url.hostname = `${share}${APP_LABEL_END}.${shareDomain}`
  return url.origin
}

/** The parameter of a URL on an app's host that holds a key, as in `?mcp_edge_key=…`. */
export const KEY_PARAMETER = 'mcp_edge_key'

/** Path on a share's own host at which people sign in for its web app, and the parameter of a URL on the app's host by which they come back. */
export const APP_SIGN_IN_PATH = '/authorize/app'
export const PASS_PARAMETER = 'mcp_edge_sign_in'

/** The URL by which whoever has a key opens a share's web app: on a host of its own, where the world can find that, else below the relay's own. */
export function webAppUrl(settings: Settings, relay: string, share: string, key: string): string {
  const own = foundAppOrigin(settings, relay, share)
  return own === undefined ? `${relay}/s/${share}/k/${key}/http/` : `${own}/?${KEY_PARAMETER}=${key}`
}

/** The origin at which a share's people open its web app, and sign in; undefined where the world finds no such host. */
export function foundAppOrigin(settings: Settings, relay: string, share: string): string | undefined {
  // The name of this machine says nothing to who comes through a proxy.
  const isFound = !settings.hasPathSignIn || settings.publicOrigin === undefined
  return isFound ? appOrigin(settings, relay, share) : undefined
}

/** The share to which an origin of a web page belongs: that of its sign-in, or of its web app. */
export function shareOfOrigin(settings: Pick<Settings, 'shareDomain'>, origin: string): string | undefined {
  return URL.canParse(origin) ? (shareOfHost(settings, origin) ?? shareOfAppHost(settings, origin)) : undefined
}

/** The share to which a URL of the relay belongs, by its host or by its path. */
function shareOfUrl(settings: Pick<Settings, 'shareDomain'>, { href, pathname }: URL): string | undefined {
  const [, id] = /^(?:\/\.well-known\/[\w-]+)?\/s\/([^/]+)/.exec(pathname) ?? []
  return shareOfHost(settings, href) ?? id
}

/** Origin under which the world sees a share's own host; undefined on any other host. Behind a proxy the host is kept, and the rest is the proxy's. */
export function shareOrigin(settings: Pick<Settings, 'shareDomain' | 'publicOrigin'>, url: URL): string | undefined {
  if (shareOfHost(settings, url.href) === undefined) return undefined
  const seen = new URL(url.origin)
  if (settings.publicOrigin !== undefined) {
    const { protocol, port } = new URL(settings.publicOrigin)
    seen.protocol = protocol
    seen.port = port
  }
  return seen.origin
}

/** Whether a host name of a URL can only mean this machine (RFC 6761 §6.3, RFC 1122 §3.2.1.3). */
export function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

function preflightHeaders(origin: string, asked: string | undefined): HeadersInit {
  const isList =
    asked !== undefined && asked.length <= MAX_ASKED_HEADERS_CHARS && /^[\w!#$%&'*+.^`|~-]+( *, *[\w!#$%&'*+.^`|~-]+)*$/.test(asked)
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': ALLOWED_METHODS,
    'access-control-allow-headers': isList ? asked : USUAL_REQUEST_HEADERS,
    'access-control-max-age': String(PREFLIGHT_MAX_AGE_S),
    vary: 'Origin, Access-Control-Request-Headers',
  }
}
