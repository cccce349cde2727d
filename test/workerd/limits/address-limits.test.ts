/** What may be used from each address, in the real runtime: exactly that, whatever happens to object, agent and lanes; and whose word an address is. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { connectAll, LANES } from '../harness/all-lanes.ts'
import { postModern } from '../harness/handshake-child.ts'
import { order, registryStub } from '../harness/orders.ts'
import { createClientToken, createShare, factsOf, linkIdOf, resetShare, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { BARE_SERVER, bodyText, ScriptedAgent } from '../harness/scripted-agent.ts'

const LIMIT = 10
const [HERE, THERE] = ['192.0.2.1', '2001:db8:1:2:3:4:5:6']

/** Plays servers that answer each call at once. */
function serve(agent: ScriptedAgent): void {
  void (async () => {
    for (;;) {
      const frame = await agent.next()
      const { header } = frame
      if (header.type === 'notify') agent.send({ type: 'receipts', keys: [header.key] })
      if (header.type === 'call')
        agent.answer(header, bodyText(frame).slice(...header.id), header.method === 'initialize' ? BARE_SERVER : '{"content":[]}')
    }
  })()
}

function callOf(id: number): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"}}`
}

async function clientAt(share: TestShare, address: string | undefined, token?: string): Promise<TestClient> {
  const client = new TestClient(share, token)
  client.address = address
  expect((await client.initialize()).status).toBe(200)
  return client
}

/** Makes so many calls at once, in turn by these clients; how many got through, all others having been refused with 429. */
async function letThrough(clients: readonly TestClient[], count = 100): Promise<number> {
  const calls = Array.from({ length: count }, (_, id) => (clients[id % clients.length] as TestClient).post(callOf(id + 1)))
  const statuses = (await Promise.all(calls)).map(({ status }) => status)
  expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([])
  return statuses.filter((status) => status === 200).length
}

async function limited(limits: object = { calls: `${LIMIT}/hour` }, members: object = {}): Promise<TestShare> {
  return createShare({ limits_per_address: limits, ...members })
}

describe('limits_per_address', () => {
  test('lets exactly 10 of 100 parallel calls through from each address, by whatever links', async () => {
    verifies('promise.12.addresses', 'promise.12.exact')
    const share = await limited()
    serve(await ScriptedAgent.connect(share))
    const here = [await clientAt(share, HERE), await clientAt(share, HERE, await createClientToken(share))]
    // Another address of the same 64 bits is nobody else.
    const there = [await clientAt(share, THERE), await clientAt(share, '2001:db8:1:2::99')]
    expect(await letThrough(here)).toBe(LIMIT)
    expect(await letThrough(there)).toBe(LIMIT)
    expect(await letThrough([await clientAt(share, '2001:db8:1:3::99')], 5)).toBe(5)
  })

  test('refuses with 429 and says that it is the address; whoever nobody knows the address of are one together', async () => {
    const share = await limited({ calls: '1/hour' })
    serve(await ScriptedAgent.connect(share))
    const clients = [await clientAt(share, undefined), await clientAt(share, undefined, await createClientToken(share))]
    expect(await letThrough(clients, 9)).toBe(1)
    const refused = await clients[0]?.post(callOf(1))
    expect([refused?.status, Number(refused?.headers.get('retry-after')) > 3590]).toEqual([429, true])
    expect(await refused?.text()).toContain('calls of the address')
  })

  test('is charged beside the limits of share and link, to all of them or to none', async () => {
    const share = await limited({ calls: '3/hour' }, { limits: { calls: '5/hour' } })
    serve(await ScriptedAgent.connect(share))
    const [here, there] = [await clientAt(share, HERE), await clientAt(share, THERE)]
    await order('PATCH', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`, { limits: { calls: '4/hour' } })
    expect([await letThrough([here], 9), await letThrough([there], 9)]).toEqual([3, 1])
    const other = await createClientToken(share)
    expect(await letThrough([await clientAt(share, THERE, other)], 9)).toBe(1)
  })

  test('holds for clients of 2026-07-28', async () => {
    const share = await limited({ calls: '1/hour' })
    serve(await ScriptedAgent.connect(share, { era: 'legacy' }))
    const call = async (): Promise<number> => (await postModern(share, 'tools/call', { name: 't', arguments: {} })).status
    expect(await letThrough([await clientAt(share, undefined)], 3)).toBe(1)
    expect(await call()).toBe(429)
  })

  test('outlives sleep, the agent’s return, and a crash', async () => {
    verifies('promise.12.outlives')
    const share = await limited()
    const agent = await ScriptedAgent.connect(share)
    serve(agent)
    const here = await clientAt(share, HERE)
    expect(await letThrough([here], 3)).toBe(3)
    await evictDurableObject(stubOf(share))
    expect(await letThrough([here], 2)).toBe(2)
    await agent.leave()
    serve(await ScriptedAgent.connect(share, { instance: 'two' }))
    expect(await letThrough([here])).toBe(LIMIT - 5)
    await expect.poll(() => notedRow(share)).toContain(HERE)
    await resetShare(share)
    serve(await ScriptedAgent.connect(share, { instance: 'three' }))
    expect(await letThrough([here], 5)).toBe(0)
    expect(await letThrough([await clientAt(share, THERE)], 5)).toBe(5)
  })

  test('is counted once on 8 lanes, at the lane that keeps the limits of the share, with one request more', async () => {
    verifies('promise.12.lanes')
    const share = await limited(undefined, { lanes: LANES })
    for (const agent of await connectAll(share)) serve(agent)
    const clients = await Promise.all(Array.from({ length: 12 }, () => clientAt(share, HERE)))
    const meter = vi.spyOn(Share.prototype, 'meter')
    const there = await clientAt(share, THERE)
    expect(await letThrough([there], 1)).toBe(1)
    expect(meter.mock.calls.length).toBeLessThanOrEqual(1)
    vi.restoreAllMocks()
    expect(await letThrough(clients)).toBe(LIMIT)
    for (let lane = 0; lane < LANES; lane++) await evictDurableObject(stubOf(share, lane))
    expect(await letThrough(clients)).toBe(0)
  })

  test('is kept on 8 lanes where the limits of the share are, which hold for all addresses together', async () => {
    verifies('promise.12.lanes')
    const share = await limited({ calls: '6/hour' }, { lanes: LANES, limits: { calls: '10/hour' } })
    for (const agent of await connectAll(share)) serve(agent)
    const clients = await Promise.all([HERE, THERE, '192.0.2.9'].flatMap((address) => [clientAt(share, address), clientAt(share, address)]))
    expect(await letThrough(clients)).toBe(10)
  })

  test('writes no row for a call', async () => {
    verifies('promise.12.no-rows')
    const share = await limited({ calls: '1000/hour' })
    serve(await ScriptedAgent.connect(share))
    const clients = await Promise.all(Array.from({ length: 4 }, (_, n) => clientAt(share, `192.0.2.${n}`)))
    expect(await letThrough(clients, 4)).toBe(4)
    await expect.poll(() => notedRow(share)).toContain('192.0.2.3')
    const before = (await factsOf(share)).counters.total_changes
    expect(await letThrough(clients, 40)).toBe(40)
    // One each 2 s at most.
    expect((await factsOf(share)).counters.total_changes - before).toBeLessThanOrEqual(1)
  })

  test('is shown, changed and taken away; what is wrong is named', async () => {
    const share = await limited({ calls: '1/hour' })
    serve(await ScriptedAgent.connect(share))
    const here = await clientAt(share, HERE)
    const path = `/api/shares/${share.id}`
    expect((await order('GET', path)).told).toMatchObject({ limits: null, limits_per_address: { calls: '1/hour' } })
    expect(await letThrough([here], 3)).toBe(1)
    expect((await order('PATCH', path, { limits_per_address: { calls: '4/hour' } })).told).toMatchObject({
      limits_per_address: { calls: '4/hour' },
    })
    expect(await letThrough([here], 9)).toBe(3)
    expect((await order('PATCH', path, { limits_per_address: {} })).told['limits_per_address']).toBeNull()
    expect(await letThrough([here], 9)).toBe(9)
    const wrong = await order('PATCH', path, { limits_per_address: { calls: '10/week' } })
    expect([wrong.status, wrong.told['detail']]).toEqual([400, expect.stringContaining('limits_per_address.calls')])
  })
})

test('rows of an earlier relay are read, of registry and share, and limits can be set', async () => {
  const share = await createShare()
  serve(await ScriptedAgent.connect(share))
  const here = await clientAt(share, HERE)
  await runInDurableObject(registryStub(), (_, { storage }) => void storage.sql.exec('ALTER TABLE shares DROP COLUMN address_limits'))
  await runInDurableObject(stubOf(share), (_, { storage }) => void storage.sql.exec('ALTER TABLE share_trust DROP COLUMN address_limits'))
  await evictDurableObject(registryStub())
  await evictDurableObject(stubOf(share))
  expect(await letThrough([here], 3)).toBe(3)
  await order('PATCH', `/api/shares/${share.id}`, { limits_per_address: { calls: '1/hour' } })
  expect(await letThrough([here], 3)).toBe(1)
})

/** What the object has noted in its row. */
function notedRow(share: TestShare): Promise<string> {
  return runInDurableObject(stubOf(share), (_, { storage }) => {
    const made = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'used_limits'").toArray()
    return made.length === 0 ? '' : String(storage.sql.exec('SELECT used FROM used_limits').toArray()[0]?.['used'])
  })
}

describe('the audit', () => {
  test('says from where a client came, of IPv6 the first 64 bits; after sleep too, and of what a policy refused', async () => {
    verifies('promise.9.address', 'promise.9.audit')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const policy = { access: 'admin', resources: { deny: ['x:*'] } }
    const { told } = await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy })
    const client = new TestClient(share, String(told['token']))
    client.address = THERE
    const begun = client.initialize()
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', BARE_SERVER)
    await begun
    expect(await (await client.post('{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"x:a"}}')).text()).toContain(
      'NOT_OFFERED',
    )
    const streamed = client.postForEvents('{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"y:a"}}')
    const { header } = await agent.expect('call')
    agent.notify(header.ch, '{"jsonrpc":"2.0","method":"notifications/message","params":{}}', { ra: header.ra, sure: true })
    await streamed
    // What is not written yet sleep would cost.
    await order('GET', `/api/shares/${share.id}/audit`)
    await evictDurableObject(stubOf(share))
    agent.answer(header, '7', '{}')
    await (await streamed).text()
    const { events } = (await order('GET', `/api/shares/${share.id}/audit`)).told as { events: { outcome: string; address: string }[] }
    expect(events.map(({ outcome, address }) => [outcome, address]).toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
      ['NOT_OFFERED', '2001:db8:1:2::/64'],
      ['ok', '2001:db8:1:2::/64'],
      ['ok', '2001:db8:1:2::/64'],
    ])
  })

  test('believes no header where the relay does not run on Cloudflare', async () => {
    verifies('promise.9.address')
    const share = await createShare()
    serve(await ScriptedAgent.connect(share))
    const client = new TestClient(share)
    const response = await client.post(
      '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
      { 'cf-connecting-ip': '198.51.100.1', 'x-forwarded-for': '198.51.100.1', 'x-real-ip': '198.51.100.1' },
    )
    expect(response.status).toBe(200)
    const { events } = (await order('GET', `/api/shares/${share.id}/audit`)).told as { events: { address: string | null }[] }
    expect(events.map(({ address }) => address)).toEqual([null])
  })
})
