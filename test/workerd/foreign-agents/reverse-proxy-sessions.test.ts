/** `/reverse-proxy/sessions`: who sees, ends and calls which agent of ContextForge, and that an owner's own request is bound like a client's. */
import { describe, expect, test, vi } from 'vitest'
import { FOREIGN_KEEPALIVE_MS } from '../../../worker/foreign-limits.ts'
import { contextForgeHeaders, newerRegistration, response, SERVER_FACTS } from '../../fixtures/foreign-agents/context-forge-agents.ts'
import { verifies } from '../../requirements/verifies.ts'
import { shortTimers } from '../harness/held-timers.ts'
import { ForeignAgent, type ForeignPayload } from '../harness/foreign-agent.ts'
import { order } from '../harness/orders.ts'
import { askAsOwner, createShare, EventReader, fetchRelay, linkIdOf, ownerKey, type TestShare } from '../harness/relay.ts'

const S = '7c9e6679-7425-40de-944b-e07fc1f90ae7'
const BASES = ['/reverse-proxy', '/v1/reverse-proxy'] as const
const CALL = '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t","arguments":{"n":1}}}'

async function serving(share: TestShare, token = share.agentToken): Promise<ForeignAgent> {
  const agent = await ForeignAgent.dial('/reverse-proxy/ws', contextForgeHeaders(token, S))
  agent.say(newerRegistration(S))
  await agent.next()
  const { payload } = await agent.next()
  agent.say(response(S, { jsonrpc: '2.0', id: payload.id, result: SERVER_FACTS }))
  await agent.next()
  await agent.next()
  return agent
}

interface Listed {
  readonly session_id: string
  readonly share: string
  readonly [member: string]: unknown
}

function ask(token: string, path: string, method = 'GET', body?: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return fetchRelay(path, { method, headers, ...(body === undefined ? {} : { body }) })
}

async function list(token: string, base: string = BASES[0]): Promise<Listed[]> {
  const listed: { sessions: Listed[]; total: number } = await (await ask(token, `${base}/sessions`)).json()
  expect(listed.total).toBe(listed.sessions.length)
  return listed.sessions
}

async function sessionOf(share: TestShare): Promise<string> {
  const [own] = await list(share.agentToken)
  return own?.session_id ?? ''
}

async function anotherAgentToken(share: TestShare): Promise<string> {
  const made: { token: string } = await (await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'agent' })).json()
  return made.token
}

describe('the list', () => {
  test.each(BASES)('%s/sessions shows an owner all of its own, and an agent itself alone', async (base) => {
    verifies('foreign.sessions')
    const [one, two] = [await createShare(), await createShare()]
    await serving(one)
    await serving(two)
    const all = await list(await ownerKey(), base)
    const shares = all.map(({ share }) => share)
    expect(shares).toEqual(expect.arrayContaining([one.id, two.id]))
    const own = await list(one.agentToken, base)
    expect(own).toEqual([
      {
        session_id: expect.stringContaining(`${one.id}.`),
        server_info: { name: 'context-forge weather' },
        connected_at: expect.any(String),
        last_activity: expect.any(String),
        message_count: 1,
        bytes_transferred: expect.any(Number),
        user: linkIdOf(one.agentToken),
        share: one.id,
      },
    ])
    expect(await list(await anotherAgentToken(one), base)).toEqual([])
  })

  test('is for nobody else: a client, a guess, nobody at all', async () => {
    verifies('foreign.sessions')
    const share = await createShare()
    await serving(share)
    const id = await sessionOf(share)
    for (const token of [share.clientToken, 'nonsense', `mcpe_owner_${'x'.repeat(43)}`]) {
      expect((await ask(token, '/reverse-proxy/sessions')).status).toBe(401)
      expect((await ask(token, `/reverse-proxy/sessions/${id}`, 'DELETE')).status).toBe(401)
    }
    expect((await fetchRelay('/reverse-proxy/sessions')).status).toBe(401)
  })
})

describe('DELETE', () => {
  test('ends the own link of an agent, and no other', async () => {
    verifies('foreign.sessions')
    const [one, two] = [await createShare(), await createShare()]
    const agents = [await serving(one), await serving(two)]
    const [id, other] = [await sessionOf(one), await sessionOf(two)]
    expect((await ask(one.agentToken, `/reverse-proxy/sessions/${other}`, 'DELETE')).status).toBe(404)
    expect((await ask(await anotherAgentToken(one), `/reverse-proxy/sessions/${id}`, 'DELETE')).status).toBe(403)
    expect((await ask(one.agentToken, `/reverse-proxy/sessions/${one.id}.unknown`, 'DELETE')).status).toBe(404)
    expect((await ask(one.agentToken, '/reverse-proxy/sessions/nonsense', 'DELETE')).status).toBe(404)
    const ended = await ask(one.agentToken, `/reverse-proxy/sessions/${id}`, 'DELETE')
    expect(await ended.json()).toEqual({ status: 'disconnected', session_id: id })
    expect((await agents[0]?.closed)?.code).toBe(1008)
    expect(await list(one.agentToken)).toEqual([])
    expect(await list(two.agentToken)).toHaveLength(1)
  })

  test('of an owner ends any of its own', async () => {
    const share = await createShare()
    const agent = await serving(share)
    expect((await ask(await ownerKey(), `/reverse-proxy/sessions/${await sessionOf(share)}`, 'DELETE')).status).toBe(200)
    await agent.closed
  })
})

describe('a request of the owner', () => {
  /** `policy`: of the share. The server has one tool; what else it is asked is in `called`. */
  async function stage(policy?: object) {
    const share = await createShare()
    if (policy !== undefined) expect((await askAsOwner('PATCH', `/api/shares/${share.id}`, { policy })).status).toBe(200)
    const agent = await serving(share)
    const called: ForeignPayload[] = []
    const serve = async (): Promise<void> => {
      for (;;) {
        const { payload } = await agent.next()
        const tools = [{ name: 't', inputSchema: { type: 'object' } }]
        if (payload.method === 'tools/list') agent.say(response(S, { jsonrpc: '2.0', id: payload.id, result: { tools } }))
        else called.push(payload)
        if (payload.method === 'tools/call') agent.say(response(S, { jsonrpc: '2.0', id: payload.id, result: { content: [] } }))
      }
    }
    void serve()
    return { called, share, path: `/reverse-proxy/sessions/${await sessionOf(share)}/request` }
  }

  test('is answered by the server, and the audit tells of it', async () => {
    verifies('foreign.sessions', 'foreign.request-bound')
    const { called, path, share } = await stage()
    const told = await ask(await ownerKey(), path, 'POST', CALL)
    expect(told.status).toBe(200)
    expect(await told.json()).toMatchObject({ id: 'a', result: { content: [] } })
    expect(called).toMatchObject([{ method: 'tools/call', params: { name: 't', arguments: { n: 1 } } }])
    const { told: audit } = await order('GET', `/api/shares/${share.id}/audit`)
    expect(JSON.stringify(audit)).toContain('tools/call')
  })

  test('is bound by the policy of the share, as any client', async () => {
    verifies('foreign.request-bound')
    const { called, path } = await stage({ tools: { deny: ['t'] } })
    const refused = await ask(await ownerKey(), path, 'POST', CALL)
    expect(await refused.json()).toMatchObject({ id: 'a', error: { data: { code: 'NOT_OFFERED' } } })
    expect(called).toEqual([])
  })

  test('that is held waits for the owner like any other', async () => {
    verifies('foreign.request-bound')
    const { called, path, share } = await stage({ access: 'admin', hold: ['t'] })
    const approvals = `/api/shares/${share.id}/approvals`
    const answer = ask(await ownerKey(), path, 'POST', CALL)
    const held = await vi.waitUntil(async () => {
      const { told } = await order('GET', approvals)
      return (told['approvals'] as { id: string }[])[0]
    })
    expect(called).toEqual([])
    expect((await order('POST', `${approvals}/${held.id}`, { decision: 'allow' })).status).toBe(200)
    expect(await (await answer).json()).toMatchObject({ id: 'a', result: { content: [] } })
    expect(called).toHaveLength(1)
  })

  test('is not an agent’s to make, and is one JSON-RPC request', async () => {
    verifies('foreign.sessions')
    const { path, share } = await stage()
    expect((await ask(share.agentToken, path, 'POST', CALL)).status).toBe(403)
    for (const body of ['nonsense', `[${CALL}]`, '{"jsonrpc":"2.0","method":"notifications/initialized"}'])
      expect((await ask(await ownerKey(), path, 'POST', body)).status).toBe(400)
  })
})

test('/sse/<session> says that the session is there, to its owner alone', async () => {
  verifies('foreign.sessions')
  const share = await createShare()
  await serving(share)
  const id = await sessionOf(share)
  expect((await ask(share.agentToken, `/reverse-proxy/sse/${id}`)).status).toBe(403)
  const stream = await ask(await ownerKey(), `/reverse-proxy/sse/${id}`)
  expect(stream.headers.get('content-type')).toBe('text/event-stream')
  const events = new EventReader(stream)
  const event = await events.nextEvent()
  expect(event?.name).toBe('connected')
  expect(JSON.parse(event?.data ?? '')).toEqual({ sessionId: id, serverInfo: { name: 'context-forge weather' } })
  await events.cancel()
})

test('/sse/<session> ends with its session', async () => {
  const restore = shortTimers(FOREIGN_KEEPALIVE_MS)
  const share = await createShare()
  await serving(share)
  const id = await sessionOf(share)
  const reading = new EventReader(await ask(await ownerKey(), `/reverse-proxy/sse/${id}`))
  expect((await reading.nextEvent())?.name).toBe('connected')
  for (let beats = 0; beats < 5; beats++) expect((await reading.nextEvent())?.name).toBe('keepalive')
  expect((await ask(await ownerKey(), `/reverse-proxy/sessions/${id}`, 'DELETE')).status).toBe(200)
  for (let event = await reading.nextEvent(); event !== undefined; event = await reading.nextEvent()) expect(event.name).toBe('keepalive')
  restore()
})
