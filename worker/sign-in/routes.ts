/** The handlers of a share's sign-in: metadata and registration are answered here, without any object; consent and tokens go on. */
import type { Context } from 'hono'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { isServerName } from '../../protocol/server-names.ts'
import { resourcesOf } from '../access/share-site.ts'
import { MAX_REGISTRATION_BYTES } from './limits.ts'
import { problemResponse } from '../problem.ts'
import { decideAppConsent, showAppConsent } from './app-consent.ts'
import { authorizationServer, SCOPE, toInside, toOutside } from './authorization-server.ts'
import { decideConsent, showConsent } from './authorize.ts'
import { ClientIds } from './client-ids.ts'
import { oauthError } from './oauth-error.ts'
import { readCapped } from '../read-capped.ts'
import { takenMetadata } from './taken-metadata.ts'
import { askForTokens } from './token-door.ts'
import { type SignInVisit, visitOf } from './visit.ts'

type SignInContext = Context<RouteEnv>
type Handler = (c: SignInContext) => Promise<Response>

/** A handler of what is there only where people sign in. */
function atSignIn(answer: (visit: SignInVisit, request: Request, c: SignInContext) => Response | Promise<Response>): Handler {
  return async (c) => {
    const visit = await visitOf(c)
    return visit === undefined ? problemResponse('ROUTE_NOT_FOUND') : answer(visit, c.req.raw, c)
  }
}

/** `GET /.well-known/oauth-authorization-server…` (RFC 8414). */
export const getServerMetadata = atSignIn(async (visit) => {
  const issuer = new URL(toInside(visit.base))
  const path = issuer.pathname === '/' ? '' : issuer.pathname
  const response = await asLibrary(visit, new Request(`${issuer.origin}/.well-known/oauth-authorization-server${path}`))
  return publicJson(toOutside(visit.base, await response.text()))
})

/** `GET /.well-known/oauth-protected-resource…` (RFC 9728), of the endpoint that the path ends in; of `/mcp` where it names none. Of any name that a server may have: nobody is told here which there are. */
export const getResourceMetadata = atSignIn(({ base }, { url }, c) => {
  const server = c.req.param('server')
  if (server !== undefined && !isServerName(server)) return problemResponse('ROUTE_NOT_FOUND')
  const [mcp, sse] = resourcesOf(base, server)
  const resource = /\/sse\/?$/.test(new URL(url).pathname) ? sse : mcp
  return publicJson(
    JSON.stringify({ resource, authorization_servers: [base], scopes_supported: [SCOPE], bearer_methods_supported: ['header'] }),
  )
})

/** `POST /register` (RFC 7591): nothing is kept. */
export const postRegister = atSignIn(async (visit, request) => {
  const text = await readCapped(request.body, MAX_REGISTRATION_BYTES)
  if (text === undefined) return oauthError('invalid_client_metadata', `At most ${MAX_REGISTRATION_BYTES} bytes of text are taken.`, 413)
  const clients = new ClientIds(visit.keys.signIn, visit.share)
  const asked = { method: 'POST', body: takenMetadata(text), headers: { 'content-type': 'application/json' } }
  const response = await asLibrary(visit, new Request(`${toInside(visit.base)}/register`, asked), clients)
  if (!response.ok) return response
  if (clients.registered === undefined)
    return oauthError('invalid_client_metadata', 'That is more than an id can hold: shorten the redirect URIs.', 400)
  const told = { ...(await response.json<Record<string, unknown>>()), client_id: clients.registered }
  return new Response(JSON.stringify(told), { status: response.status, headers: response.headers })
})

/** `GET /authorize`. */
export const getAuthorize = atSignIn(showConsent)

/** `POST /authorize`. */
export const postAuthorize = atSignIn(decideConsent)

/** `GET /authorize/app`, and its form. */
export const getAppConsent = atSignIn(showAppConsent)
export const postAppConsent = atSignIn(decideAppConsent)

/** `POST /token`: exchange, refresh, revocation (RFC 6749 §3.2, RFC 7009). */
export const postToken = atSignIn(askForTokens)

/** What the library answers that needs nothing that is kept. */
function asLibrary({ base, share, keys }: SignInVisit, request: Request, clients = new ClientIds(keys.signIn, share)): Promise<Response> {
  const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} } as unknown as ExecutionContext
  return authorizationServer(base).fetch(request, { OAUTH_KV: clients }, context)
}

function publicJson(body: string): Response {
  return new Response(body, { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
}
