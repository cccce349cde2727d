/** The calls that tell what an owner's shares offer, to people and to registries of MCP servers: what they answer. */
import * as v from 'valibot'
import { type Operation, time, whole } from './operation.ts'

/** Whether a share serves anybody: an agent is connected, or it points at a public server; none is, or none ever was; its owner or its end stops it; or it could not be asked. */
export const CATALOG_STATES = ['online', 'offline', 'unused', 'paused', 'expired', 'ending', 'unreached'] as const
export type CatalogState = (typeof CATALOG_STATES)[number]

const text = v.exactOptional(v.string())

/** What a server says of itself (2025-11-25, schema, Implementation). */
const Implementation = v.object({ name: text, title: text, version: text, description: text, website_url: text })
export type ShownImplementation = v.InferOutput<typeof Implementation>

const served = {
  state: v.picklist(CATALOG_STATES),
  agents: whole,
  server: v.pipe(v.nullable(Implementation), v.description('What its server says of itself; null where nothing is kept of it.')),
  tools: v.pipe(
    v.nullable(whole),
    v.description('Tools that clients are offered, without those that are held back; null where that is not known.'),
  ),
  held_back: v.pipe(v.exactOptional(whole), v.description('What of its server is held back until it is accepted; absent for nothing.')),
}
const CatalogServer = v.object({ name: v.string(), url: v.string(), sse_url: v.string(), ...served })
/** One of the servers of a share that have names. */
export type CatalogServerFacts = v.InferOutput<typeof CatalogServer>

const CatalogEntry = v.object({
  share: v.string(),
  name: v.string(),
  url: v.string(),
  sse_url: v.exactOptional(v.string()),
  expires_at: time,
  ...served,
  servers: v.pipe(
    v.exactOptional(v.array(CatalogServer)),
    v.description('Its servers that have names; server and tools above are those of the one without. Absent where there are none.'),
  ),
})
/** A share in the catalogue of its owner. */
export type CatalogEntryFacts = v.InferOutput<typeof CatalogEntry>
const Catalog = v.object({ servers: v.array(CatalogEntry), next: v.exactOptional(v.string()) })

const variable = v.object({ description: v.string(), isRequired: v.boolean(), isSecret: v.boolean() })
const header = v.object({
  name: v.string(),
  description: v.string(),
  value: v.string(),
  isRequired: v.boolean(),
  isSecret: v.boolean(),
  variables: v.record(v.string(), variable),
})
const remote = v.object({ type: v.picklist(['streamable-http', 'sse']), url: v.string(), headers: v.array(header) })

/** The version of the format. */
export const SERVER_JSON_SCHEMA = 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json'

const ServerJson = v.pipe(
  v.object({
    $schema: v.literal(SERVER_JSON_SCHEMA),
    name: v.string(),
    title: v.string(),
    description: v.string(),
    version: v.string(),
    websiteUrl: text,
    remotes: v.array(remote),
  }),
  v.description('server.json as the MCP Registry has it, of version 2025-12-11.'),
)
export type ServerJsonFacts = v.InferOutput<typeof ServerJson>

export const CATALOG_SCHEMAS = { Implementation, CatalogServer, CatalogEntry, Catalog, ServerJson }

export const CATALOG_OPERATIONS = {
  readCatalog: {
    method: 'GET',
    path: '/api/catalog',
    summary: "Lists the owner's shares, newest first, up to 40 a page, with what their servers say of themselves.",
    who: 'owner',
    query: { after: v.pipe(v.string(), v.description('What an earlier page had as next.')) },
    answers: { 200: { description: 'A page; next is there when more follow.', body: Catalog } },
    errors: ['BODY_INVALID'],
  },
  readServerJson: {
    method: 'GET',
    path: '/api/shares/{share}/server.json',
    summary: 'Describes a share as the MCP Registry does. It holds no credential.',
    who: 'owner',
    answers: { 200: { description: 'The document, to be published or given to clients.', body: ServerJson } },
    errors: ['SHARE_EXPIRED', 'LANES_UNREACHED'],
  },
} as const satisfies Record<string, Operation>
