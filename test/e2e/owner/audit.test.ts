/** What an owner sees of a real relay's clients and calls, with an agent and a server behind it, over a restart too. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asObject, type JsonObject } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { createServedShare, fixture, type Relay, startRelay } from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

async function read(path: string): Promise<JsonObject> {
  return asObject(await (await relay.api('GET', path)).json())
}

test('an owner follows what a client does, sees its session, and ends it', async () => {
  verifies('promise.9.audit', 'promise.9.sessions', 'promise.9.usage')
  const share = await createServedShare(stack, relay, { command: fixture('echo') })
  const followed = await relay.api('GET', `shares/${share.id}/audit?follow=true`)
  const lines = followed.body?.pipeThrough(new TextDecoderStream()).getReader()
  const client = new RawClient(share.shareUrl)
  await client.initialize()
  await client.callTool('echo', { text: 'canary' })
  let told = ''
  while (!told.includes('"tools/call"')) told += (await lines?.read())?.value ?? ''
  await lines?.cancel()
  expect(told).toContain('"tool":"echo"')
  expect(told).not.toContain('canary')
  const { tokens } = await read(`shares/${share.id}/tokens`)
  expect(tokens).toContainEqual(expect.objectContaining({ kind: 'key', calls: 2, last_used_at: expect.stringMatching(/^\d/) }))
  const { sessions } = await read(`shares/${share.id}/sessions`)
  expect(sessions).toMatchObject([{ kind: 'session', transport: 'http' }])
  const [{ id }] = sessions as [{ id: string }]
  expect((await relay.api('DELETE', `shares/${share.id}/sessions/${id}`)).status).toBe(204)
  expect(await read(`shares/${share.id}/sessions`)).toMatchObject({ sessions: [] })
  expect(await client.callTool('echo', { text: 'x' })).toMatchObject({ status: 404 })
})

describe('the address of a client', () => {
  /** The addresses in the audit of a share after a call with these headers. */
  async function addressesAt(of: Relay, headers: Record<string, string>): Promise<unknown[]> {
    await using own = new AsyncDisposableStack()
    const share = await createServedShare(own, of, { command: fixture('echo') })
    const body = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} },
    }
    const response = await fetch(share.shareUrl, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    })
    expect(response.status).toBe(200)
    await response.text()
    const { events } = asObject(await (await of.api('GET', `shares/${share.id}/audit`)).json())
    return (events as JsonObject[]).map(({ address }) => address)
  }

  const SAID = { 'cf-connecting-ip': '198.51.100.1', 'x-forwarded-for': '198.51.100.2, 203.0.113.7', 'x-real-ip': '198.51.100.3' }

  test('is that of its connection, whatever it says', async () => {
    verifies('promise.9.address')
    expect(await addressesAt(relay, SAID)).toEqual(['127.0.0.1'])
  })

  test('is what a trusted proxy says, in the header that the deployer has named', async () => {
    verifies('promise.9.address')
    await using own = new AsyncDisposableStack()
    const trusting = own.use(await startRelay([], { ADDRESS_HEADER: 'X-Forwarded-For' }))
    expect(await addressesAt(trusting, SAID)).toEqual(['203.0.113.7'])
    const distrusting = own.use(await startRelay([], { ADDRESS_HEADER: 'X-Forwarded-For', TRUSTED_PROXIES: '10.0.0.0/8' }))
    expect(await addressesAt(distrusting, SAID)).toEqual(['127.0.0.1'])
  })
})
