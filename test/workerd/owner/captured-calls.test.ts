/** Capture: what calls carry, masked and bounded, for the owner who has asked for it. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test, vi } from 'vitest'
import { auditRows } from '../../../worker/share/clients/call-ledger.ts'
import { verifies } from '../../requirements/verifies.ts'
import { order } from '../harness/orders.ts'
import { stubOf, type TestClient, type TestShare } from '../harness/relay.ts'
import { connected, type ScriptedAgent } from '../harness/scripted-agent.ts'
import { type ToldEvent, auditOf } from '../harness/scenes/audited-calls.ts'

describe('capture', () => {
  interface Captured extends ToldEvent {
    readonly arguments?: string
    readonly result?: string
  }
  const SAID = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{"path":"/a","password":"canary-secret"}}}'
  const ANSWER = '{"content":[{"type":"text","text":"it is eyJhbGciOiJIUzI1NiJ9.canary.signature"}]}'

  async function captured(): Promise<Awaited<ReturnType<typeof connected>>> {
    const made = await connected()
    expect((await order('PATCH', `/api/shares/${made.share.id}`, { capture: true })).told).toMatchObject({ capture: true })
    return made
  }

  async function say(agent: ScriptedAgent, client: TestClient, said = SAID, answer = ANSWER): Promise<void> {
    const response = client.post(said)
    agent.answer((await agent.expect('call')).header, '7', answer)
    expect((await response).status).toBe(200)
  }

  async function callsOf(share: TestShare): Promise<Captured[]> {
    return (await auditOf(share)).events.filter(({ method }) => method === 'tools/call')
  }

  function kept(share: TestShare): Promise<string> {
    return runInDurableObject(stubOf(share), (_, { storage }) => {
      const tables = storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name IN ('captured', 'audit')").toArray()
      return JSON.stringify(tables.map(({ name }) => storage.sql.exec(`SELECT * FROM ${name}`).toArray()))
    })
  }

  test('is off unless the owner turns it on', async () => {
    verifies('promise.9.captured')
    const { share, agent, client } = await connected()
    expect((await order('GET', `/api/shares/${share.id}`)).told).toMatchObject({ capture: false })
    await say(agent, client)
    const [event] = await callsOf(share)
    expect([event?.arguments, event?.result]).toEqual([undefined, undefined])
    expect(await kept(share)).not.toContain('/a')
  })

  test('keeps nothing of a call that ends after it was turned off', async () => {
    verifies('promise.9.captured')
    const { share, agent, client } = await captured()
    const response = client.post(SAID)
    const { header } = await agent.expect('call')
    expect((await order('PATCH', `/api/shares/${share.id}`, { capture: false })).status).toBe(200)
    agent.answer(header, '7', ANSWER)
    expect((await response).status).toBe(200)
    const [event] = await callsOf(share)
    expect([event?.outcome, event?.arguments]).toEqual(['ok', undefined])
    expect(await kept(share)).not.toContain('/a')
  })

  test('shows the arguments and the result of a call, masked, to the owner, and writes them nowhere else', async () => {
    verifies('promise.9.captured')
    const logged = vi.spyOn(console, 'log')
    const { share, agent, client } = await captured()
    await say(agent, client)
    const [event] = await callsOf(share)
    expect(JSON.parse(event?.arguments ?? '')).toEqual({ path: '/a', password: '[secret]' })
    expect(JSON.parse(event?.result ?? '')).toEqual({ content: [{ type: 'text', text: 'it is [secret]' }] })
    const rows = await kept(share)
    expect([rows.includes('/a'), rows.includes('canary')]).toEqual([true, false])
    expect(logged.mock.calls.flat().join()).not.toContain('/a')
    logged.mockRestore()
    await evictDurableObject(stubOf(share))
    await say(agent, client)
    expect((await callsOf(share)).map(({ arguments: args }) => args !== undefined)).toEqual([true, true])
  })

  test('keeps 4 KiB of each, of a thousand calls, and of errors what they say', async () => {
    verifies('promise.10.audit')
    const { share, agent, client } = await captured()
    await say(agent, client, SAID.replace('/a', 'x'.repeat(90_000)), `{"content":[],"more":"${'y'.repeat(90_000)}"}`)
    const refused = client.post(SAID)
    agent.refuse((await agent.expect('call')).header, '7', 'said-the-server')
    await refused
    const [long, error] = await callsOf(share)
    for (const text of [long?.arguments, long?.result]) expect(text?.length).toBeLessThanOrEqual(4096)
    expect(error?.result).toContain('said-the-server')
    await runInDurableObject(stubOf(share), (_, { storage }) => {
      const rows = auditRows(storage.sql).captured
      rows.add(Array.from({ length: 2_500 }, (__, n) => ({ whose: 'l', item: { n: n + 10, arguments: '{}' } })))
      expect(rows.between(0, 5_000).size).toBeLessThanOrEqual(1_100)
      expect(rows.between(2_509, 2_509).get(2_509)).toEqual({ n: 2_509, arguments: '{}' })
    })
  })

  test('forgets all of it when it is turned off, and goes on telling of calls', async () => {
    verifies('promise.9.captured')
    const { share, agent, client } = await captured()
    await say(agent, client)
    expect((await order('PATCH', `/api/shares/${share.id}`, { capture: false })).told).toMatchObject({ capture: false })
    expect(await kept(share)).not.toContain('/a')
    await say(agent, client)
    expect((await callsOf(share)).map((event) => [event.outcome, event.arguments, event.result])).toEqual([
      ['ok', undefined, undefined],
      ['ok', undefined, undefined],
    ])
  })
})
