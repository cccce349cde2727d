/** Rows of the matrix about what extensions and vendors add: apps by the package of MCP Apps, skills by the SDK, vendors' methods and notifications, and what both sides declare. */
import { setTimeout as delay } from 'node:timers/promises'
import { InMemoryTransport } from '@modelcontextprotocol/client'
import { SkillsClient } from '@modelcontextprotocol/client/ext/skills'
import { App } from '@modelcontextprotocol/ext-apps'
import { AppBridge, getToolUiResourceUri, RESOURCE_MIME_TYPE } from '@modelcontextprotocol/ext-apps/app-bridge'
import { asArray, asObject, type JsonObject, textField, toolText } from '../harness/json.ts'
import { extensionsServer, type ServerEra } from '../harness/selfhost.ts'
import { CAPABILITIES, CLIENT_INFO, type TestClient } from '../harness/test-client.ts'
import type { Cell, Prove, Row } from './matrix-rows.ts'

/** Longer than a notification takes that comes at all, on a busy machine. */
const UNHEARD_MS = 4000
const NEWS = 'notifications/com.example/news'
/** What a host says that shows apps. */
const SHOWS_APPS = { ...CAPABILITIES, extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: [RESOURCE_MIME_TYPE] } } }
/** What nobody has written down. */
const DECLARES_MORE = {
  ...SHOWS_APPS,
  extensions: { ...SHOWS_APPS.extensions, 'com.example/brew': { v: 1, deep: [{ a: null }] }, 'io.modelcontextprotocol/unheard-of': {} },
  experimental: { 'com.example/try': { z: [1, '2'] } },
  'com.example/capability': { on: true },
}

function inEitherEra(what: string, prove: Prove, declares: JsonObject = CAPABILITIES): Row {
  const cell = (era: ServerEra): Cell => ({ server: 'extensions', command: extensionsServer(era), prove })
  return { what, declares, isAlike: true, legacy: cell('legacy'), modern: cell('modern'), both: cell('both') }
}

async function toolNamed(client: TestClient, name: string): Promise<JsonObject> {
  const tools = asArray((await client.request('tools/list'))['tools']).map(asObject)
  const tool = tools.find((one) => one['name'] === name)
  if (tool === undefined) throw new Error(`no tool ${name}`)
  return tool
}

/** A result without what the era adds to it: what is compared is what the server has to say. */
function said(result: JsonObject): JsonObject {
  const meta = without(asObject(result['_meta'] ?? {}), ['io.modelcontextprotocol/serverInfo'])
  const own = without(result, ['ttlMs', 'cacheScope', 'resultType', '_meta'])
  return Object.keys(meta).length === 0 ? own : { ...own, _meta: meta }
}

function without(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)))
}

/** What an app sees that the host shows with a tool's result: through the host's bridge it calls and reads for itself. */
async function inApp(client: TestClient, shown: JsonObject, uri: string): Promise<JsonObject> {
  const { sdk } = client
  // The package builds on SDK 2.x.
  if (sdk.major === 1) return {}
  const [hostSide, appSide] = InMemoryTransport.createLinkedPair()
  const bridge = new AppBridge(sdk.client, CLIENT_INFO, { serverTools: {}, serverResources: {} })
  const app = new App({ name: 'dashboard', version: '1.0.0' }, {}, { autoResize: false })
  const isReady = Promise.withResolvers<void>()
  const result = Promise.withResolvers<JsonObject>()
  bridge.addEventListener('initialized', () => isReady.resolve())
  app.addEventListener('toolresult', (params) => result.resolve(asObject(params)))
  await bridge.connect(hostSide)
  await app.connect(appSide)
  await isReady.promise
  await bridge.sendToolResult(shown as never)
  const refreshed = said(asObject(await app.callServerTool({ name: 'refresh', arguments: {} })))
  const read = said(asObject(await app.readServerResource({ uri })))
  const listed = said(asObject(await app.listServerResources()))
  await bridge.close()
  return { got: said(await result.promise), refreshed, read, listed }
}

const showsApp: Prove = async (client) => {
  const tool = await toolNamed(client, 'weather')
  const uri = getToolUiResourceUri(tool)
  if (uri === undefined) throw new Error('the tool has no app')
  const page = said(await client.readResource(uri))
  const shown = await client.callTool('weather')
  const app = await inApp(client, shown, uri)
  return JSON.stringify({ tool, page, shown: said(shown), app })
}

const readsSkills: Prove = async (client) => {
  const { sdk } = client
  if (sdk.major === 1) {
    const { nextCursor } = await client.request('skills/list')
    const second = await client.request('skills/list', { cursor: textField({ nextCursor }, 'nextCursor') })
    const uri = textField(asObject(asArray(second['skills'])[0]), 'uri')
    return JSON.stringify([said(second), said(await client.request('skills/get', { uri })), said(await client.readResource(uri))])
  }
  const skills = new SkillsClient(sdk.client)
  if (!skills.supported) throw new Error('the server does not say that it has skills')
  const { skills: entries } = await skills.list()
  const [first] = entries
  if (first === undefined) throw new Error('no skills')
  const manifest = await skills.read(first)
  const beans = await skills.read(first, 'references/beans.bin')
  const { skill } = await skills.get(first.uri)
  const found = { entries, skill, body: manifest.body, beans: Buffer.from(beans.bytes).toString('hex'), verified: beans.verified }
  const directory = skills.directoryRead ? (await skills.readDirectory(first.uri.replace(/\/SKILL\.md$/, ''))).resources : []
  return JSON.stringify({ ...found, directory })
}

const VENDOR_PARAMS = { a: { b: [1, null, '𝄞'] }, cursor: 'x', _meta: { 'com.example/k': { v: 1 }, traceparent: '00-1-2-01' } }

const callsVendor: Prove = async (client) => JSON.stringify(said(await client.request('com.example/brew', VENDOR_PARAMS)))

const isRefused = async (client: TestClient): Promise<string> =>
  client.request('com.example/unheard-of', {}).then(
    () => 'answered',
    (error: unknown) => (error instanceof Error && /method not found|-32601/i.test(error.message) ? 'no such method' : String(error)),
  )

/** Each as it was accepted, and what of all the server has heard. */
const notifiesVendor: Prove = async (client) => {
  const outcomes: string[] = []
  for (const method of ['com.example/note', 'notifications/com.example/note']) {
    const params = { n: outcomes.length, _meta: { 'com.example/k': 1 } }
    const outcome = client.notify(method, params).then(
      () => 'accepted',
      (error: unknown) => `refused: ${error instanceof Error ? error.message : String(error)}`,
    )
    outcomes.push(await outcome)
  }
  return `${outcomes.join(', ')}; heard ${toolText(await client.callTool('noted', { count: outcomes.filter((one) => one === 'accepted').length }))}`
}

function hearsVendor(when: 'during' | 'after'): Prove {
  return async (client) => {
    const heard = client.notifications.next(NEWS).then((params) => JSON.stringify(params))
    heard.catch(() => {})
    await client.callTool('tell', { when })
    return await Promise.race([heard, delay(UNHEARD_MS, 'not heard')])
  }
}

const tellsDeclared: Prove = async (client) => inOrder(JSON.parse(toolText(await client.callTool('declared'))))

const readsDeclared: Prove = async ({ sdk: { client } }) =>
  inOrder([client.getServerCapabilities(), client.getServerVersion(), client.getInstructions()])

/** The order of members is nobody's to keep between the eras. */
function inOrder(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

export const EXTENSION_ROWS: readonly Row[] = [
  inEitherEra('an app', showsApp, SHOWS_APPS),
  inEitherEra('an app, for a client that shows none', showsApp),
  inEitherEra('skills', readsSkills),
  inEitherEra('a vendor’s method', callsVendor),
  inEitherEra('a method that the server does not have', isRefused),
  inEitherEra('a vendor’s notifications to the server', notifiesVendor),
  inEitherEra('a vendor’s notification during a call', hearsVendor('during')),
  inEitherEra('a vendor’s notification after a call', hearsVendor('after')),
  inEitherEra('what a client declares', tellsDeclared, DECLARES_MORE),
  inEitherEra('what a server declares', readsDeclared),
]
