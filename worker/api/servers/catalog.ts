/** `/api/catalog` and `/api/shares/<id>/server.json`: what an owner's shares offer, for people and for registries of MCP servers. Neither tells a credential. */
import { type Context, Hono } from 'hono'
import { isObject, type JsonObject } from '../../../protocol/json/json-object.ts'
import { shownJson } from '../../../protocol/policy/shown-json.ts'
import { askLanes, type LaneFacts } from '../../carry/lane-orders.ts'
import type { ServerAbout } from '../../contract/pinned-server.ts'
import type { ShareRecord } from '../../contract/registry/registry-rpc.ts'
import { relayOrigin, settingsOf } from '../../env.ts'
import { MAX_ASKED_SHARES } from '../../foreign-limits.ts'
import { problemResponse } from '../../problem.ts'
import { MAX_ABOUT_CHARS } from '../../usage-limits.ts'
import {
  type CatalogEntryFacts,
  type CatalogState,
  SERVER_JSON_SCHEMA,
  type ServerJsonFacts,
  type ShownImplementation,
} from '../operations/catalog.ts'
import { type OwnerEnv, requireOwner } from '../owner-gate.ts'
import { answer, hasExpired, livingShare, shareFacts, sharesPage, unreachedResponse } from '../share-answers.ts'

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
  const page = await sharesPage(c, MAX_ASKED_SHARES)
  if (!page.ok) return page.error
  const { records, next } = page.value
  const servers = await Promise.all(records.map(async (record) => entryOf(c, record, await askFirst(c, record))))
  return answer(c, 200, { servers, ...next })
}

async function readServerJson(c: ApiContext): Promise<Response> {
  const share = await livingShare(c)
  if (!share.ok) return share.error
  const lane = await askFirst(c, share.value)
  if (lane?.isReached === false) return unreachedResponse(share.value.id, [0])
  return answer(c, 200, { ...documentOf(c, share.value, lane?.facts?.about) })
}

/** What the first lane knows of the server; undefined of a share that nobody has used yet, or that is over. To ask an object for the first time is to make it. */
async function askFirst(c: ApiContext, record: ShareRecord): Promise<LaneFacts | undefined> {
  if (!record.isMade || record.isEnding || hasExpired(record)) return undefined
  const [first] = await askLanes(c.env, record, { op: 'about' }, { lanes: [0] })
  return first
}

function entryOf(c: ApiContext, record: ShareRecord, lane: LaneFacts | undefined): CatalogEntryFacts {
  const { share, name, url, sse_url, expires_at } = shareFacts(c, record)
  const agents = lane?.facts?.agents.length ?? 0
  const about = lane?.facts?.about
  return {
    share,
    name,
    url,
    ...(sse_url === undefined ? {} : { sse_url }),
    expires_at,
    state: stateOf(record, lane),
    agents,
    server: implementationOf(about) ?? null,
    tools: about?.tools ?? null,
  }
}

function stateOf(record: ShareRecord, lane: LaneFacts | undefined): CatalogState {
  if (record.isEnding) return 'ending'
  if (hasExpired(record)) return 'expired'
  if (record.trust.isPaused) return 'paused'
  // A public server needs no agent.
  if (record.trust.upstream !== undefined) return 'online'
  if (lane === undefined) return 'unused'
  if (!lane.isReached) return 'unreached'
  // Whether an upstream is there shows when it is asked.
  return record.trust.upstream !== undefined || (lane.facts?.agents.length ?? 0) > 0 ? 'online' : 'offline'
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

function documentOf(c: ApiContext, record: ShareRecord, about: ServerAbout | undefined): ServerJsonFacts {
  const { share, name, url, sse_url, anonymous } = shareFacts(c, record)
  const said = implementationOf(about) ?? {}
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
    remotes: [
      { type: 'streamable-http', url, headers },
      ...(sse_url === undefined ? [] : [{ type: 'sse', url: sse_url, headers } as const]),
    ],
  }
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
