/**
 * A server of extensions, in either era: an app (MCP Apps) by its own package, skills (SEP-2640) by the SDK, and a vendor's methods and
 * notifications in both directions. What its client has told it, its tools tell again.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { getUiCapability, registerAppResource, registerAppTool, RESOURCE_MIME_TYPE } from '@modelcontextprotocol/ext-apps/server'
import { type ClientCapabilities, fromJsonSchema, McpServer, type ServerContext, type StandardSchemaV1 } from '@modelcontextprotocol/server'
import { memorySkillFiles, SkillsExtension } from '@modelcontextprotocol/server/ext/skills'
import { isObject, type JsonObject } from '../fixtures/stdio-peer.ts'
import { stringArgument, text } from './answers.ts'

export const APP_URI = 'ui://weather/dashboard'
/** A page with characters of all widths: what is shown must be byte for byte what was written. */
const APP_PAGE = '<!doctype html><meta charset="utf-8"><p id="sky">☀ 21 °C – grüße 𝄞</p>\r\n'
/** How long the server waits to be told what it was told to wait for. */
const NOTED_MS = 5000
const META_PREFIX = 'io.modelcontextprotocol/'

const skills = await SkillsExtension.load(
  memorySkillFiles({
    'brew/SKILL.md': '---\nname: brew\ndescription: Makes coffee — properly.\n---\nBoil water; see references/beans.bin.\n',
    'brew/references/beans.bin': Uint8Array.from({ length: 300 }, (_, at) => at % 256),
    'steep/SKILL.md': '---\nname: steep\ndescription: Makes tea.\n---\nWait.\n',
  }),
  { pageSize: 1 },
)

/** Takes anything that is an object. */
const ANYTHING: StandardSchemaV1<JsonObject, JsonObject> = {
  '~standard': {
    version: 1,
    vendor: 'mcp-edge-tests',
    validate: (value) => (isObject(value) ? { value } : { issues: [{ message: 'no object' }] }),
  },
}

/** The params of `initialize`, as they came: the SDK keeps only what it knows of them. */
let handshake: JsonObject = {}
process.stdin.on('data', (chunk: Buffer) => {
  for (const line of chunk.toString('utf8').split('\n'))
    if (line.includes('"initialize"')) handshake = (JSON.parse(line) as { params: JsonObject }).params
})

/** What the client has said of itself: at the handshake, or with the request. */
function clientOf({ mcpReq }: ServerContext): { capabilities: ClientCapabilities | undefined; info: unknown } {
  const { envelope } = mcpReq
  const said = envelope === undefined ? handshake : undefined
  const inEnvelope = (key: string): unknown => (envelope as JsonObject | undefined)?.[`${META_PREFIX}${key}`]
  const capabilities = said === undefined ? inEnvelope('clientCapabilities') : said['capabilities']
  return {
    capabilities: capabilities as ClientCapabilities | undefined,
    info: said === undefined ? inEnvelope('clientInfo') : said['clientInfo'],
  }
}

/** `_meta` of a request without what belongs to the exchange itself. */
function ownMeta(meta: JsonObject | undefined): JsonObject {
  return Object.fromEntries(Object.entries(meta ?? {}).filter(([key]) => key !== 'progressToken' && !key.startsWith(META_PREFIX)))
}

function withoutMeta(params: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(params).filter(([key]) => key !== '_meta'))
}

function addApp(mcp: McpServer): void {
  const tool = { title: 'Weather', description: 'Shows the weather', _meta: { ui: { resourceUri: APP_URI }, 'com.example/viewer': 1 } }
  registerAppTool(mcp, 'weather', tool, (ctx) => {
    const isShown = getUiCapability(clientOf(ctx).capabilities)?.mimeTypes?.includes(RESOURCE_MIME_TYPE) === true
    return {
      ...text(isShown ? 'see the app' : 'sunny, 21 °C'),
      structuredContent: { sky: 'sunny' },
      _meta: { 'com.example/viewer': { v: 1 } },
    }
  })
  const onlyApps = { description: 'For the app alone', _meta: { ui: { resourceUri: APP_URI, visibility: ['app' as const] } } }
  registerAppTool(mcp, 'refresh', onlyApps, () => ({ ...text('fresh'), structuredContent: { sky: 'still sunny' } }))
  const resource = { description: 'The dashboard', _meta: { ui: { prefersBorder: true } } }
  const csp = { connectDomains: ['https://api.example.com'], resourceDomains: [] }
  registerAppResource(mcp, 'dashboard', APP_URI, resource, () => ({
    contents: [{ uri: APP_URI, mimeType: RESOURCE_MIME_TYPE, text: APP_PAGE, _meta: { ui: { csp, prefersBorder: true } } }],
  }))
}

function addVendor(mcp: McpServer): void {
  const noted: unknown[] = []
  for (const method of ['com.example/note', 'notifications/com.example/note'])
    mcp.server.setNotificationHandler(method, { params: ANYTHING }, (params) => {
      const { _meta: meta } = params
      noted.push({ method, params: withoutMeta(params), meta: ownMeta(isObject(meta) ? meta : {}) })
    })
  mcp.server.setRequestHandler('com.example/brew', { params: ANYTHING }, (params, { mcpReq }) => ({
    got: withoutMeta(params),
    meta: ownMeta(mcpReq._meta as JsonObject | undefined),
    _meta: { 'com.example/cup': 1 },
  }))
  const inputSchema = fromJsonSchema<{ when: string }>(stringArgument('when', 'during or after the call'))
  mcp.registerTool('tell', { description: 'Tells of something', inputSchema }, async ({ when }, { mcpReq }) => {
    const news = { method: 'notifications/com.example/news', params: { n: 1, text: 'grüße', _meta: { 'com.example/k': [null] } } }
    if (when === 'during') await mcpReq.notify(news)
    else setImmediate(() => void mcp.server.notification(news).catch(() => {}))
    return text(when)
  })
  const counted = fromJsonSchema<{ count: number }>({ type: 'object', properties: { count: { type: 'number' } }, required: ['count'] })
  mcp.registerTool('noted', { description: 'Says what it was told, once it is so much', inputSchema: counted }, async ({ count }) => {
    // The SDK hands a notification on behind a call that has come with it.
    for (const endMs = Date.now() + NOTED_MS; noted.length < count && Date.now() < endMs;) await delay(10)
    return text(JSON.stringify(noted))
  })
}

export function createExtensionsServer(): McpServer {
  const mcp = new McpServer(
    { name: 'extensions', version: '1.0.0', title: 'Küche' },
    {
      instructions: 'Read me – twice.',
      capabilities: {
        tools: {},
        logging: {},
        extensions: { 'com.example/brew': { v: 2, beans: ['arabica'] }, 'io.modelcontextprotocol/ui': {} },
        experimental: { 'com.example/try': { z: 1 } },
      },
    },
  )
  addApp(mcp)
  addVendor(mcp)
  skills.attach(mcp)
  mcp.registerTool('declared', { description: 'Says what its client has said of itself' }, (ctx) => text(JSON.stringify(clientOf(ctx))))
  return mcp
}
