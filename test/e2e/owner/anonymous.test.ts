/** Clients without a credential at a share that is open to everybody: by every door, in both eras, on servers of both, with a real agent. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asObject, type JsonObject, toolText } from '../../harness/json.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http, connectSdk2Sse } from '../../harness/sdk2-client.ts'
import { createServedShare, fixture, type Relay, type Share, startAgent, createShare, startRelay } from '../../harness/selfhost.ts'
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
  for (const { id } of [legacy, modern]) expect((await relay.api('PATCH', `shares/${id}`, { anonymous: {} })).status).toBe(200)
})
afterAll(() => stack.disposeAsync())

const CONNECTIONS: readonly [string, (share: Share) => Promise<TestClient>][] = [
  ['SDK 1 over Streamable HTTP', (share) => connectSdk1Http(share.url)],
  ['SDK 2 over HTTP+SSE', (share) => connectSdk2Sse(share.sseUrl)],
  ['SDK 2 in revision 2026-07-28', (share) => connectSdk2Http(share.url, undefined, 'pinned')],
]
const SERVERS: readonly [string, () => Share][] = [
  ['a server of the handshake era', () => legacy],
  ['a server of 2026-07-28', () => modern],
]
const EACH = CONNECTIONS.flatMap(([client, connect]) => SERVERS.map(([server, share]) => [client, server, connect, share] as const))

test.each(EACH)('%s, %s: reads, and is asked to sign in for anything else', async (_client, _server, connect, share) => {
  verifies('promise.9.anonymous')
  await using client = await connect(share())
  expect(await client.listTools()).toEqual(['look'])
  expect(toolText(await client.callTool('look', {}))).toBe('ran')
  await expect(client.callTool('pay', {})).rejects.toThrow(/Unauthorized|401|sign in/i)
  await expect(client.callTool('no-such-tool', {})).rejects.toThrow(/Unauthorized|401|sign in/i)
  expect(toolText(await client.callTool('look', {}))).toBe('ran')
})

describe('the processes of an agent', () => {
  test('are for clients without a credential half at most, and a client with one gets one while theirs are busy', async () => {
    verifies('promise.10.guests')
    await using own = new AsyncDisposableStack()
    const share = await createShare(relay)
    own.use(await startAgent(share, { command: fixture('annotated', 'ran'), args: ['--max-children', '4'] }))
    expect((await relay.api('PATCH', `shares/${share.id}`, { anonymous: {} })).status).toBe(200)
    for (let count = 0; count < 6; count++) {
      const guest = own.use(await connectSdk1Http(share.url))
      expect(toolText(await guest.callTool('look', {}))).toBe('ran')
    }
    const holders = await Promise.all([connectSdk1Http(share.url, share.clientToken), connectSdk1Http(share.url, share.clientToken)])
    for (const holder of holders) expect(toolText(await own.use(holder).callTool('look', {}))).toBe('ran')
    const { sessions } = asObject(await (await relay.api('GET', `shares/${share.id}/sessions`)).json())
    const served = (sessions as JsonObject[]).filter(({ agent }) => agent !== null)
    expect(served.filter(({ principal }) => String(principal).startsWith('anonymous:')).length).toBeLessThanOrEqual(2)
    expect(served.filter(({ principal }) => String(principal).startsWith('client:')).length).toBe(2)
  })
})
