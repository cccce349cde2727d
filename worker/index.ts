/** The Worker's entry: its routes, and the classes of its Durable Objects. */
import { type Context, Hono } from 'hono'
import { getPathNoStrict } from 'hono/utils/url'
import { requireClaimed, type RouteEnv } from './access/owner/claim-gate.ts'
import { agentHostLabel } from './access/agent-host.ts'
import { APP_SIGN_IN_PATH, guardOrigin, shareOfAppHost, shareOfHost } from './access/origin.ts'
import { namesUpstream } from './access/share-id.ts'
import { connectAgent } from './agent-route.ts'
import { api } from './api/api.ts'
import { getMetrics } from './metrics.ts'
import { connectEgDesk, connectMrPilot, connectReverseProxy, registerEgDesk } from './foreign-agents/connect.ts'
import { createGatewaySession, discoverServer, getGatewayStats, registerServer } from './foreign-agents/gateway.ts'
import { requestReverseProxy } from './foreign-agents/request.ts'
import { endReverseProxy, listReverseProxies, streamReverseProxy } from './foreign-agents/sessions.ts'
import { type Env, settingsOf } from './env.ts'
import { pollLink, postLinkMessages, registerPolled } from './long-poll/agent-doors.ts'
import { messageAtHost, pollAtHost, registerAtHost, respondAtHost } from './long-poll/host-doors.ts'
import { problemResponse } from './problem.ts'
import { log } from './log.ts'
import { orPage } from './mcp/browser-page.ts'
import { getSse, postMessages } from './mcp/http-sse.ts'
import { getServerResourceMetadata } from './mcp/resource-metadata.ts'
import { failureResponse } from './mcp/response/responses.ts'
import { deleteMcp, getMcp, postMcp } from './mcp/streamable-http.ts'
import { deleteUpstream, getUpstream, postUpstream, refuseUpstreamDoor } from './mcp/upstream-http.ts'
import { serveAppHost } from './web/app-host.ts'
import { serveAppPath } from './web/app-path.ts'
import {
  getAppConsent,
  getAuthorize,
  getResourceMetadata,
  getServerMetadata,
  postAppConsent,
  postAuthorize,
  postRegister,
  postToken,
} from './sign-in/routes.ts'
import { PassRefused } from './carry/pass-refused.ts'
import { ofServer } from './mcp/server-door.ts'

export { LongPollLink } from './long-poll/long-poll-link.ts'
export { Registry } from './registry/registry.ts'
export { Share } from './share/share.ts'
export { SignIn } from './sign-in/sign-in.ts'

/** What the path of a request to a share's own host begins with for the routes below; no path does that any client sends. */
const OWN_HOST = '/own-host'

/** The same of a request to the host of a share's web app. */
const APP_HOST = '/app-host'

/** The same of a request to a secret host name of an agent. */
const AGENT_HOST = '/agent-host'

/** Addresses of other systems, where share and key are one segment: `/share/<share>.<key>/mcp`, and `/mcp/…` instead of `/share/…`. */
const SEED_ADDRESS = /^(\/\.well-known\/oauth-protected-resource)?\/(?:share|mcp)\/([^/.]+)\.([^/]+)\/(mcp|sse|messages)$/

type Route = (c: Context<RouteEnv>) => Promise<Response>

const app = new Hono<RouteEnv>({ getPath: routedPath })

app.get('/healthz', (c) => c.json({ status: 'ok' }))
// Before all else: what other pages may do with an app is said there.
app.all(`${APP_HOST}/:share/*`, requireClaimed, serveAppHost)
for (const base of ['/s/:share/http', '/s/:share/k/:key/http'] as const) app.all(`${base}/*`, requireClaimed, serveAppPath)
app.get('/health', (c) => c.json({ status: 'healthy', timestamp: new Date().toISOString() }))
app.use(guardOrigin)
app.use(requireClaimed)
app.route('/api', api)
app.get('/agent/:share', connectAgent)
app.post('/agent/:share/register', registerPolled)
app.get('/agent/:share/poll', pollLink)
app.post('/agent/:share/message', postLinkMessages)
app.post(`${AGENT_HOST}/:label/register`, registerAtHost)
app.get(`${AGENT_HOST}/:label/poll`, pollAtHost)
app.post(`${AGENT_HOST}/:label/response`, respondAtHost)
app.post(`${AGENT_HOST}/:label/message`, messageAtHost)
app.get('/metrics', getMetrics)
// Whatever else is asked for there is of the share's web app, whose pages are of another place: the method goes along (RFC 9110 §15.4.8).
for (const first of ['/share', '/mcp'] as const) app.all(`${first}/:address{[^/.]+\\.[^/]+}/*`, toWebApp)

for (const base of ['', '/v1', '/s/:share', `${OWN_HOST}/:share`] as const) app.get(`${base}/reverse-proxy/ws`, connectReverseProxy)
app.post('/register-server', registerServer)
app.get('/discover-server/:name', discoverServer)
app.post('/create-session', createGatewaySession)
app.get('/stats', getGatewayStats)
app.get('/mr-pilot/:share/:key', connectMrPilot)
for (const base of ['/egdesk/:share/:key', '/egdesk/:share/:key/:path{.+}'] as const) {
  app.get(`${base}/tunnel/connect`, connectEgDesk)
  app.post(`${base}/register`, registerEgDesk)
}
for (const base of ['/reverse-proxy', '/v1/reverse-proxy'] as const) {
  app.get(`${base}/sessions`, listReverseProxies)
  app.delete(`${base}/sessions/:session`, endReverseProxy)
  app.post(`${base}/sessions/:session/request`, requestReverseProxy)
  app.get(`${base}/sse/:session`, streamReverseProxy)
}

for (const base of ['/s/:share', '/s/:share/k/:key', `${OWN_HOST}/:share`] as const) {
  app.post(`${base}/mcp`, byShare(postMcp, postUpstream))
  app.get(`${base}/mcp`, orPage(byShare(getMcp, getUpstream)))
  app.delete(`${base}/mcp`, byShare(deleteMcp, deleteUpstream))
  app.get(`${base}/sse`, orPage(byShare(getSse, refuseUpstreamDoor)))
  app.post(`${base}/messages`, byShare(postMessages, refuseUpstreamDoor))
  // A share that points at a server elsewhere has no others.
  app.post(`${base}/:server/mcp`, ofServer(postMcp))
  app.get(`${base}/:server/mcp`, ofServer(orPage(getMcp)))
  app.delete(`${base}/:server/mcp`, ofServer(deleteMcp))
  app.get(`${base}/:server/sse`, ofServer(orPage(getSse)))
  app.post(`${base}/:server/messages`, ofServer(postMessages))
  for (const [end, allow] of [
    ['mcp', 'GET, POST, DELETE'],
    ['sse', 'GET'],
    ['messages', 'POST'],
  ] as const) {
    const refuse = (): Response => failureResponse({ code: 'METHOD_NOT_ALLOWED' }, 'null', { allow })
    app.all(`${base}/${end}`, refuse)
    app.all(`${base}/:server/${end}`, ofServer(refuse))
  }
}

// A path goes behind the name of a well-known URI (RFC 8414 §3.1, RFC 9728 §3.1). The relay's own root has none.
routeSignIn('/s/:share', (name) => `/.well-known/${name}/s/:share`)
routeSignIn(`${OWN_HOST}/:share`, (name) => `${OWN_HOST}/:share/.well-known/${name}`)
app.get(`${OWN_HOST}/:share/.well-known/oauth-protected-resource`, getResourceMetadata)
// Of servers that sign their clients in by themselves, whose agents let that through.
for (const end of ['mcp', 'sse'] as const) {
  app.get(`/.well-known/oauth-protected-resource/s/:share/k/:key/${end}`, getServerResourceMetadata)
  app.get(`/.well-known/oauth-protected-resource/s/:share/k/:key/:server/${end}`, ofServer(getServerResourceMetadata))
}
// Web apps with hosts of their own have a sign-in with one.
app.get(`${OWN_HOST}/:share${APP_SIGN_IN_PATH}`, getAppConsent)
app.post(`${OWN_HOST}/:share${APP_SIGN_IN_PATH}`, postAppConsent)

function routeSignIn(base: string, wellKnown: (name: string) => string): void {
  app.get(wellKnown('oauth-authorization-server'), getServerMetadata)
  for (const at of ['', '/:server'] as const) {
    app.get(`${wellKnown('oauth-protected-resource')}${at}/mcp`, getResourceMetadata)
    app.get(`${wellKnown('oauth-protected-resource')}${at}/sse`, getResourceMetadata)
  }
  app.post(`${base}/register`, postRegister)
  app.get(`${base}/authorize`, getAuthorize)
  app.post(`${base}/authorize`, postAuthorize)
  app.post(`${base}/token`, postToken)
}

/** What a route does, by whether the share's id says that agents serve it or an upstream. */
function byShare(agents: Route, upstream: Route): Route {
  return (c) => (namesUpstream(c.req.param('share') ?? '') ? upstream(c) : agents(c))
}

function toWebApp(c: Context<RouteEnv>): Response {
  const { pathname, search } = new URL(c.req.url)
  const [, , address = '', ...path] = pathname.split('/')
  const [share = '', ...key] = address.split('.')
  return new Response(null, { status: 307, headers: { location: `/s/${share}/k/${key.join('.')}/http/${path.join('/')}${search}` } })
}

/** The path by which a request finds its route: on a share's own host nothing is found but what belongs to the share. */
function routedPath(request: Request, options?: { readonly env?: Env | undefined }): string {
  // Not strict: people and clients put a slash behind an endpoint, and a redirect would lose what they post.
  const path = getPathNoStrict(request)
  const settings = options?.env === undefined ? undefined : settingsOf(options.env)
  const share = settings && shareOfHost(settings, request.url)
  if (share !== undefined) return `${OWN_HOST}/${share}${path}`
  const isOf = settings && shareOfAppHost(settings, request.url)
  if (isOf !== undefined) return `${APP_HOST}/${isOf}${path}`
  const label = settings && agentHostLabel(settings, request.url)
  if (label !== undefined) return `${AGENT_HOST}/${label}${path}`
  return [OWN_HOST, APP_HOST, AGENT_HOST].some((host) => path.startsWith(host)) ? '/' : path.replace(SEED_ADDRESS, '$1/s/$2/k/$3/$4')
}

app.notFound(() => problemResponse('ROUTE_NOT_FOUND'))
app.onError((error) => {
  if (error instanceof PassRefused) return failureResponse(error.failure)
  log('request.failed', { error: error.message })
  return failureResponse({ code: 'INTERNAL' })
})

export default app
