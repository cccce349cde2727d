/** Web pages through EGDesk's tunnel: vector V10 as far as HTTP is concerned. */
import { evictDurableObject } from 'cloudflare:test'
import { describe, expect, test, vi } from 'vitest'
import { type TunnelRequest, tunnelResponse, TunnelledServer } from '../../fixtures/foreign-agents/egdesk-tunnel.ts'
import { verifies } from '../../requirements/verifies.ts'
import { ForeignAgent } from '../harness/foreign-agent.ts'
import { createShare, factsOf, fetchRelay, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { keyOf } from '../harness/web-agent.ts'

interface Scene {
  readonly share: TestShare
  readonly tunnel: ForeignAgent
  readonly server: TunnelledServer
  /** Asks for what is at this path of the app. */
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>
}

async function scene(): Promise<Scene> {
  const share = await createShare()
  const server = new TunnelledServer('s-1')
  const tunnel = await ForeignAgent.dial(`/egdesk/${share.id}/${share.agentToken}/tunnel/connect?name=x`, { upgrade: 'websocket' })
  await tunnel.next()
  for (const _ of ['initialize', 'notifications/initialized']) tunnel.say(server.answer(await nextRequest(tunnel)))
  expect(await tunnel.next()).toMatchObject({ request_id: 'listen' })
  await vi.waitUntil(async () => (await factsOf(share)).agents.length === 1)
  const { key } = await keyOf(share)
  return { share, tunnel, server, ask: (path, init) => fetchRelay(`/s/${share.id}/k/${key}/http${path}`, init) }
}

async function nextRequest(tunnel: ForeignAgent): Promise<TunnelRequest> {
  return (await tunnel.next()) as unknown as TunnelRequest
}

function piece({ request_id }: TunnelRequest, body: string): string {
  return JSON.stringify({ type: 'stream_chunk', request_id, body })
}

function ended({ request_id }: TunnelRequest): string {
  return JSON.stringify({ type: 'stream_end', request_id })
}

describe('a web app behind EGDesk’s tunnel', () => {
  test('V10 gets any method with path, query and fields, and the length of a body that is not ASCII to the byte; so does its client', async () => {
    verifies('foreign.egdesk.web')
    const { share, tunnel, ask } = await scene()
    const asked = ask('/a%2Fb/c?d=e%20f', {
      method: 'PUT',
      body: '{"text":"Grüße, 世界"}',
      headers: { 'content-type': 'application/json', 'x-own': '1', 'accept-encoding': 'gzip', authorization: 'Basic eDp5' },
    })
    const request = await nextRequest(tunnel)
    expect(request).toMatchObject({
      type: 'request',
      method: 'PUT',
      path: '/a%2Fb/c?d=e%20f',
      body: '{"text":"Grüße, 世界"}',
      tunnel_id: share.id,
    })
    expect(request.headers).toMatchObject({
      host: 'localhost',
      'content-length': '26',
      'content-type': 'application/json',
      'x-own': '1',
      'accept-encoding': 'identity',
    })
    const fields = {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '3',
      'content-encoding': 'gzip',
      connection: 'close',
      'x-app': 'y',
    }
    tunnel.say(tunnelResponse(request.request_id, 207, fields, 'schön'))
    const response = await asked
    expect([response.status, response.headers.get('content-length'), response.headers.get('x-app')]).toEqual([207, '6', null])
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(await response.text()).toBe('schön')
  })

  test('answers requests beside calls of its MCP server, each its own', async () => {
    verifies('foreign.egdesk.web')
    const { share, tunnel, server, ask } = await scene()
    const client = new TestClient(share)
    expect((await client.initialize()).status).toBe(200)
    const page = ask('/')
    const pageRequest = await nextRequest(tunnel)
    const call = client.post('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}')
    const callRequest = await nextRequest(tunnel)
    expect([pageRequest.method, pageRequest.body, callRequest.path]).toEqual(['GET', null, '/mcp'])
    tunnel.say(server.answer(callRequest), tunnelResponse(pageRequest.request_id, 200, {}, 'page'))
    expect(await (await call).json()).toMatchObject({ id: 7, result: { echo: { name: 't' } } })
    expect(await (await page).text()).toBe('page')
  })

  test('V10 streams events in their order, with a status that the tunnel has not said', async () => {
    verifies('foreign.egdesk.web')
    const { tunnel, ask } = await scene()
    const asked = ask('/sse')
    const request = await nextRequest(tunnel)
    tunnel.say(...[0, 1, 2].map((n) => piece(request, `data: ${n} ü\n\n`)))
    const response = await asked
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    tunnel.say(piece(request, 'data: 3\n\n'), ended(request))
    expect(await response.text()).toBe('data: 0 ü\n\ndata: 1 ü\n\ndata: 2 ü\n\ndata: 3\n\n')
  })

  test('V10 is told that a client has left its stream, and what it says of that later is nobody’s', async () => {
    verifies('foreign.egdesk.web')
    const { tunnel, ask } = await scene()
    const asked = ask('/sse')
    const request = await nextRequest(tunnel)
    tunnel.say(piece(request, 'data: 1\n\n'))
    const response = await asked
    await response.body?.cancel()
    expect(await tunnel.next()).toEqual({ type: 'stream_cancel', request_id: request.request_id })
    tunnel.say(tunnelResponse(request.request_id, 502, { 'content-type': 'application/json' }, '{"error":"aborted"}'))
    const next = ask('/next')
    const nextOne = await nextRequest(tunnel)
    tunnel.say(tunnelResponse(nextOne.request_id, 200, {}, 'next'))
    expect(await (await next).text()).toBe('next')
    // Of what was answered whole nothing is cancelled.
    expect(tunnel.texts.filter(({ type }) => type === 'stream_cancel')).toHaveLength(1)
  })

  test('goes on with a stream after the relay has slept, and tells then as well that its client has left', async () => {
    verifies('foreign.egdesk.web')
    const { share, tunnel, ask } = await scene()
    const asked = ask('/sse')
    const request = await nextRequest(tunnel)
    tunnel.say(piece(request, 'data: 1\n\n'))
    const response = await asked
    const reader = response.body?.getReader()
    await reader?.read()
    await evictDurableObject(stubOf(share))
    tunnel.say(piece(request, 'data: 2\n\n'))
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 2\n\n')
    await reader?.cancel()
    expect(await tunnel.next()).toEqual({ type: 'stream_cancel', request_id: request.request_id })
  })

  test.each([
    ['a body that is no text', '/', { method: 'POST', body: new Uint8Array([0xff, 0xfe, 0x00]) }],
    ['a body of more than 1 MiB', '/', { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) }],
    [
      'a WebSocket',
      '/',
      {
        headers: {
          upgrade: 'websocket',
          connection: 'upgrade',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          'sec-websocket-version': '13',
        },
      },
    ],
  ])('is not sent %s, and the tunnel stays', async (_, path, init) => {
    verifies('foreign.egdesk.web')
    const { tunnel, ask } = await scene()
    const before = tunnel.texts.length
    const response = await ask(path, init)
    expect([response.status, await response.json()]).toEqual([403, expect.objectContaining({ code: 'APP_REQUEST_REFUSED' })])
    expect(tunnel.texts.length).toBe(before)
    const next = ask('/next')
    const request = await nextRequest(tunnel)
    tunnel.say(tunnelResponse(request.request_id, 200, {}, 'next'))
    expect(await (await next).text()).toBe('next')
  })

  test('fails one request alone whose answer is longer than 1 MiB, or whose client takes nothing', async () => {
    verifies('foreign.egdesk.web')
    const { tunnel, ask } = await scene()
    const long = ask('/long')
    const request = await nextRequest(tunnel)
    tunnel.say(tunnelResponse(request.request_id, 200, {}, 'x'.repeat(1024 * 1024)))
    expect(await (await long).json()).toMatchObject({ code: 'APP_BROKEN', detail: expect.stringContaining('1 MiB') })
    const slow = ask('/sse')
    const stream = await nextRequest(tunnel)
    const text = 'x'.repeat(512 * 1024)
    for (let sent = 0; sent < 6; sent++) tunnel.say(piece(stream, text))
    const response = await slow
    await vi.waitUntil(() => tunnel.texts.some((said) => said.type === 'stream_cancel'))
    await expect(response.text()).rejects.toThrow()
    const next = ask('/next')
    const last = await nextRequest(tunnel).then((said) => (said.type === 'stream_cancel' ? nextRequest(tunnel) : said))
    tunnel.say(tunnelResponse(last.request_id, 200, {}, 'next'))
    expect(await (await next).text()).toBe('next')
  })
})
