/**
 * The authorization server of one share's sign-in (OAuth 2.1): the library, as this relay sets it up. What it keeps goes into a store of
 * ours. The library takes http issuers of `localhost` itself only, so that inside of it every base is https: `toInside` and `toOutside`.
 */
import { type AuthRequest, AuthorizationError, CimdFetchError, OAuthAuthorizationServer } from '@cloudflare/workers-oauth-provider'
import { resourcesOf, serverOfResource } from '../access/share-site.ts'
import { ACCESS_TOKEN_MS, REFRESH_TOKEN_MS } from './limits.ts'

/** What the library needs of a store: the part of Workers KV that it uses. */
export interface OAuthStore {
  get(name: string, options?: { readonly type?: 'json' }): Promise<unknown>
  put(name: string, value: string, options?: StoreOptions): Promise<void>
  delete(name: string): Promise<void>
  list(options: { readonly prefix: string }): Promise<{ readonly keys: readonly { readonly name: string }[]; readonly list_complete: true }>
}

/** How long a value is kept: seconds from now, or since 1970. */
export interface StoreOptions {
  readonly expirationTtl?: number
  readonly expiration?: number
}

export interface OAuthEnv {
  readonly OAUTH_KV: OAuthStore
}

/** The one scope: to use the share's server. What may be done with it is said by the policy of the person. */
export const SCOPE = 'mcp'

const SECOND_MS = 1000
/** Schemes of programs that take codes without a web server, beside those with a dot (RFC 8252 §7.1). */
const APP_SCHEMES: ReadonlySet<string> = new Set(['cursor:', 'grokbot:', 'vscode:', 'vscode-insiders:', 'windsurf:', 'zed:'])

export function toInside(url: string): string {
  return url.replace(/^http:/, 'https:')
}

/** A text of the library's, with the URLs that clients know. */
export function toOutside(base: string, text: string): string {
  return text.replaceAll(toInside(base), base)
}

/**
 * The library, set up for the sign-in below a base. `looksUp`: clients that name a document are looked up in the world. `resource`: what is asked
 * for, or was granted; it may be an endpoint of any server with a name.
 */
export function authorizationServer(base: string, resource?: string, looksUp = true): OAuthAuthorizationServer<OAuthEnv> {
  const issuer = toInside(base)
  const [mcp, sse] = resourcesOf(issuer)
  const server = resource === undefined ? undefined : serverOfResource(issuer, toInside(resource))
  return new OAuthAuthorizationServer<OAuthEnv>({
    issuer,
    resources: [mcp, sse, ...(server === undefined ? [] : resourcesOf(issuer, server))],
    defaultResource: mcp,
    tokenEndpoint: `${issuer}/token`,
    clientRegistrationEndpoint: `${issuer}/register`,
    scopesSupported: [SCOPE],
    accessTokenTTL: ACCESS_TOKEN_MS / SECOND_MS,
    refreshTokenTTL: REFRESH_TOKEN_MS / SECOND_MS,
    refreshTokenIdleTTL: REFRESH_TOKEN_MS / SECOND_MS,
    clientIdMetadataDocumentEnabled: looksUp,
    allowPrivateUseRedirectUris: true,
    // What went wrong is told to the client, and is nobody else's.
    onError: () => undefined,
  })
}

/**
 * Asks the library; once more without looking up a client, where that has failed and the relay is one of this machine, which may have no
 * way to the world. The store says then what is known of such a client (`ClientIds`).
 */
export async function askServer<T>(
  base: string,
  resource: AuthRequest['resource'],
  ask: (server: OAuthAuthorizationServer<OAuthEnv>) => Promise<T>,
): Promise<T> {
  const wanted = typeof resource === 'string' ? resource : undefined
  try {
    return await ask(authorizationServer(base, wanted))
  } catch (error) {
    if (!(error instanceof CimdFetchError) || !isOfThisMachine(base)) throw error
    return ask(authorizationServer(base, wanted, false))
  }
}

/** Whether the relay is reached from this machine only: nobody signs in over plain HTTP from anywhere else. */
export function isOfThisMachine(base: string): boolean {
  return base.startsWith('http:')
}

/** What a request to `/authorize` asks for. Throws AuthorizationError and CimdFetchError, as the library does. */
export async function readAuthorization(base: string, query: string, env: OAuthEnv): Promise<AuthRequest> {
  const url = new URL(`${toInside(base)}/authorize${query}`)
  const resources = url.searchParams.getAll('resource')
  url.searchParams.delete('resource')
  for (const resource of resources) url.searchParams.append('resource', resource.startsWith(`${base}/`) ? toInside(resource) : resource)
  const request = await askServer(base, resources[0], (server) => server.getOAuthApi(env).parseAuthRequest(new Request(url)))
  if (!isTaken(request.redirectUri)) throw new AuthorizationError('invalid_request', { description: 'Invalid redirect URI' })
  return { ...request, issuer: base, scope: [SCOPE] }
}

/** Whether a code may be sent there: to an https URL, a program on this machine, or an app that is known by its scheme. */
function isTaken(redirectUri: string): boolean {
  const { protocol } = new URL(redirectUri)
  return protocol === 'https:' || protocol === 'http:' || APP_SCHEMES.has(protocol) || protocol.includes('.')
}
