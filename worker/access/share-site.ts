/**
 * Where a share's people sign in: on a host of the share's own, or, on a relay without a domain for such hosts, below the share's path.
 * Everything of one sign-in (issuer, endpoints, resources) stands below one URL, its base. Pure.
 */
import { relayOrigin, type Settings } from '../env.ts'
import { isLoopbackName, shareOfHost, shareOrigin } from './origin.ts'

/** An endpoint that access tokens are for. */
export interface ProtectedResource {
  readonly url: string
  /** Where its metadata is (RFC 9728 §3.1). */
  readonly metadataUrl: string
}

export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource'
/** Of the endpoints that a share has, the ones whose URLs people are given. What is posted to `messages` belongs to a stream of `sse`. */
const ENDPOINT = /\/(mcp|sse|messages)\/?$/
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

/** The endpoints of a sign-in that tokens may be for: the first is meant where a client names none. */
export function resourcesOf(base: string): readonly [string, string] {
  return [`${base}/mcp`, `${base}/sse`]
}

/** The resource that a request is made to; undefined where nobody signs in. */
export function protectedResource(request: Pick<Request, 'url'>, settings: Settings, share: string): ProtectedResource | undefined {
  const [, endpoint] = ENDPOINT.exec(new URL(request.url).pathname) ?? []
  const base = endpoint === undefined ? undefined : signInBase(request, settings, share)
  if (base === undefined) return undefined
  const [mcp, sse] = resourcesOf(base)
  const url = endpoint === 'mcp' ? mcp : sse
  const { origin, pathname } = new URL(url)
  return { url, metadataUrl: `${origin}${RESOURCE_METADATA_PATH}${pathname}` }
}

/** What sends a client into signing in (RFC 9728 §5.1). */
export function resourceChallenge(
  { metadataUrl }: Pick<ProtectedResource, 'metadataUrl'>,
  members: Readonly<Record<string, string>>,
): string {
  const all = Object.entries({ ...members, resource_metadata: metadataUrl })
  return `Bearer ${all.map(([name, value]) => `${name}="${value}"`).join(', ')}`
}
