/** `/api/catalog` and `/api/shares/<id>/server.json`: what an owner's shares offer, for people and for registries of MCP servers. Neither tells a credential. */
import { type Context, Hono } from 'hono'
import { isObject, type JsonObject } from '../../../protocol/json/json-object.ts'
import { shownJson } from '../../../protocol/policy/shown-json.ts'
import { askLanes, type LaneFacts, unreachedOf } from '../../carry/lane-orders.ts'
import type { LaneKey } from '../../contract/lane-key.ts'
import type { ServerAbout } from '../../contract/pinned-server.ts'
import type { ShareRecord } from '../../contract/registry/registry-rpc.ts'
import type { ShareFacts } from '../../contract/share-admin.ts'
import { relayOrigin, settingsOf } from '../../env.ts'
import { laneKeys } from '../../lanes.ts'
import { MAX_ASKED_SHARES } from '../../foreign-limits.ts'
import { problemResponse } from '../../problem.ts'
import { MAX_ABOUT_CHARS } from '../../usage-limits.ts'
import {
  type CatalogEntryFacts,
  type CatalogServerFacts,
  type CatalogState,
  SERVER_JSON_SCHEMA,
  type ServerJsonFacts,
  type ShownImplementation,
} from '../operations/catalog.ts'
import { type OwnerEnv, requireOwner } from '../owner-gate.ts'
import { answer, hasExpired, livingShare, serverFacts, shareFacts, sharesPage, unreachedResponse } from '../share-answers.ts'

type ApiContext = Context<OwnerEnv>

/** `/catalog`. */
export const catalog = new Hono<OwnerEnv>()
  .use(requireOwner)
  .get('/', readCatalog)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET' }))

/** `/shares/<id>/server.json`. */
export const serverJson = new Hono<OwnerEnv>()
  .use(requireOwner)
  .get('/', readServerJson)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET' }))

async function readCatalog(c: ApiContext): Promise<Response> {
  const page = await sharesPage(c, MAX_ASKED_SHARES, (record) => askedOf(record).length)
  if (!page.ok) return page.error
  const { records, next } = page.value
  const servers = await Promise.all(records.map(async (record) => entryOf(c, record, await askAbout(c, record))))
  return answer(c, 200, { servers, ...next })
}

async function readServerJson(c: ApiContext): Promise<Response> {
  const share = await livingShare(c)
  if (!share.ok) return share.error
  // The first lane knows of the server without a name, and the registry of those with one.
  const [lane] = await askLanes(c.env, share.value, { op: 'about' }, { lanes: askedOf(share.value).slice(0, 1) })
  if (lane?.isReached === false) return unreachedResponse(share.value.id, [0])
  return answer(c, 200, { ...documentOf(c, share.value, lane?.facts) })
}

/** The lanes that are asked; none of a share that nobody has used yet, or that is over. To ask an object for the first time is to make it. */
function askedOf(record: ShareRecord): LaneKey[] {
  if (!record.isMade || record.isEnding || hasExpired(record)) return []
  // Of a public server the first lane knows all there is.
  return record.trust.upstream === undefined ? laneKeys(record) : [0]
}

function askAbout(c: ApiContext, record: ShareRecord): Promise<LaneFacts[]> {
  return askLanes(c.env, record, { op: 'about' }, { lanes: askedOf(record) })
}

function entryOf(c: ApiContext, record: ShareRecord, lanes: readonly LaneFacts[]): CatalogEntryFacts {
  const { share, name, url, sse_url, expires_at } = shareFacts(c, record)
  const own = lanes.filter(({ server }) => server === undefined)
  const servers = serverFacts(c, record, lanes).map((server) => namedEntryOf(record, server, lanes))
  const agents = agentsOf(lanes)
  // What was shared before servers had names is not what is online now.
  const isLeft = agents > 0 && agentsOf(own) === 0
  const about = isLeft ? undefined : own.find(({ lane }) => lane === 0)?.facts?.about
  return {
    share,
    name,
    url,
    ...(sse_url === undefined ? {} : { sse_url }),
    expires_at,
    state: stateOf(record, lanes),
    agents,
    ...servedFacts(about),
    ...(servers.length === 0 ? {} : { servers }),
  }
}

function namedEntryOf(
  record: ShareRecord,
  { name, url, sse_url }: Pick<CatalogServerFacts, 'name' | 'url' | 'sse_url'>,
  lanes: readonly LaneFacts[],
): CatalogServerFacts {
  const own = lanes.filter(({ server }) => server === name)
  const about = own[0]?.facts?.about
  return {
    name,
    url,
    sse_url,
    state: stateOf(record, own),
    agents: agentsOf(own),
    ...servedFacts(about),
  }
}

function servedFacts(about: ServerAbout | undefined): Pick<CatalogServerFacts, 'server' | 'tools' | 'held_back'> {
  const { tools = null, held } = about ?? {}
  return { server: implementationOf(about) ?? null, tools, ...(held === undefined ? {} : { held_back: held }) }
}

/** An agent that serves several servers, or is on several lanes, counts once. */
function agentsOf(lanes: readonly LaneFacts[]): number {
  return new Set(lanes.flatMap(({ facts }) => facts?.agents.map(({ name }) => name) ?? [])).size
}

/** `lanes`: all of the share, or that of one of its servers. */
function stateOf(record: ShareRecord, lanes: readonly LaneFacts[]): CatalogState {
  if (record.isEnding) return 'ending'
  if (hasExpired(record)) return 'expired'
  if (record.trust.isPaused) return 'paused'
  // A public server needs no agent; whether it is there shows when it is asked.
  if (record.trust.upstream !== undefined) return 'online'
  if (lanes.length === 0) return 'unused'
  if (agentsOf(lanes) > 0) return 'online'
  return unreachedOf(lanes).length > 0 ? 'unreached' : 'offline'
}

/** What a server says of itself, as far as it can be shown; undefined where nothing is known of it. */
function implementationOf(about: ServerAbout | undefined): ShownImplementation | undefined {
  const said = about?.serverInfo === undefined ? undefined : read(about.serverInfo)
  if (said === undefined) return undefined
  const shown = (key: string): string | undefined => {
    const value = said[key]
    return typeof value === 'string' && value !== '' ? shownJson(value.slice(0, MAX_ABOUT_CHARS)) : undefined
  }
  const all = {
    name: shown('name'),
    title: shown('title'),
    version: shown('version'),
    description: shown('description'),
    website_url: shown('websiteUrl'),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function read(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Characters of a title and of a description (server.json, 2025-12-11). */
const MAX_LINE_CHARS = 100
/** What stands for a version that is none: the format refuses ranges. */
const NO_VERSION = '0.0.0'

function documentOf(c: ApiContext, record: ShareRecord, first: ShareFacts | undefined): ServerJsonFacts {
  const { share, name, url, sse_url, anonymous } = shareFacts(c, record)
  const said = implementationOf(first?.about) ?? {}
  const title = said.title ?? name
  const headers = [authorization(anonymous === null)]
  return {
    $schema: SERVER_JSON_SCHEMA,
    name: `${namespaceOf(relayOrigin(c.req.raw, settingsOf(c.env)))}/${share}`,
    title: title.slice(0, MAX_LINE_CHARS),
    description: (said.description ?? `${title}, an MCP server shared by mcp-edge`).slice(0, MAX_LINE_CHARS),
    version: isVersion(said.version) ? said.version : NO_VERSION,
    ...(said.website_url !== undefined && /^https?:\/\//.test(said.website_url) && URL.canParse(said.website_url)
      ? { websiteUrl: said.website_url }
      : {}),
    remotes: [...(isRootServed(record, first) ? [{ url, sse_url }] : []), ...serverFacts(c, record, [])].flatMap((server) => [
      { type: 'streamable-http' as const, url: server.url, headers },
      ...(server.sse_url === undefined ? [] : [{ type: 'sse' as const, url: server.sse_url, headers }]),
    ]),
  }
}

/** Whether the share has a server without a name, as far as that is known: beside named ones it may have none. */
function isRootServed({ servers }: ShareRecord, first: ShareFacts | undefined): boolean {
  if (servers.length === 0) return true
  return first !== undefined && (first.agents.length > 0 || first.about?.serverInfo !== undefined || first.about?.tools !== undefined)
}

function authorization(isRequired: boolean) {
  return {
    name: 'Authorization',
    description: 'A client token of this share, which its owner hands out.',
    value: 'Bearer {token}',
    isRequired,
    isSecret: true,
    variables: { token: { description: 'The client token.', isRequired, isSecret: true } },
  }
}

function isVersion(text: string | undefined): text is string {
  return text !== undefined && /^[\w.+-]{1,255}$/.test(text) && text !== 'latest' && !/(?:^|\.)x(?:\.|$)/i.test(text)
}

/** The relay's host from the end on, as the names of Java packages. An address has no such form, and is of this machine most often. */
function namespaceOf(origin: string): string {
  const { hostname } = new URL(origin)
  if (hostname.startsWith('[') || /^[\d.]+$/.test(hostname)) return 'localhost'
  return hostname
    .split('.')
    .filter((label) => label !== '')
    .toReversed()
    .join('.')
}
