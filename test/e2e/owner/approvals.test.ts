/** Calls that wait for their owner: real agent and server, the owner's command line as its user sees it, and clients of both eras and over HTTP+SSE. */
import { access, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asObject, type JsonObject, textField, toolText } from '../../harness/json.ts'
import { NODE, Program, run } from '../../harness/program.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http, connectSdk2Sse } from '../../harness/sdk2-client.ts'
import { createServedShare, npmServer, type Relay, type Share, startRelay, StateFolder } from '../../harness/selfhost.ts'
import type { TestClient } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const PROGRAM = ['agent/cli.ts']
const stack = new AsyncDisposableStack()
let relay: Relay
let share: Share
let folder = ''
let env: Readonly<Record<string, string | undefined>>

beforeAll(async () => {
  relay = stack.use(await startRelay())
  folder = join(stack.use(await StateFolder.create()).path, 'shared')
  await mkdir(folder)
  share = await createServedShare(stack, relay, { command: npmServer('server-filesystem', folder) })
  env = { MCP_EDGE_RELAY: relay.origin, MCP_EDGE_OWNER_TOKEN: relay.ownerToken, MCP_EDGE_TOKEN: undefined }
})
afterAll(() => stack.disposeAsync())

/** What an owner's command prints. */
async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(NODE, [...PROGRAM, ...args], { env })
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${stderr}`)
  return stdout
}

async function linkFor(name: string): Promise<string> {
  const line = ['token', 'create', share.id, '--kind', 'client', '--access', 'admin', '--hold', 'write_*', '--name', name, '--json']
  return textField(asObject(JSON.parse(await ok(...line))), 'token')
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

const CLIENTS: readonly [string, (token: string) => Promise<TestClient>][] = [
  ['SDK 1 over Streamable HTTP', (token) => connectSdk1Http(share.url, token)],
  ['SDK 2 over HTTP+SSE', (token) => connectSdk2Sse(share.sseUrl, token)],
  ['SDK 2 in revision 2026-07-28', (token) => connectSdk2Http(share.url, token, 'pinned')],
]

test.each(CLIENTS)('%s: nothing is written before its owner, who follows what comes, has allowed it', async (name, connect) => {
  verifies('promise.11.held', 'promise.11.held-doors', 'promise.11.held-order')
  await using client = await connect(await linkFor(name))
  const path = join(folder, `${name}.txt`)
  await using follow = new Program(NODE, [...PROGRAM, 'approvals', share.id, '--follow', '--json'], { env })
  const next = async (): Promise<JsonObject> =>
    follow.stdout.find((line) => {
      const approval = asObject(JSON.parse(line))
      return asObject(approval['link'])['name'] === name && !seen.has(String(approval['id'])) ? approval : undefined
    }, 'an approval')
  const seen = new Set<string>()

  const denied = client.callTool('write_file', { path, content: 'no' })
  const first = await next()
  seen.add(textField(first, 'id'))
  expect(JSON.parse(textField(first, 'arguments'))).toEqual({ path, content: 'no' })
  expect(await ok('approvals', 'deny', share.id, textField(first, 'id'))).toContain('is denied')
  expect(await denied).toMatchObject({ isError: true, _meta: { 'mcp-edge/code': 'APPROVAL_DENIED' } })
  expect(await exists(path)).toBe(false)

  const allowed = client.callTool('write_file', { path, content: 'yes \u001b[2J' })
  const second = await next()
  seen.add(textField(second, 'id'))
  const shown = await ok('approvals', share.id)
  expect(shown).toContain(`\nwho        ${name} (client:`)
  expect(shown.replaceAll(/\n {11}/g, '')).toContain('yes \\u001b[2J')
  expect(shown).not.toContain('\u001b')
  expect(await exists(path)).toBe(false)
  await ok('approvals', 'allow', share.id, textField(second, 'id'))
  expect(toolText(await allowed)).toContain('Successfully wrote')
  expect(await readFile(path, 'utf8')).toBe('yes \u001b[2J')

  // Reading is not held, and always is always.
  expect(toolText(await client.callTool('read_text_file', { path }))).toBe('yes \u001b[2J')
  const always = client.callTool('write_file', { path, content: 'again' })
  const third = await next()
  await ok('approvals', 'always', share.id, textField(third, 'id'))
  expect(toolText(await always)).toContain('Successfully wrote')
  expect(toolText(await client.callTool('write_file', { path, content: 'again' }))).toContain('Successfully wrote')
  expect(await ok('approvals', share.id)).toContain(`approval   ${textField(third, 'id')}\ndecided    always, for ever\n`)
  expect(await ok('approvals', 'forget', share.id, textField(third, 'id'))).toContain('is forgotten')
  const { code, stderr } = await run(NODE, [...PROGRAM, 'approvals', 'forget', share.id, textField(third, 'id')], { env })
  expect([code, stderr]).toEqual([7, expect.stringContaining('No such approval')])
})
