/** An agent with a file of servers, each with a share of its own, at a real relay. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { conformanceServer, createShare, fixture, type Relay, type Share, startRelay, StateFolder } from '../../harness/selfhost.ts'
import { startHttpServer } from '../../harness/http-server.ts'
import { type JsonObject, asArray, asObject, textField, toolText } from '../../harness/json.ts'
import { NODE, Program, ROOT, run } from '../../harness/program.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import type { TestClient } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
let file: string

beforeAll(async () => {
  relay = stack.use(await startRelay())
  file = join(stack.use(await StateFolder.create()).path, 'mcp-edge.yaml')
})
afterAll(() => stack.disposeAsync())

function stdio(share: Share, name: string, ...args: string[]): JsonObject {
  const [command, ...rest] = fixture(name, ...args)
  return { token: share.agentToken, command, args: rest, era: 'legacy' }
}

function write(servers: Readonly<Record<string, JsonObject>>): void {
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify({ relay: relay.origin, servers }))
}

function eventsOf(agent: Program): JsonObject[] {
  return agent.stderr.lines.filter((line) => line.startsWith('{')).map((line) => asObject(JSON.parse(line)))
}

async function event(agent: Program, name: string, server?: string): Promise<JsonObject> {
  const fits = (line: string): JsonObject | undefined => {
    const found = line.startsWith('{') ? asObject(JSON.parse(line)) : undefined
    return found?.['event'] === name && (server === undefined || found['server'] === server) ? found : undefined
  }
  return await agent.stderr.find(fits, `${name} of ${server ?? 'the agent'}`)
}

test('three servers in one file: one dies, the others are untouched; an edit adds a fourth without a reconnect', async () => {
  verifies('promise.config.apart', 'promise.config.reload')
  await using http = await startHttpServer('sdk1')
  const [a, b, c, d] = [await createShare(relay), await createShare(relay), await createShare(relay), await createShare(relay)]
  const first = {
    a: stdio(a, 'annotated', 'ran a'),
    b: stdio(b, 'annotated', 'ran b'),
    c: { token: c.agentToken, url: http.url, headers: { 'X-Any': 'value' } },
  }
  write(first)
  await using agent = new Program(NODE, ['agent/cli.ts', '--json', '--config', file])
  for (const name of ['a', 'b', 'c']) await event(agent, 'ready', name)
  await using clientA = await connectSdk1Http(a.shareUrl)
  await using clientC = await connectSdk1Http(c.shareUrl)
  expect(toolText(await clientA.callTool('look', {}))).toBe('ran a')
  expect(toolText(await clientC.callTool('test_simple_text'))).toContain('simple text')
  expect((await relay.api('DELETE', `shares/${b.id}`)).ok).toBe(true)
  expect(await event(agent, 'server.ended', 'b')).toMatchObject({ exit: 6 })
  writeFileSync(file, 'servers: {')
  await event(agent, 'config.invalid')
  write({ ...first, d: stdio(d, 'annotated', 'ran d') })
  await event(agent, 'ready', 'd')
  await using clientD = await connectSdk1Http(d.shareUrl)
  expect(toolText(await clientD.callTool('look', {}))).toBe('ran d')
  expect(toolText(await clientA.callTool('look', {}))).toBe('ran a')
  expect(toolText(await clientC.callTool('test_simple_text'))).toContain('simple text')
  const ready = eventsOf(agent).filter((one) => one['event'] === 'ready')
  expect(ready.map((one) => String(one['server'])).toSorted()).toEqual(['a', 'b', 'c', 'd'])
})

test('two servers under one share: the process of one dies, the other is untouched; what ends with the link ends both', async () => {
  verifies('servers.own-path', 'servers.apart', 'servers.orders')
  const share = await createShare(relay)
  const server = (name: string): JsonObject => {
    const [command, ...args] = fixture('echo')
    return { command, args, era: 'legacy', env: { NAME: name } }
  }
  writeFileSync(
    file,
    JSON.stringify({ relay: relay.origin, token: share.agentToken, servers: { git: server('git'), files: server('files') } }),
  )
  await using agent = new Program(NODE, ['agent/cli.ts', '--json', '--config', file])
  for (const name of ['git', 'files']) await event(agent, 'ready', name)
  const at = (name: string): string => share.shareUrl.replace(/\/mcp$/, `/${name}/mcp`)
  await using git = await connectSdk1Http(at('git'))
  await using files = await connectSdk1Http(at('files'))
  expect(toolText(await git.callTool('env', { name: 'NAME' }))).toBe('git')
  expect(toolText(await files.callTool('env', { name: 'NAME' }))).toBe('files')
  for (const client of [git, files]) expect(toolText(await client.callTool('count'))).toBe('1')
  process.kill(Number(toolText(await git.callTool('pid'))), 'SIGKILL')
  await agent.stderr.find((line) => /"channel\.end".*"SIGKILL"/.test(line) || undefined, 'the end of the process')
  expect(toolText(await files.callTool('count'))).toBe('2')
  expect(toolText(await git.callTool('count'))).toBe('1')
  const links = asArray(asObject(await (await relay.api('GET', `shares/${share.id}/tokens`)).json())['tokens']).map(asObject)
  const key = textField(links.find(({ kind }) => kind === 'key') ?? {}, 'id')
  expect((await relay.api('DELETE', `shares/${share.id}/tokens/${key}`)).ok).toBe(true)
  for (const client of [git, files]) await expect(client.callTool('count')).rejects.toThrow(/revoked|LINK_REVOKED|410/i)
})

test('servers without a token of their own are one share: each by its name, and as one for clients of any revision', async () => {
  verifies('promise.config.one-share', 'promise.config.names', 'promise.merged.lists', 'promise.merged.resources', 'promise.merged.reload')
  // What an edit adds would be held back until its owner accepts it.
  const share = await createShare(relay, { pinning: 'off' })
  const tokenless = ({ token: _token, ...rest }: JsonObject): JsonObject => rest
  const [command, ...args] = conformanceServer('legacy')
  const first = { one: tokenless(stdio(share, 'annotated', 'ran one')), 'My Tests': { command, args, era: 'legacy' } }
  const writeAll = (servers: JsonObject): void =>
    writeFileSync(file, JSON.stringify({ relay: relay.origin, token: share.agentToken, servers }))
  writeAll(first)
  const checked = await run(NODE, [join(ROOT, 'agent/cli.ts'), '--config', file, '--check'])
  expect(checked.stdout).toContain(`, as /s/${share.id}/my-tests/mcp, `)
  expect(checked.stdout).toContain(`, as /s/${share.id}/mcp, one server of one (one__…), my-tests (my-tests__…)`)
  await using agent = new Program(NODE, ['agent/cli.ts', '--json', '--config', file])
  for (const name of ['one', 'My Tests', 'share']) await event(agent, 'ready', name)
  await using own = await connectSdk1Http(share.shareUrl.replace(/mcp$/, 'one/mcp'))
  expect(toolText(await own.callTool('look', {}))).toBe('ran one')
  await using merged = await connectSdk1Http(share.shareUrl)
  await using modern = await connectSdk2Http(share.shareUrl, undefined, 'pinned')
  for (const client of [merged, modern]) {
    expect(await client.listTools()).toEqual(expect.arrayContaining(['one__look', 'my-tests__test_simple_text']))
    expect(toolText(await client.callTool('one__look', {}))).toBe('ran one')
    expect(toolText(await client.callTool('my-tests__test_elicitation', { message: 'who?' }))).toContain('accept')
    expect(await client.readResource('test://static-text')).toMatchObject({ contents: [{ uri: 'test://static-text' }] })
    expect(await client.listPrompts()).toContain('my-tests__test_simple_prompt')
    await client.watch({ toolsListChanged: true })
  }
  const changed = 'notifications/tools/list_changed'
  // One that is slow to start is told of as well, when it is there.
  const told = ({ notifications }: TestClient): number => notifications.all.filter(({ method }) => method === changed).length
  const before = new Map([merged, modern].map((client) => [client, told(client)]))
  writeAll({ ...first, three: tokenless(stdio(share, 'annotated', 'ran three')) })
  await event(agent, 'config.read')
  for (const client of [merged, modern]) {
    await client.notifications.next(changed, () => told(client) > (before.get(client) ?? 0))
    expect(toolText(await client.callTool('three__look', {}))).toBe('ran three')
  }
  await event(agent, 'ready', 'three')
  const ready = eventsOf(agent).filter((one) => one['event'] === 'ready')
  expect(ready.map((one) => String(one['server'])).toSorted()).toEqual(['My Tests', 'one', 'share', 'three'])
})

test('--check says what would be served, or what is wrong, and dials nothing', async () => {
  verifies('promise.config.check')
  const share = await createShare(relay)
  write({ a: { token: share.agentToken, command: 'node', args: ['x'] } })
  const check = () => run(NODE, [join(ROOT, 'agent/cli.ts'), '--config', file, '--check'])
  expect(await check()).toMatchObject({ code: 0, stdout: `a: share ${share.id} at ${new URL(relay.origin).host}, node x`, stderr: '' })
  write({ a: { token: share.agentToken, command: 'no-such-command' } })
  const missing = await check()
  expect(missing).toMatchObject({ code: 5, stdout: '', stderr: expect.stringMatching(/no-such-command was not found/) })
  write({ a: { token: share.agentToken, command: 'node', era: share.agentToken } })
  const wrong = await check()
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/servers\.a\.era/) })
  expect(wrong.stderr).not.toContain(share.agentToken)
})
