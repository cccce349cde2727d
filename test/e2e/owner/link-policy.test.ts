/** What a link's policy keeps from its holder, by every door, in both eras, on servers of both, and what changes with it. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asObject, type JsonObject, textField, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http, connectSdk2Sse } from '../../harness/sdk2-client.ts'
import { createServedShare, fixture, type Relay, type Share, startRelay, StateFolder } from '../../harness/selfhost.ts'
import type { TestClient } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
let legacy: Share
let modern: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  legacy = await createServedShare(stack, relay, { command: fixture('annotated', 'ran') })
  modern = await createServedShare(stack, relay, { command: fixture('annotated-modern') })
})
afterAll(() => stack.disposeAsync())

/** A link of a share, and what its holder connects with. */
interface Link {
  readonly id: string
  readonly token: string
}

async function linkTo(share: Share, policy: JsonObject): Promise<Link> {
  const made = await relay.api('POST', `shares/${share.id}/tokens`, { kind: 'client', name: 'guest', policy })
  expect(made.status).toBe(201)
  const answer = asObject(await made.json())
  return { id: textField(answer, 'id'), token: textField(answer, 'token') }
}

const CONNECTIONS: readonly [string, (share: Share, token: string) => Promise<TestClient>][] = [
  ['SDK 1 over Streamable HTTP', (share, token) => connectSdk1Http(share.url, token)],
  ['SDK 2 over HTTP+SSE', (share, token) => connectSdk2Sse(share.sseUrl, token)],
  ['SDK 2 in revision 2026-07-28', (share, token) => connectSdk2Http(share.url, token, 'pinned')],
]
const SERVERS: readonly [string, () => Share][] = [
  ['a server of the handshake era', () => legacy],
  ['a server of 2026-07-28', () => modern],
]
const EACH = CONNECTIONS.flatMap(([client, connect]) => SERVERS.map(([server, share]) => [client, server, connect, share] as const))

describe.each(EACH)('%s, %s', (_client, _server, connect, share) => {
  test('a link that may only read lists and calls what says that it only reads', async () => {
    verifies('promise.11.hidden')
    const { token } = await linkTo(share(), { access: 'read' })
    await using client = await connect(share(), token)
    expect(await client.listTools()).toEqual(['look'])
    expect(toolText(await client.callTool('look', {}))).toBe('ran')
    await expect(client.callTool('pay', {})).rejects.toThrow(/does not offer/)
    await expect(client.callTool('no-such-tool', {})).rejects.toThrow(/does not offer/)
    await expect(client.callTool('Look', {})).rejects.toThrow(/does not offer/)
    expect(toolText(await client.callTool('look', {}))).toBe('ran')
  })

  test('what the owner changes holds from the next request on', async () => {
    verifies('promise.11.changes')
    const { id, token } = await linkTo(share(), { access: 'admin' })
    await using client = await connect(share(), token)
    expect(await client.listTools()).toEqual(['look', 'set', 'pay'])
    expect(toolText(await client.callTool('pay', {}))).toBe('ran')
    await patch(share(), id, { policy: { access: 'admin', tools: { deny: ['pay'] } } })
    await expect(client.callTool('pay', {})).rejects.toThrow(/does not offer/)
    expect(await client.listTools()).toEqual(['look', 'set'])
    await patch(share(), id, { policy: { access: 'admin' } })
    expect(toolText(await client.callTool('pay', {}))).toBe('ran')
    expect(await client.listTools()).toEqual(['look', 'set', 'pay'])
  })

  test('a rule on arguments refuses what lies outside', async () => {
    verifies('promise.11.arguments')
    const { token } = await linkTo(share(), { access: 'admin', arguments: ['pay(to^=/friends)'] })
    await using client = await connect(share(), token)
    expect(toolText(await client.callTool('pay', { to: '/friends/ann' }))).toBe('ran')
    expect(toolText(await client.callTool('look', { to: '/anything' }))).toBe('ran')
    for (const to of ['/foes', '/friends/../foes', '/friendship', 7, ['/friends']])
      await expect(client.callTool('pay', { to })).rejects.toThrow(/does not offer/)
    await expect(client.callTool('pay', { to: '/friends', To: '/foes' })).rejects.toThrow(/does not offer/)
  })
})

async function patch(share: Share, id: string, body: JsonObject): Promise<void> {
  const answer = await relay.api('PATCH', `shares/${share.id}/tokens/${id}`, body)
  expect(answer.status).toBe(200)
}

describe('a link that may only read, raw', () => {
  async function reader(): Promise<RawClient> {
    const { token } = await linkTo(legacy, { access: 'read' })
    const client = new RawClient(legacy.url, token)
    await client.initialize()
    return client
  }
  const call = (id: number, name: string): string =>
    `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":${JSON.stringify(name)}}}`

  test.each([
    ['a call', call(7, 'pay')],
    ['a name in escapes', '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"\\u0070ay"}}'],
    ['a name of look-alike letters', call(7, 'pаy')],
    ['a name in other case', call(7, 'PAY')],
    ['a name with a space', call(7, 'pay ')],
    ['a name twice', '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"look","name":"pay"}}'],
    ['a folded name', '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"look","Name":"pay"}}'],
    ['a folded method', '{"jsonrpc":"2.0","id":7,"method":"tools/list","Method":"tools/call","params":{"name":"pay"}}'],
    ['a method of another case', '{"jsonrpc":"2.0","id":7,"method":"Tools/Call","params":{"name":"pay"}}'],
    ['a method that the relay does not know', '{"jsonrpc":"2.0","id":7,"method":"tools/run","params":{"name":"pay"}}'],
  ])('%s of a denied tool does not reach the server', async (_name, text) => {
    verifies('promise.11.hidden')
    const client = await reader()
    const answer = await client.post(text)
    const body = await answer.text()
    expect(body).toContain('"error"')
    expect(body).not.toContain('ran')
  })

  test('a batch reaches the server with what is allowed in it only', async () => {
    verifies('promise.11.hidden')
    const { token } = await linkTo(legacy, { access: 'read' })
    const client = new RawClient(legacy.url, token)
    await client.initialize({ protocolVersion: '2025-03-26' })
    const body = await (await client.post(`[${call(7, 'pay')},${call(8, 'look')},{"jsonrpc":"2.0","id":9,"method":"tools/list"}]`)).text()
    expect(body.match(/"ran"/g)).toHaveLength(1)
    expect(body).toContain('"NOT_OFFERED"')
    expect(body).not.toContain('"pay"')
  })

  test('a session of another link cannot be used', async () => {
    verifies('promise.11.hidden')
    const owner = await RawClient.connect(legacy)
    const { token } = await linkTo(legacy, { access: 'read' })
    const thief = new RawClient(legacy.url, token)
    thief.sessionId = owner.sessionId
    expect((await thief.post(call(7, 'look'))).status).toBe(404)
  })
})

describe.each(CONNECTIONS)('%s, a server whose tools change', (_client, connect) => {
  test.each(['turn', 'turn_silently'])('a tool that turns out to write is refused from then on (%s)', async (turn) => {
    verifies('promise.11.fresh')
    await using folder = await StateFolder.create()
    await using own = new AsyncDisposableStack()
    const share = await createServedShare(own, relay, { command: fixture('changes-its-tools', join(folder.path, 'turned')) })
    const { token } = await linkTo(share, { access: 'read' })
    await using client = await connect(share, token)
    expect(toolText(await client.callTool('look', {}))).toBe('looked')
    await client.callTool(turn, {}).catch(() => undefined)
    await expect(client.callTool('look', {})).rejects.toThrow(/does not offer/)
    expect(await client.listTools()).toEqual(['turn', 'turn_silently'])
  })
})
