/** EGDesk's tunnel client behind shares of ours: vector V10 as far as MCP is concerned, V4 and V11. */
import { evictDurableObject } from 'cloudflare:test'
import { describe, expect, test, vi } from 'vitest'
import { tunnelPing, type TunnelRequest, tunnelResponse, TunnelledServer } from '../../fixtures/foreign-agents/egdesk-tunnel.ts'
import { verifies } from '../../requirements/verifies.ts'
import { ForeignAgent } from '../harness/foreign-agent.ts'
import { createClientToken, createShare, EventReader, factsOf, fetchRelay, stubOf, TestClient, type TestShare } from '../harness/relay.ts'

function base(share: TestShare): string {
  return `/egdesk/${share.id}/${share.agentToken}`
}

async function nextRequest(tunnel: ForeignAgent): Promise<TunnelRequest> {
  return (await tunnel.next()) as unknown as TunnelRequest
}

/** A tunnel whose server is begun with; `path`: between the token and `tunnel/connect`. */
async function serving(share: TestShare, server: TunnelledServer, path = ''): Promise<ForeignAgent> {
  const tunnel = await ForeignAgent.dial(`${base(share)}${path}/tunnel/connect?name=My%20Mail`, { upgrade: 'websocket' })
  expect(await tunnel.next()).toMatchObject({ type: 'connected', public_url: expect.stringContaining(`/s/${share.id}/mcp`) })
  for (const _ of ['initialize', 'notifications/initialized']) tunnel.say(server.answer(await nextRequest(tunnel)))
  expect(await nextRequest(tunnel)).toMatchObject({ method: 'GET', request_id: 'listen', headers: { accept: 'text/event-stream' } })
  await vi.waitUntil(async () => (await factsOf(share)).agents.length === 1)
  return tunnel
}

async function initialized(share: TestShare, token = share.clientToken): Promise<TestClient> {
  const client = new TestClient(share, token)
  expect((await client.initialize()).status).toBe(200)
  return client
}

function call(id: string, text: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t","arguments":{"text":"${text}"}}}`
}

describe('EGDesk’s tunnel client', () => {
  test.each([
    ['in JSON', false],
    ['as events', true],
  ])('V10 brings requests to its server by POST, byte for byte, and its answers %s', async (_, asEvents) => {
    verifies('foreign.egdesk.serves')
    const share = await createShare()
    const server = new TunnelledServer('s-1', asEvents)
    const tunnel = await serving(share, server)
    expect((await factsOf(share)).agents).toMatchObject([{ name: 'egdesk', product: 'egdesk My Mail' }])
    const client = await initialized(share)
    const answer = client.post(call('7', 'Grüße, 世界'))
    const request = await nextRequest(tunnel)
    expect(request).toMatchObject({
      type: 'request',
      method: 'POST',
      path: '/mcp',
      headers: { host: 'localhost', 'mcp-session-id': 's-1' },
    })
    tunnel.say(server.answer(request))
    expect(await (await answer).json()).toEqual({
      jsonrpc: '2.0',
      id: 7,
      result: { echo: { name: 't', arguments: { text: 'Grüße, 世界' } } },
    })
  })

  test('keeps the session of its server whatever stands in a call', async () => {
    const share = await createShare()
    const server = new TunnelledServer('s-1')
    const tunnel = await serving(share, server)
    const client = await initialized(share)
    const method = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"method":"initialize"}}}'
    for (const body of [method, call('2', 'next')]) {
      const answer = client.post(body)
      const request = await nextRequest(tunnel)
      expect(request.headers).toMatchObject({ 'mcp-session-id': 's-1' })
      tunnel.say(server.answer(request))
      expect((await answer).status).toBe(200)
    }
  })

  test('whose server answers the handshake with 404 is told so once, also when that gives a session', async () => {
    const share = await createShare()
    const tunnel = await ForeignAgent.dial(`${base(share)}/tunnel/connect?name=x`, { upgrade: 'websocket' })
    await tunnel.next()
    const { request_id } = await nextRequest(tunnel)
    tunnel.say(tunnelResponse(request_id, 404, { 'content-type': 'text/plain', 'mcp-session-id': 's-0' }, 'no'))
    expect(await tunnel.next()).toMatchObject({ type: 'error', message: expect.stringContaining('initialize') })
  })

  test('finds its server at the path that stands in its URL', async () => {
    const share = await createShare()
    const tunnel = await serving(share, new TunnelledServer('s-1'), '/gmail/mcp')
    expect((tunnel.texts as unknown as TunnelRequest[]).map(({ path }) => path)).toEqual([
      undefined,
      '/gmail/mcp',
      '/gmail/mcp',
      '/gmail/mcp?mcp-edge=/sse',
    ])
  })

  test('brings what its server says unasked to the streams of its clients, in pieces as they come, over sleep too', async () => {
    verifies('foreign.egdesk.unasked')
    const share = await createShare()
    const tunnel = await serving(share, new TunnelledServer('s-1'))
    const client = await initialized(share)
    const events = new EventReader(await client.listen())
    const note = (n: number): string => `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"ü ${n}"}}`
    const piece = (body: string): string => JSON.stringify({ type: 'stream_chunk', request_id: 'listen', body })
    tunnel.say(piece(`: hello\n\nevent: message\ndata: ${note(1)}\n\ndata: ${note(2).slice(0, 20)}`), piece(`${note(2).slice(20)}\n\n`))
    expect([await events.next(), await events.next()].map((text) => JSON.parse(text ?? ''))).toEqual([1, 2].map((n) => JSON.parse(note(n))))
    await evictDurableObject(stubOf(share))
    tunnel.say(piece(`data: ${note(3)}\r\n\r\n`))
    expect(JSON.parse((await events.next()) ?? '')).toEqual(JSON.parse(note(3)))
    await events.cancel()
  })

  test('listens anew when that stream ends, but not to a server that refuses it', async () => {
    verifies('foreign.egdesk.unasked')
    const share = await createShare()
    const server = new TunnelledServer('s-1')
    const tunnel = await serving(share, server)
    const client = await initialized(share)
    const end = JSON.stringify({ type: 'stream_end', request_id: 'listen' })
    tunnel.say(JSON.stringify({ type: 'stream_chunk', request_id: 'listen', body: '{"error":"Method not allowed"}' }), end)
    const answer = client.post(call('1', 'next'))
    tunnel.say(server.answer(await nextRequest(tunnel)))
    expect((await answer).status).toBe(200)
    // What was begun before it slept was no refusal.
    await evictDurableObject(stubOf(share))
    tunnel.say(end)
    expect(await nextRequest(tunnel)).toMatchObject({ method: 'GET', request_id: 'listen', headers: { 'mcp-session-id': 's-1' } })
  })

  test('V10 is answered its pings', async () => {
    const tunnel = await serving(await createShare(), new TunnelledServer('s-1'))
    tunnel.say(tunnelPing(17))
    expect(await tunnel.next()).toEqual({ type: 'pong', timestamp: 17 })
  })

  test('V10 is told that a call is cancelled, and what it says of that later is nobody’s', async () => {
    verifies('foreign.cancels')
    const share = await createShare()
    const server = new TunnelledServer('s-1')
    const tunnel = await serving(share, server)
    const client = await initialized(share)
    void client.post(call('1', 'left'))
    const left = await nextRequest(tunnel)
    expect((await client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')).status).toBe(202)
    const told = await nextRequest(tunnel)
    expect(JSON.parse(told.body)).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: (JSON.parse(left.body) as { id: string }).id },
    })
    expect(await tunnel.next()).toEqual({ type: 'stream_cancel', request_id: left.request_id })
    tunnel.say(server.answer(told), tunnelResponse(left.request_id, 502, { 'content-type': 'application/json' }, '{"error":"aborted"}'))
    const answer = client.post(call('1', 'next'))
    tunnel.say(server.answer(await nextRequest(tunnel)))
    expect(await (await answer).text()).toContain('next')
  })

  test('V4 keeps callers with equal ids apart, and goes on after sleep with the session of its server', async () => {
    verifies('foreign.ids-apart', 'foreign.sleeps')
    const share = await createShare()
    const server = new TunnelledServer('s-1')
    const tunnel = await serving(share, server)
    const clients = [await initialized(share), await initialized(share, await createClientToken(share))]
    await evictDurableObject(stubOf(share))
    const answers = clients.map((client, at) => client.post(call('1', `of ${at}`)))
    const requests = [await nextRequest(tunnel), await nextRequest(tunnel)]
    for (const request of requests.toReversed()) tunnel.say(server.answer(request))
    for (const [at, answer] of answers.entries()) expect(await (await answer).text()).toContain(`of ${at}`)
  })

  test('whose server fails a call fails that call alone; one that has forgotten the relay is begun with anew', async () => {
    verifies('foreign.egdesk.fails')
    const share = await createShare()
    const tunnel = await serving(share, new TunnelledServer('s-1'))
    const client = await initialized(share)
    const failed = client.post(call('1', 'a'))
    tunnel.say(tunnelResponse((await nextRequest(tunnel)).request_id, 502, { 'content-type': 'application/json' }, '{"error":"refused"}'))
    expect(await (await failed).json()).toMatchObject({
      error: { data: { code: 'CHILD_DIED', executed: 'unknown', detail: expect.stringContaining('502') } },
    })
    const restarted = new TunnelledServer('s-2')
    const lost = client.post(call('2', 'b'))
    tunnel.say(restarted.answer(await nextRequest(tunnel)))
    for (const method of ['initialize', 'notifications/initialized']) {
      const request = await nextRequest(tunnel)
      expect(JSON.parse(request.body)).toMatchObject({ method })
      tunnel.say(restarted.answer(request))
    }
    expect(await nextRequest(tunnel)).toMatchObject({ request_id: 'listen', headers: { 'mcp-session-id': 's-2' } })
    expect(await (await lost).json()).toMatchObject({ error: { data: { code: 'AGENT_LOST' } } })
    const answer = client.post(call('3', 'c'))
    tunnel.say(restarted.answer(await nextRequest(tunnel)))
    expect(await (await answer).text()).toContain('"text":"c"')
  })

  test('whose server is not there when it begins is told so, and closed', async () => {
    verifies('foreign.failed-start')
    const share = await createShare()
    const tunnel = await ForeignAgent.dial(`${base(share)}/tunnel/connect?name=x`, { upgrade: 'websocket' })
    await tunnel.next()
    tunnel.say(tunnelResponse((await nextRequest(tunnel)).request_id, 502, {}, '{"error":"ECONNREFUSED"}'))
    expect(await tunnel.next()).toMatchObject({ type: 'error', message: expect.any(String) })
    expect((await tunnel.closed).code).toBe(1008)
  })
})

describe('its registration', () => {
  const register = (path: string, body: string) =>
    fetchRelay(`${path}/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const facts = { name: 'My Mail', server_key: 'my-mail', description: 'MCP server: My Mail', connection_url: '' }

  test('is answered as it expects', async () => {
    verifies('foreign.egdesk.serves')
    const share = await createShare()
    const made = await register(base(share), JSON.stringify(facts))
    expect(made.status).toBe(201)
    expect(await made.json()).toMatchObject({
      success: true,
      name: 'My Mail',
      server_key: 'my-mail',
      id: share.id,
      is_reregistration: false,
    })
    expect((await register(base(share), 'nonsense')).status).toBe(400)
    expect((await register(`${base(share)}/gmail/mcp`, JSON.stringify(facts))).status).toBe(201)
  })

  test('V11 and its connection are refused without a right token', async () => {
    verifies('foreign.refused-before-upgrade')
    const share = await createShare()
    const wrong = `/egdesk/${share.id}/${share.clientToken}`
    expect((await register(wrong, JSON.stringify(facts))).status).toBe(401)
    const refused = await fetchRelay(`${wrong}/tunnel/connect?name=x`, { headers: { upgrade: 'websocket' } })
    expect(refused.status).toBe(401)
    expect(refused.webSocket).toBeNull()
  })
})
