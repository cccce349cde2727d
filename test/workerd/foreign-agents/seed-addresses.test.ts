/** Addresses that other systems have: a share's key in one segment, `/health`, and `/metrics` for owners. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, createShare, EventReader, fetchRelay, ownerKey, TestClient, type TestShare } from '../harness/relay.ts'
import { initialize, ScriptedAgent } from '../harness/scripted-agent.ts'

const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'

async function pathKey(share: TestShare): Promise<string> {
  const made: { share_url: string } = await (await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'key' })).json()
  return /\/k\/([^/]+)\/mcp$/.exec(made.share_url)?.[1] ?? ''
}

function post(path: string, body: string): Promise<Response> {
  return fetchRelay(path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
  })
}

describe('/share/<t>/… and /mcp/<t>/…', () => {
  test.each(['share', 'mcp'])('/%s/<share>.<key>/mcp is the share by its key', async (first) => {
    verifies('seeds.addresses')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const path = `/${first}/${share.id}.${await pathKey(share)}/mcp`
    let session: string | null = null
    await initialize(agent, {
      initialize: async () => {
        const response = await post(path, INITIALIZE)
        session = response.headers.get('mcp-session-id')
        return response
      },
    })
    expect(session).not.toBeNull()
    expect((await fetchRelay(path, { method: 'DELETE', headers: { 'mcp-session-id': session ?? '' } })).status).toBe(204)
  })

  test('…/sse opens HTTP+SSE, whose endpoint is of the share too', async () => {
    verifies('seeds.addresses')
    const share = await createShare()
    await ScriptedAgent.connect(share)
    const key = await pathKey(share)
    const events = new EventReader(await fetchRelay(`/share/${share.id}.${key}/sse`, { headers: { accept: 'text/event-stream' } }))
    expect(await events.nextEvent()).toMatchObject({ name: 'endpoint', data: expect.stringContaining(`/s/${share.id}/k/${key}/messages`) })
    await events.cancel()
  })

  test('with a wrong key, or without one, is nothing', async () => {
    verifies('seeds.addresses')
    const share = await createShare()
    const other = await pathKey(await createShare())
    expect((await post(`/share/${share.id}.${other}/mcp`, INITIALIZE)).status).toBe(404)
    for (const path of [`/share/${share.id}/mcp`, `/share/${share.id}/x`]) expect((await post(path, INITIALIZE)).status).toBe(404)
  })
})

test.each(['share', 'mcp'])(
  '/%s/<share>.<key>/ leads any method to the web app of the share, with path and query as they came',
  async (first) => {
    verifies('seeds.addresses')
    for (const method of ['GET', 'PUT']) {
      const there = await fetchRelay(`/${first}/abc.def/a%2Fb/c?d=e%20f`, { method, redirect: 'manual' })
      expect([there.status, there.headers.get('location')]).toEqual([307, '/s/abc/k/def/http/a%2Fb/c?d=e%20f'])
    }
  },
)

test('/health says that the relay is there, to anybody', async () => {
  verifies('seeds.health')
  const health = await fetchRelay('/health')
  expect(health.status).toBe(200)
  expect(await health.json()).toEqual({ status: 'healthy', timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) })
})

describe('/metrics', () => {
  const ask = (token?: string) => fetchRelay('/metrics', { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })

  test('tells an owner of its own shares, in the text format of Prometheus', async () => {
    verifies('seeds.metrics')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    await initialize(agent, new TestClient(share))
    const metrics = await ask(await ownerKey())
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const lines = (await metrics.text()).split('\n')
    expect(lines.at(-1)).toBe('')
    for (const line of lines.slice(0, -1)) expect(line).toMatch(/^(# (HELP|TYPE) mcp_edge_\w+ .+|mcp_edge_\w+\{share="\w+"\} \d+)$/)
    expect(lines).toEqual(
      expect.arrayContaining([
        '# TYPE mcp_edge_sessions gauge',
        `mcp_edge_sessions{share="${share.id}"} 1`,
        `mcp_edge_agents{share="${share.id}"} 1`,
        `mcp_edge_share_up{share="${share.id}"} 1`,
      ]),
    )
  })

  test('is for owners, and of no share of another', async () => {
    verifies('seeds.metrics')
    const share = await createShare()
    await ScriptedAgent.connect(share)
    expect((await ask()).status).toBe(401)
    expect((await ask(share.clientToken)).status).toBe(401)
    const made: { owner_token: string } = await (await askAsOwner('POST', '/api/owners', { name: 'Other' })).json()
    expect(await (await ask(made.owner_token)).text()).not.toContain(share.id)
  })
})
