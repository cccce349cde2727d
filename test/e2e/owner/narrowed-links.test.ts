/** Links that their holders narrow and hand on: what they may do, how owners see them, and what ends with which; on one lane and on eight. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CAVEAT_NONCE_BYTES, type CaveatWords } from '../../../protocol/narrowing/caveat.ts'
import { narrowCredential } from '../../../protocol/narrowing/narrow.ts'
import { asObject, type JsonObject, textField, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import { createServedShare, createShare, fixture, type Relay, type Share, startAgent, startRelay } from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
let share: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: fixture('annotated', 'ran') })
})
afterAll(() => stack.disposeAsync())

async function narrow(credential: string, words: CaveatWords = {}): Promise<string> {
  const made = await narrowCredential(credential, words, randomBytes(CAVEAT_NONCE_BYTES))
  if (!made.ok) throw new Error(made.error)
  return made.value
}

/** A share URL with another key in it. */
async function narrowUrl(url: string, words: CaveatWords = {}): Promise<string> {
  const [, before = '', key = ''] = /^(.*\/k\/)([^/]+)\/mcp$/.exec(url) ?? []
  return `${before}${await narrow(key, words)}/mcp`
}

async function tokensOf(of: Share): Promise<readonly JsonObject[]> {
  const answer = asObject(await (await relay.api('GET', `shares/${of.id}/tokens`)).json())
  return (answer['tokens'] as readonly JsonObject[] | undefined) ?? []
}

async function statusOf(url: string, token?: string): Promise<number> {
  const client = new RawClient(url, token)
  const body =
    '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}'
  const response = await client.post(body)
  await response.body?.cancel()
  return response.status
}

test('a narrowed share URL does what it was left, and its owner sees whose it is', async () => {
  verifies('promise.11.narrowed')
  const url = await narrowUrl(share.shareUrl, { name: 'Ann', policy: { access: 'read' } })
  await using client = await connectSdk1Http(url)
  expect(await client.listTools()).toEqual(['look'])
  expect(toolText(await client.callTool('look', {}))).toBe('ran')
  await expect(client.callTool('pay', {})).rejects.toThrow(/does not offer/)
  const listed = (await tokensOf(share)).find(({ name }) => name === 'Ann')
  const parent = (await tokensOf(share)).find(({ id }) => id === listed?.['parent'])
  expect(parent).toMatchObject({ kind: 'key' })
  expect(listed).toMatchObject({ kind: 'key', principal: `derived:${String(listed?.['id'])}` })
})

test('a narrowed token is a client of its own, in revision 2026-07-28 too', async () => {
  verifies('promise.11.narrowed')
  const token = await narrow(await narrow(share.clientToken, { policy: { access: 'write' } }), {
    policy: { tools: { allow: ['look', 'pay'] } },
  })
  await using client = await connectSdk2Http(share.url, token, 'pinned')
  expect(await client.listTools()).toEqual(['look'])
  const owner = await RawClient.connect(share)
  const thief = new RawClient(share.url, token)
  thief.sessionId = owner.sessionId
  expect((await thief.post('{"jsonrpc":"2.0","id":1,"method":"ping"}')).status).toBe(404)
})

test('a narrowed link ends when its holder has said, with the streams that are open', async () => {
  verifies('promise.11.narrowed')
  const exp = Math.ceil(Date.now() / 1000) + 2
  const token = await narrow(await narrow(share.clientToken, { name: 'short', exp }), { name: 'below' })
  const client = await RawClient.connect(share, {}, token)
  await using stream = await client.listen()
  const ends = (await tokensOf(share)).filter(({ name }) => name === 'short' || name === 'below').map((link) => link['expires_at'])
  expect(ends).toEqual([new Date(exp * 1000).toISOString(), new Date(exp * 1000).toISOString()])
  expect(await stream.nextMessage()).toBeUndefined()
  expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000)
  expect(await statusOf(share.url, token)).toBe(401)
})

describe.each([1, 8])('on %i lanes', (lanes) => {
  async function served(own: AsyncDisposableStack): Promise<Share> {
    const of = await createShare(relay, { lanes })
    own.use(await startAgent(of, { command: fixture('annotated', 'ran') }))
    return of
  }
  async function makeToken(of: Share): Promise<{ id: string; token: string }> {
    const made = asObject(await (await relay.api('POST', `shares/${of.id}/tokens`, { kind: 'client', policy: { access: 'admin' } })).json())
    return { id: textField(made, 'id'), token: textField(made, 'token') }
  }

  test('what a link was made into ends with it, open streams too, and its siblings live on', async () => {
    verifies('promise.11.narrowed')
    await using own = new AsyncDisposableStack()
    const of = await served(own)
    const { id, token } = await makeToken(of)
    const child = await narrow(token, { name: 'child' })
    const grandchild = await narrow(child, { name: 'grandchild' })
    const sibling = await narrow(token, { name: 'sibling' })
    const clients = await Promise.all([child, grandchild, sibling].map((each) => RawClient.connect(of, {}, each)))
    const [, grandchildClient, siblingClient] = clients
    const streams = await Promise.all(clients.map(async (client) => own.use(await client.listen())))
    const childId = (await tokensOf(of)).find(({ name }) => name === 'child')?.['id']
    expect((await relay.api('DELETE', `shares/${of.id}/tokens/${String(childId)}`)).status).toBe(204)
    expect(await Promise.all(streams.slice(0, 2).map((stream) => stream.nextMessage()))).toEqual([undefined, undefined])
    expect(await statusOf(of.url, child)).toBe(401)
    expect(await statusOf(of.url, await narrow(child))).toBe(401)
    expect((await grandchildClient?.callTool('look'))?.status).toBe(401)
    expect((await siblingClient?.callTool('look'))?.status).toBe(200)
    expect((await relay.api('DELETE', `shares/${of.id}/tokens/${id}`)).status).toBe(204)
    expect((await siblingClient?.callTool('look'))?.status).toBe(401)
  })
})
