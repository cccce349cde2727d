/** Clients of both eras on a server that takes either: each has children that are spoken to in its own, in the real runtime. */
import { describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { HandshakeChild, postModern } from '../harness/handshake-child.ts'
import { createShare, EventReader, stubOf, TestClient } from '../harness/relay.ts'
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { BARE_SERVER, initialize, ScriptedAgent } from '../harness/scripted-agent.ts'

const BOTH = { era: 'modern', initializes: true } as const
const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'

describe('a server that takes either era', () => {
  test('is initialised by a session, which it can ask, also after the Share has slept', async () => {
    verifies('modern.dual-server')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, BOTH)
    const client = new TestClient(share)
    const began = client.initialize()
    expect((await agent.expect('open')).header).toMatchObject({ ids: 'keep', asks: 'pass' })
    const { header } = await agent.expect('call')
    expect(header.method).toBe('initialize')
    agent.answer(header, '1', BARE_SERVER)
    expect((await began).status).toBe(200)
    await evictDurableObject(stubOf(share))
    const response = client.post(CALL)
    const call = await agent.expect('call')
    expect([call.header.ch, call.header.method]).toEqual([header.ch, 'tools/call'])
    const child = new HandshakeChild(share, agent)
    child.elicit(call.header, '"q"')
    const events = new EventReader(await response)
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 'q', method: 'elicitation/create' })
    await events.cancel()
  })

  test('is sent requests of 2026-07-28 as they are, without a handshake', async () => {
    verifies('modern.dual-server')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, BOTH)
    const response = postModern(share, 'prompts/list')
    expect((await agent.expect('open')).header).toMatchObject({ ids: 'assign', asks: 'refuse' })
    const { header } = await agent.expect('call')
    expect(header.method).toBe('prompts/list')
    agent.answer(header, '1', '{"prompts":[],"resultType":"complete"}')
    expect((await response).status).toBe(200)
  })

  test('with one child for all has one for each era', async () => {
    verifies('modern.dual-server')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { ...BOTH, isolation: 'share' })
    const modern = postModern(share, 'prompts/list')
    const first = (await agent.expect('open')).header
    agent.answer((await agent.expect('call')).header, '1', '{"prompts":[],"resultType":"complete"}')
    expect((await modern).status).toBe(200)
    const channels: string[] = []
    for (const client of [new TestClient(share), new TestClient(share)]) {
      const began = client.initialize()
      if (channels.length === 0) {
        await agent.expect('open')
        const { header } = await agent.expect('call')
        expect(header.method).toBe('initialize')
        agent.answer(header, '0', BARE_SERVER)
        await agent.expect('notify')
      }
      expect((await began).status).toBe(200)
      const response = client.post(CALL)
      const { header } = await agent.expect('call')
      channels.push(header.ch)
      agent.answer(header, '7', '{}')
      expect((await response).status).toBe(200)
    }
    expect(new Set(channels).size).toBe(1)
    expect(channels[0]).not.toBe(first.ch)
  })

  test('has its lists kept in either era: one does not take the place of the other each time', async () => {
    verifies('modern.dual-server', 'promise.4.kept-answers')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, BOTH)
    const client = new TestClient(share)
    await initialize(agent, client)
    const lists = {
      legacy: async (): Promise<string> => {
        const response = client.post('{"jsonrpc":"2.0","id":7,"method":"prompts/list"}')
        agent.answer((await agent.expect('call')).header, '7', '{"prompts":[]}')
        return (await response).text()
      },
      modern: async (isFirst = false): Promise<string> => {
        const response = postModern(share, 'prompts/list', {}, { capabilities: {} })
        if (isFirst) await agent.expect('open')
        agent.answer((await agent.expect('call')).header, '1', '{"prompts":[],"resultType":"complete"}')
        return (await response).text()
      },
    }
    const kept = (): Promise<unknown[]> =>
      runInDurableObject(stubOf(share), (_, state) => {
        if (state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'listing'").toArray().length === 0) return []
        return state.storage.sql.exec("SELECT audience, era, kept_at_ms FROM listing WHERE name = 'prompts/list' ORDER BY era").toArray()
      })
    await lists.legacy()
    await lists.modern(true)
    await vi.waitFor(async () => expect(await kept()).toMatchObject([{ era: 'legacy' }, { era: 'modern' }]))
    const before = await kept()
    for (let round = 0; round < 3; round++) {
      await lists.legacy()
      await lists.modern()
    }
    expect(await kept()).toEqual(before)
    await agent.leave()
    expect(await (await client.post('{"jsonrpc":"2.0","id":8,"method":"prompts/list"}')).json()).toMatchObject({
      id: 8,
      result: { prompts: [] },
    })
    const answered: unknown = await (await postModern(share, 'prompts/list', {}, { id: 9, capabilities: {} })).json()
    expect(answered).toMatchObject({ id: 9, result: { prompts: [], resultType: 'complete' } })
  })
})
