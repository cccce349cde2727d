/** Pinning with real processes: a server changes a tool, its owner compares and accepts with the command line, a client sees it no longer and then again. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asObject, type JsonObject, toolText } from '../../harness/json.ts'
import { NODE, run } from '../../harness/program.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import {
  createServedShare,
  createShare,
  fixture,
  npmServer,
  type Relay,
  type Share,
  startAgent,
  startRelay,
  StateFolder,
} from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
let folder: string

beforeAll(async () => {
  folder = stack.use(await StateFolder.create()).path
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

/** What an owner's command prints. */
async function command(...args: readonly string[]): Promise<string> {
  const env = { MCP_EDGE_RELAY: relay.origin, MCP_EDGE_OWNER_TOKEN: relay.ownerToken, XDG_CONFIG_HOME: folder }
  const { code, stdout, stderr } = await run(NODE, ['agent/cli.ts', ...args], { env })
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${stderr}`)
  return stdout
}

/** What the owner is shown, once this is true of it. */
async function shownWhen(share: Share, isSo: (told: JsonObject) => boolean): Promise<JsonObject> {
  for (;;) {
    const told = asObject(JSON.parse(await command('tools', 'list', share.id, '--json')))
    if (isSo(told)) return told
  }
}

const isPinned = ({ unpinned }: JsonObject): boolean => unpinned !== undefined

test('a changed tool is held back from its clients until its owner has compared and accepted it', async () => {
  verifies('promise.11.pinned', 'promise.11.accepted')
  const turned = join(folder, 'turned')
  const share = await createServedShare(stack, relay, { command: fixture('changes-its-tools', turned) })
  await shownWhen(share, isPinned)
  await using client = await connectSdk2Http(share.url, share.clientToken)
  expect(await client.listTools()).toEqual(['look', 'turn', 'turn_silently'])
  expect(toolText(await client.callTool('look'))).toBe('looked')
  expect(await command('tools', 'diff', share.id)).toContain('Nothing is held back.')

  await client.callTool('turn')
  expect(existsSync(turned)).toBe(true)
  await expect(client.callTool('look')).rejects.toThrow('The server does not offer this')
  expect(await client.listTools()).toEqual(['turn', 'turn_silently'])

  await shownWhen(share, ({ tools }) => JSON.stringify(tools).includes('changed'))
  expect(await command('share', 'show', share.id)).toContain(`Held back: 1. See what they say, and accept:`)
  const diff = await command('tools', 'diff', share.id)
  expect(diff).toMatch(/^- .*"readOnlyHint":true/m)
  expect(diff).toMatch(/^\+ .*"readOnlyHint":false/m)
  const [, named = ''] = /tools accept \S+ (look@\S+)/.exec(diff) ?? []
  expect(await command('tools', 'accept', share.id, named)).toContain('Accepted: look.')

  expect(await client.listTools()).toEqual(['look', 'turn', 'turn_silently'])
  expect(toolText(await client.callTool('look'))).toBe('changed something')
  expect(await command('share', 'show', share.id)).not.toContain('Held back')
})

test('a server that was changed while its agent was away is held to what was pinned', async () => {
  verifies('promise.11.pinned')
  const turned = join(folder, 'turned while away')
  const share = await createShare(relay)
  const agent = await startAgent(share, { command: fixture('changes-its-tools', turned) })
  await shownWhen(share, isPinned)
  await agent.program.stop('SIGTERM')
  writeFileSync(turned, '')
  stack.use(await startAgent(share, { command: fixture('changes-its-tools', turned) }))
  await shownWhen(share, ({ tools }) => JSON.stringify(tools).includes('changed'))
  const client = await RawClient.connect(share)
  const { tools } = asObject((await client.request('tools/list', {})).last['result'])
  expect((tools as JsonObject[]).map(({ name }) => name)).toEqual(['turn', 'turn_silently'])
})

test('a server that shows more to clients that can be asked is pinned whole: nothing of it is held back from any', async () => {
  verifies('promise.11.pinned-first')
  const share = await createServedShare(stack, relay, { command: npmServer('server-everything') })
  await shownWhen(share, isPinned)
  await using able = await connectSdk2Http(share.url, share.clientToken)
  const plain = await RawClient.connect(share)
  const seen = asObject((await plain.request('tools/list', {})).last['result'])['tools'] as JsonObject[]
  const all = await able.listTools()
  expect(all.length).toBeGreaterThan(seen.length)
  const { tools, prompts, resources } = await shownWhen(share, isPinned)
  for (const entries of [tools, prompts, resources] as JsonObject[][]) expect(entries.filter(({ state }) => state !== 'pinned')).toEqual([])
  expect((tools as JsonObject[]).length).toBeGreaterThanOrEqual(all.length)
})
