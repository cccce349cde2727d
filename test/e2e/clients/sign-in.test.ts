/** The SDK's client and `mcp-remote` sign in at a real relay, with a scripted browser: below a share's path, and on its own host. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type StoredOAuthTokens, UnauthorizedError } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asObject, textField, toolText } from '../../harness/json.ts'
import { NODE, Program, ROOT } from '../../harness/program.ts'
import { consent } from '../../harness/sign-in/scripted-browser.ts'
import { Keychain, signIn, transportTo } from '../../harness/sign-in/sdk-sign-in.ts'
import { createServedShare, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { CLIENT_INFO } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
let share: Share
let other: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: fixture('echo') })
  other = await createServedShare(stack, relay, { command: fixture('echo') })
})
afterAll(() => stack.disposeAsync())

async function invite(of: Share): Promise<{ readonly id: string; readonly code: string }> {
  const made = asObject(await (await relay.api('POST', `shares/${of.id}/people`, { name: 'Ann', policy: { access: 'admin' } })).json())
  return { id: textField(made, 'id'), code: textField(made, 'code') }
}

async function connect(url: string, keychain: Keychain): Promise<Client> {
  const client = new Client(CLIENT_INFO)
  await client.connect(transportTo(url, keychain))
  return client
}

const PLACES = [
  ['below its path', (of: Share) => of.url],
  ['on its own host', (of: Share) => `http://${of.id}.localhost:${new URL(of.url).port}/mcp`],
] as const

describe.each(PLACES)('a client of SDK 2.x at a share %s', (_, urlOf) => {
  test('signs in at two shares at once, calls tools, and keeps them apart', async () => {
    verifies('promise.9.sign-in')
    const [first, second] = [await invite(share), await invite(other)]
    const keychains = await Promise.all([signIn(urlOf(share), first.code), signIn(urlOf(other), second.code)])
    const [client, elsewhere] = await Promise.all([share, other].map((of, at) => connect(urlOf(of), keychains[at] ?? new Keychain())))
    if (client === undefined || elsewhere === undefined) throw new Error('not connected')
    expect(toolText(await client.callTool({ name: 'echo', arguments: { text: 'one' } }))).toContain('one')
    expect(toolText(await elsewhere.callTool({ name: 'echo', arguments: { text: 'two' } }))).toContain('two')
    await Promise.all([client.close(), elsewhere.close()])
    // One share's tokens, tried at the other: the client is sent into signing in.
    const [stranger] = keychains
    const kept = stranger?.kept
    await expect(connect(urlOf(other), Object.assign(new Keychain(), { kept }))).rejects.toThrow()
  })

  test('refreshes an access token that is not taken any more, and is sent to sign in once its person is removed', async () => {
    const { id, code } = await invite(share)
    const keychain = await signIn(urlOf(share), code)
    const { access_token: before = '' } = keychain.kept ?? {}
    keychain.kept = { ...keychain.kept, access_token: `${before.slice(0, -8)}AAAAAAAA` } as StoredOAuthTokens
    keychain.opened = undefined
    const client = await connect(urlOf(share), keychain)
    expect((await client.listTools()).tools.length).toBeGreaterThan(0)
    expect([keychain.opened, keychain.kept?.access_token === before]).toEqual([undefined, false])
    expect((await relay.api('DELETE', `shares/${share.id}/people/${id}`)).status).toBe(204)
    await expect(client.listTools()).rejects.toThrow(UnauthorizedError)
    expect(keychain.opened).toBeDefined()
    await client.close()
  })
})

test('mcp-remote registers, waits for its person, and lists the tools', async () => {
  const { code } = await invite(share)
  const config = join(tmpdir(), `mcp-remote-sign-in-${process.pid}`)
  const env = { HOME: tmpdir(), MCP_REMOTE_CONFIG_DIR: config, PATH: '/nonexistent', DISPLAY: '' }
  await using proxy = new Program(NODE, [join(ROOT, 'node_modules/mcp-remote/dist/proxy.js'), share.url], { env, input: true })
  const url = await proxy.stderr.find((line) => (/^https?:\/\/\S+\/authorize\?\S+$/.exec(line) ?? [])[0], 'the page to open')
  const callback = await consent(url, code)
  expect((await fetch(callback)).status).toBe(200)
  proxy.writeLine(
    '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
  )
  await proxy.stdout.find((line) => (line.includes('"id":0') ? line : undefined), 'the answer to initialize')
  proxy.writeLine('{"jsonrpc":"2.0","method":"notifications/initialized"}')
  proxy.writeLine('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
  expect(await proxy.stdout.find((line) => (line.includes('"id":1') ? line : undefined), 'the list of tools')).toContain('"tools"')
})
