/** Slaves of mr-pilot behind shares of ours: vectors V4, V7 and V8 of its wire format. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, test, vi } from 'vitest'
import { HELLO_MS } from '../../../protocol/limits.ts'
import { auth, slaveAnswer } from '../../fixtures/foreign-agents/mr-pilot-slave.ts'
import { verifies } from '../../requirements/verifies.ts'
import { ForeignAgent, type ForeignText } from '../harness/foreign-agent.ts'
import { createClientToken, createShare, factsOf, fetchRelay, stubOf, TestClient, type TestShare } from '../harness/relay.ts'

function dial(share: TestShare): Promise<ForeignAgent> {
  return ForeignAgent.dial(`/mr-pilot/${share.id}/${share.agentToken}`, { upgrade: 'websocket' })
}

/** A slave that serves; what comes after its server was begun with is in what `next` tells. */
async function serving(share: TestShare): Promise<ForeignAgent> {
  const slave = await dial(share)
  slave.say(auth(share.id))
  await slave.next()
  slave.say(slaveAnswer(await slave.next()))
  return slave
}

function call(id: string, text: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t","arguments":{"text":"${text}"}}}`
}

async function textIn(answer: Promise<Response>): Promise<string> {
  return (await answer).text()
}

describe('a slave', () => {
  test('V8 with the key in its path and the right code is let in, and begun with as its only handshake', async () => {
    verifies('foreign.mr-pilot.let-in', 'foreign.one-handshake')
    const share = await createShare()
    const slave = await dial(share)
    slave.say(auth(share.id))
    expect(await slave.next()).toEqual({ type: 'auth_success', message: 'Authentication successful' })
    const initialize = await slave.next()
    expect(initialize).toMatchObject({ jsonrpc: '2.0', method: 'initialize', id: expect.any(String) })
    slave.say(slaveAnswer(initialize))
    await vi.waitUntil(async () => (await factsOf(share)).agents.length === 1)
    expect((await factsOf(share)).agents).toMatchObject([{ name: 'mr-pilot', product: 'mr-pilot' }])
    const client = new TestClient(share)
    expect((await client.initialize()).status).toBe(200)
    const answer = client.post(call('0', 'x'))
    slave.say(slaveAnswer(await slave.next()))
    expect(await textIn(answer)).toContain('"id":0')
  })

  test('V8 with a wrong code hears so and is closed with 4002; with anything else with 4003', async () => {
    verifies('foreign.mr-pilot.let-in')
    const share = await createShare()
    const wrong = await dial(share)
    wrong.say(auth('another'))
    expect(await wrong.next()).toEqual({ type: 'auth_failed', message: 'Invalid slave code' })
    expect(await wrong.closed).toEqual({ code: 4002, reason: 'Authentication failed' })
    for (const first of ['{"jsonrpc":"2.0","id":1,"result":{}}', 'garbage', '{"type":"auth"}', 'null']) {
      const odd = await dial(share)
      odd.say(first)
      expect(await odd.closed).toEqual({ code: 4003, reason: 'Invalid authentication message' })
    }
    expect((await factsOf(share)).agents).toEqual([])
  })

  test('V8 that says nothing is closed with 4000 after ten seconds', async () => {
    verifies('foreign.mr-pilot.let-in')
    const share = await createShare()
    const slave = await dial(share)
    const now = Date.now.bind(Date)
    vi.spyOn(Date, 'now').mockImplementation(() => now() + HELLO_MS + 1)
    await runDurableObjectAlarm(stubOf(share))
    vi.restoreAllMocks()
    expect(await slave.closed).toEqual({ code: 4000, reason: 'Authentication timeout' })
  })

  test('V8 hears no notification of any client, and an answer without an id is nobody’s', async () => {
    verifies('foreign.mr-pilot.no-notifications')
    const share = await createShare()
    const slave = await serving(share)
    const client = new TestClient(share)
    await client.initialize()
    for (const method of ['notifications/initialized', 'notifications/x'])
      expect((await client.post(`{"jsonrpc":"2.0","method":"${method}"}`)).status).toBe(202)
    slave.say(slaveAnswer({ method: 'notifications/x' }), 'garbage')
    void client.post(call('1', 'left'))
    await slave.next()
    expect((await client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')).status).toBe(202)
    const answer = client.post(call('2', 'x'))
    const sent = await slave.next()
    expect(sent).toMatchObject({ method: 'tools/call' })
    slave.say(slaveAnswer(sent))
    expect(await textIn(answer)).toContain('"id":2')
    expect(slave.texts.filter(({ method }) => String(method).startsWith('notifications/'))).toEqual([])
  })

  test('V4 answers clients with equal ids without crossing them', async () => {
    verifies('foreign.ids-apart')
    const share = await createShare()
    const slave = await serving(share)
    const clients = [new TestClient(share), new TestClient(share, await createClientToken(share))]
    for (const client of clients) await client.initialize()
    const calls = clients.flatMap((client, one) =>
      ['1', '0', '"1"'].map((id) => ({ id, text: `${one}/${id.replaceAll('"', 's')}`, client })),
    )
    const answers = calls.map(({ client, id, text }) => client.post(call(id, text)))
    const sent: ForeignText[] = []
    for (const _ of calls) sent.push(await slave.next())
    expect(new Set(sent.map(({ id }) => id)).size).toBe(calls.length)
    slave.say(...sent.toReversed().map(slaveAnswer))
    for (const [at, { id, text }] of calls.entries()) {
      const answer = await textIn(answers[at] ?? Promise.reject(new Error('no answer')))
      expect(answer).toContain(`"id":${id},`)
      expect(answer).toContain(text)
    }
  })

  test('V7 is closed with 4001 when another comes, and its late close takes nothing from that', async () => {
    verifies('foreign.newest-wins')
    const share = await createShare()
    const first = await serving(share)
    await vi.waitUntil(async () => (await factsOf(share)).agents.length === 1)
    const second = await serving(share)
    expect(await first.closed).toEqual({ code: 4001, reason: 'New slave connected' })
    first.close()
    const client = new TestClient(share)
    await client.initialize()
    const answer = client.post(call('1', 'x'))
    second.say(slaveAnswer(await second.next()))
    expect(await textIn(answer)).toContain('"id":1')
    expect((await factsOf(share)).agents).toHaveLength(1)
  })

  test('V11 without a right key in its path is refused by HTTP before the upgrade', async () => {
    verifies('foreign.refused-before-upgrade')
    const share = await createShare()
    for (const key of ['nonsense', share.clientToken, (await createShare()).agentToken]) {
      const refused = await fetchRelay(`/mr-pilot/${share.id}/${key}`, { headers: { upgrade: 'websocket' } })
      expect(refused.status).toBe(401)
      expect(refused.webSocket).toBeNull()
    }
    const bearer = { upgrade: 'websocket', authorization: `Bearer ${share.agentToken}` }
    expect((await fetchRelay(`/mr-pilot/${share.id}/nonsense`, { headers: bearer })).status).toBe(401)
  })
})
