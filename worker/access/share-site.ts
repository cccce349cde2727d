/**
 * Where a share's people sign in: on a host of the share's own, or, on a relay without a domain for such hosts, below the share's path.
 * Everything of one sign-in (issuer, endpoints, resources) stands below one URL, its base. Pure.
 */
import { isServerName } from '../../protocol/server-names.ts'
import { relayOrigin, type Settings } from '../env.ts'
import { isLoopbackName, shareOfHost, shareOrigin } from './origin.ts'

/** An endpoint that access tokens are for. */
export interface ProtectedResource {
  readonly url: string
  /** Where its metadata is (RFC 9728 §3.1). */
  readonly metadataUrl: string
}

export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource'
/**
 * Path of an endpoint that a share has, below its own or on its own host, and the name of its server, if it has one. What is posted to `messages`
 * belongs to a stream of `sse`.
 */
const ENDPOINT = /^(?:\/s\/[^/]+(?:\/k\/[^/]+)?)?(?:\/([^/]+))?\/(mcp|sse|messages)\/?$/
/** The end of a resource's URL, behind the base of its sign-in. */
const NAMED_RESOURCE = /^\/([^/]+)\/(?:mcp|sse)\/?(?:\?|$)/

/** The base of the sign-in at a URL of a share; undefined where nobody signs in. Tokens are not sent in the clear, but on one machine. */
export function signInBase(request: Pick<Request, 'url'>, settings: Settings, share: string): string | undefined {
  const isOwnHost = shareOfHost(settings, request.url) === share
  const pathBase = settings.hasPathSignIn ? `${relayOrigin(request, settings)}/s/${share}` : undefined
  const base = isOwnHost ? shareOrigin(settings, new URL(request.url)) : pathBase
  if (base === undefined) return undefined
  const { protocol, hostname } = new URL(base)
  return protocol === 'https:' || isLoopbackName(hostname) ? base : undefined
}

/** The base of the sign-in at a share's own host, of a relay that is reached by this URL; undefined where there is no such host, or nobody signs in there. */
export function ownHostBase(request: Pick<Request, 'url'>, settings: Settings, share: string): string | undefined {
  if (settings.shareDomain === undefined) return undefined
  const own = new URL(settings.publicOrigin ?? request.url)
  own.hostname = `${share}.${settings.shareDomain}`
  return signInBase({ url: own.href }, settings, share)
}

/** The endpoints of a sign-in that tokens may be for: the first is meant where a client names none. `server`: of one that has a name. */
export function resourcesOf(base: string, server?: string): readonly [string, string] {
  const at = server === undefined ? base : `${base}/${server}`
  return [`${at}/mcp`, `${at}/sse`]
}

/** The name in the URL of an endpoint below a base; undefined of the server without one, and of what is no endpoint. Whether there is such a server is not said. */
export function serverOfResource(base: string, resource: string): string | undefined {
  const [, server = ''] = resource.startsWith(base) ? (NAMED_RESOURCE.exec(resource.slice(base.length)) ?? []) : []
  return isServerName(server) ? server : undefined
}

/** The resource that a request is made to; undefined where nobody signs in. */
export function protectedResource(request: Pick<Request, 'url'>, settings: Settings, share: string): ProtectedResource | undefined {
  const [, server, endpoint] = ENDPOINT.exec(new URL(request.url).pathname) ?? []
  const isNone = endpoint === undefined || (server !== undefined && !isServerName(server))
  const base = isNone ? undefined : signInBase(request, settings, share)
  if (base === undefined) return undefined
  const [mcp, sse] = resourcesOf(base, server)
  const url = endpoint === 'mcp' ? mcp : sse
  const { origin, pathname } = new URL(url)
  return { url, metadataUrl: `${origin}${RESOURCE_METADATA_PATH}${pathname}` }
}

/** Where the metadata is of an endpoint with a key in its URL, as its client has typed that (RFC 9728 §3.1): below the relay's own well-known path, with the key. */
export function keyMetadataUrl(request: Pick<Request, 'url'>, settings: Settings): string {
  const { pathname } = new URL(request.url)
  return `${relayOrigin(request, settings)}${RESOURCE_METADATA_PATH}${pathname.replace(/\/$/, '').replace(/\/messages$/, '/sse')}`
}

/** The endpoint whose metadata is asked for at such a place. */
export function resourceAt(request: Pick<Request, 'url'>, settings: Settings): string {
  const { pathname } = new URL(request.url)
  return `${relayOrigin(request, settings)}${pathname.slice(RESOURCE_METADATA_PATH.length).replace(/\/$/, '')}`
}

/** What sends a client into signing in (RFC 9728 §5.1). */
export function resourceChallenge(
  { metadataUrl }: Pick<ProtectedResource, 'metadataUrl'>,
  members: Readonly<Record<string, string>>,
): string {
  const all = Object.entries({ ...members, resource_metadata: metadataUrl })
  return `Bearer ${all.map(([name, value]) => `${name}="${value}"`).join(', ')}`
}
