/** The routes of mcp-web-ui's gateway, for owners and for agents of a share: servers that are found by name, and sessions that open the web app which an agent's own command line names. */
import type { Context } from 'hono'
import { ERRORS } from '../../protocol/error-table.ts'
import type { ProblemCode } from '../../protocol/errors.ts'
import { err, ok, type Result } from '../../protocol/result.ts'
import { webAppUrl } from '../access/origin.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { mintPathKey } from '../access/path-key.ts'
import { randomBytes, toHex } from '../access/secrets/secret.ts'
import { askLanes } from '../carry/lane-orders.ts'
import type { Asker, GatewayAnswer, GatewayOrder, GatewaySession, RegisteredServer } from '../contract/registry/gateway-rpc.ts'
import { relayOrigin, settingsOf } from '../env.ts'
import { whoAsks } from './asker.ts'
import { type Backend, backendOf, isBackend, readGatewayBody } from './gateway-body.ts'

type GatewayContext = Context<RouteEnv>

/** What of a session opens nothing but the web app: no tool, no prompt and no resource. */
const WEB_ONLY = JSON.stringify({
  access: 'admin',
  tools: { deny: ['*'] },
  prompts: { deny: ['*'] },
  resources: { deny: ['*'] },
  web: true,
})
const LINK_ID_BYTES = 12
const MINUTE_MS = 60_000
/** Of the name that an owner sees of its link. */
const MAX_LINK_NAME_CHARS = 100

/** `POST /register-server`: also says that the server is there still. */
export async function registerServer(c: GatewayContext): Promise<Response> {
  const asker = await whoAsks(c)
  if (!asker.ok) return asker.error
  const body = await readGatewayBody(c.req.raw, needsShare(asker.value, ['serverName', 'backend']))
  if (!body.ok) return refuse('BODY_INVALID', body.error)
  const { serverName: name, share, backend, metadata } = body.value
  const found = await ask(c, asker.value, { op: 'find', ...(share === undefined ? {} : { share }) }, 'found')
  if (!found.ok) return found.error
  const place = found.value.share ?? ''
  const origin = await allowedOrigin(c, { share: place, isMade: found.value.isMade }, backend)
  if (!origin.ok) return origin.error
  const server = { name, share: place, backend: origin.value, metadata }
  const registered = await ask(c, asker.value, { op: 'register', server }, 'registered')
  if (!registered.ok) return registered.error
  return answer({ success: true, ...shownServer(c, registered.value.server) })
}

/** `GET /discover-server/<name>`: of this owner alone, who says which `share` is meant where several have the name. An agent finds what is registered of its own share. */
export async function discoverServer(c: GatewayContext): Promise<Response> {
  const asker = await whoAsks(c)
  if (!asker.ok) return asker.error
  const name = c.req.param('name') ?? ''
  const share = c.req.query('share')
  const found = await ask(c, asker.value, { op: 'find', name, ...(share === undefined ? {} : { share }) }, 'found')
  if (!found.ok) return found.error
  const { server } = found.value
  if (server === undefined) return refuse('SERVER_NOT_REGISTERED', { error: 'Server not found', serverName: name })
  return answer({ success: true, ...shownServer(c, server) })
}

/** `POST /create-session`: the session of a user with a server, which is the same until it ends or its backend is another. */
export async function createGatewaySession(c: GatewayContext): Promise<Response> {
  const asker = await whoAsks(c)
  if (!asker.ok) return asker.error
  const body = await readGatewayBody(c.req.raw, ['userId', 'serverName'])
  if (!body.ok) return refuse('BODY_INVALID', body.error)
  const { serverName: name, share, userId: user, serverType: type, ttlMinutes } = body.value
  const found = await ask(c, asker.value, { op: 'find', name, ...(share === undefined ? {} : { share }) }, 'found')
  if (!found.ok) return found.error
  const { server, share: place } = found.value
  const backend = body.value.backend ?? (server === undefined ? undefined : backendOf(server.backend))
  if (place === undefined) return refuse('SERVER_NOT_REGISTERED', { error: 'Server not found', serverName: name })
  if (backend === undefined)
    return refuse('BODY_INVALID', { error: 'Missing required fields', required: ['userId', 'serverName', 'backend'] })
  const origin = await allowedOrigin(c, { share: place, isMade: found.value.isMade }, backend)
  if (!origin.ok) return origin.error
  const id = toHex(randomBytes(LINK_ID_BYTES))
  const createdAtMs = Date.now()
  // Keys count in minutes.
  const endsAtMs = Math.ceil((createdAtMs + ttlMinutes * MINUTE_MS) / MINUTE_MS) * MINUTE_MS
  const link = {
    id,
    kind: 'key',
    createdAtMs,
    expiresAtMs: endsAtMs,
    ceilingMs: endsAtMs,
    policy: WEB_ONLY,
    name: linkName(type, user),
  } as const
  const session = { user, name, type, share: place, backend: origin.value, link: id, createdAtMs, endsAtMs }
  const made = await ask(c, asker.value, { op: 'session', session, link }, 'session')
  return made.ok ? answer({ success: true, ...(await shownSession(c, made.value)) }) : made.error
}

/** `GET /stats`: of this owner alone, or of an agent's share. */
export async function getGatewayStats(c: GatewayContext): Promise<Response> {
  const asker = await whoAsks(c)
  if (!asker.ok) return asker.error
  const read = await ask(c, asker.value, { op: 'stats' }, 'stats')
  if (!read.ok) return read.error
  const { servers, sessions, sessionsByServer, sessionsByUser, oldestMs, newestMs, sinceMs } = read.value.stats
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())
  return answer({
    totalActiveSessions: sessions,
    sessionsByServer,
    sessionsByUser,
    oldestSession: time(oldestMs),
    newestSession: time(newestMs),
    registeredServers: servers,
    server: { uptime: Math.max(0, Math.floor((Date.now() - sinceMs) / 1000)), timestamp: time(Date.now()) },
  })
}

/** An agent speaks of its own share, an owner must say which. */
function needsShare(asker: Asker, members: readonly string[]): readonly string[] {
  return asker.kind === 'owner' ? [...members, 'share'] : members
}

/** The registry's answer of this kind; else what it refuses, as a response. */
async function ask<Kind extends GatewayAnswer['kind']>(
  c: GatewayContext,
  asker: Asker,
  order: GatewayOrder,
  kind: Kind,
): Promise<Result<Extract<GatewayAnswer, { kind: Kind }>, Response>> {
  const told: GatewayAnswer = await c.env.REGISTRY.getByName('registry').gateway(asker, order)
  if (told.kind === 'refused') return err(refuse(told.code, told.shares === undefined ? {} : { shares: told.shares }))
  return told.kind === kind ? ok(told as Extract<GatewayAnswer, { kind: Kind }>) : err(refuse('INTERNAL'))
}

/** The origin of a web app that an agent of the share may reach, if the backend is one. Which those are its agents say, who are connected. */
async function allowedOrigin(
  c: GatewayContext,
  { share, isMade }: { readonly share: string; readonly isMade: boolean },
  backend: Backend | undefined,
): Promise<Result<string, Response>> {
  const [lane] = isMade ? await askLanes(c.env, { id: share, servers: [] }, { op: 'describe' }, { lanes: [0] }) : []
  const agents = lane?.facts?.agents ?? []
  if (agents.length === 0) return err(refuse('AGENT_AWAY'))
  const origin = agents.flatMap(({ app }) => app ?? []).find((app) => backend !== undefined && isBackend(backend, app))
  return origin === undefined ? err(refuse('BACKEND_REFUSED')) : ok(origin)
}

function shownServer(c: GatewayContext, { name, share, backend, metadata, registeredAtMs }: RegisteredServer): object {
  return {
    serverName: name,
    backend: backendOf(backend),
    metadata: JSON.parse(metadata) as unknown,
    registeredAt: new Date(registeredAtMs).toISOString(),
    share,
    // By bearer, or in a session.
    url: `${relayOrigin(c.req.raw, settingsOf(c.env))}/s/${share}/http/`,
    directUrl: `${backend}/`,
  }
}

async function shownSession(
  c: GatewayContext,
  { session, endsAtMs, isReused }: { readonly session: GatewaySession; readonly endsAtMs: number; readonly isReused: boolean },
): Promise<object> {
  const { share, link, backend, name, type } = session
  const settings = settingsOf(c.env)
  // What it says is all that is kept of it: so the same comes of the same.
  const { text } = await mintPathKey(c.var.relay.keys.pathKey, share, session.endsAtMs, link)
  return {
    token: `${share}.${text}`,
    url: webAppUrl(settings, relayOrigin(c.req.raw, settings), share, text),
    expiresAt: new Date(endsAtMs).toISOString(),
    serverName: name,
    serverType: type,
    backend: backendOf(backend),
    reused: isReused,
    directUrl: `${backend}/`,
  }
}

function linkName(type: string, user: string): string {
  return `${type}: ${user}`.slice(0, MAX_LINK_NAME_CHARS)
}

/** As that gateway says it, with our code beside. */
function refuse(code: ProblemCode, more: object = {}): Response {
  const { http: status, message } = ERRORS[code]
  return Response.json({ error: message, code, ...more }, { status, headers: { 'cache-control': 'no-store' } })
}

function answer(body: object): Response {
  return Response.json(body, { headers: { 'cache-control': 'no-store' } })
}
