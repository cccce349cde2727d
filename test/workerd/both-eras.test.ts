/** Clients of both eras on a server that takes either: each has children that are spoken to in its own, in the real runtime. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../requirements/verifies.ts'
import { HandshakeChild, postModern } from './harness/handshake-child.ts'
import { createShare, EventReader, stubOf, TestClient } from './harness/relay.ts'
import { evictDurableObject } from 'cloudflare:test'
import { BARE_SERVER, ScriptedAgent } from './harness/scripted-agent.ts'

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
})
