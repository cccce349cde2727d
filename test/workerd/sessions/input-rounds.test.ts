/** Servers of revision 2026-07-28 that want input, and clients with sessions that are asked for it, in the real runtime. */
import { evictDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { asked, ASKS, CALL, connected, ELICITS, GIVEN, initialize, reply, told } from '../harness/bridged-session.ts'
import { resetShare, TestClient } from '../harness/relay.ts'
import { ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'

describe('input_required', () => {
  test('is a request on the call’s stream; the answer goes into a retry while the Share has slept', async () => {
    verifies('stdio.modern.no-responses')
    const { share, agent, client } = await connected({ capabilities: ELICITS })
    const { events, question, first } = await asked(agent, client)
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'Name?' } })
    await evictDurableObject(env.SHARE.getByName(share.id))
    expect((await client.post(reply(question.id, GIVEN))).status).toBe(202)
    const retry = await agent.expect('call')
    expect(retry.header.key).not.toBe(first.key)
    expect(told(retry).params).toMatchObject({ name: 't', requestState: 's-1', inputResponses: { who: JSON.parse(GIVEN) as unknown } })
    agent.answer(retry.header, '3', '{"resultType":"complete","content":[]}')
    expect(JSON.parse((await events.next()) ?? '')).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
  })

  test('is answered across a reset of the Share', async () => {
    const { share, agent, client, ch } = await connected({ capabilities: ELICITS })
    const { question } = await asked(agent, client)
    await resetShare(share)
    const back = await ScriptedAgent.connect(share, { era: 'modern', ...survivorOf(ch, agent) })
    expect((await client.post(reply(question.id, GIVEN))).status).toBe(202)
    expect(told(await back.expect('call')).params).toHaveProperty('inputResponses.who.action', 'accept')
  })

  test('is not answered by another session', async () => {
    verifies('promise.1.asks-certain')
    const { share, agent, client } = await connected({ capabilities: ELICITS })
    const { events, question } = await asked(agent, client)
    // A client goes on reading, as all do: the next call is made for a reader.
    const answer = events.next()
    const other = new TestClient(share)
    await initialize(agent, other, { capabilities: ELICITS })
    expect((await other.post(reply(question.id, '{"action":"decline"}'))).status).toBe(202)
    expect((await client.post(reply(question.id, GIVEN))).status).toBe(202)
    const retry = await agent.expect('call')
    expect(told(retry).params).toHaveProperty('inputResponses.who.action', 'accept')
    agent.answer(retry.header, '4', '{"resultType":"complete","content":[]}')
    expect(JSON.parse((await answer) ?? '')).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
  })

  test('is given up when the client cancels the call between rounds', async () => {
    const { agent, client } = await connected({ capabilities: ELICITS })
    const { events, question } = await asked(agent, client)
    const cancelled = client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}')
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 7, error: { data: { code: 'CANCELLED' } } })
    const { header } = await agent.expect('notify')
    agent.send({ type: 'receipts', keys: [header.key] })
    expect((await cancelled).status).toBe(202)
    expect(question.method).toBe('elicitation/create')
  })

  test.each([
    ['cannot be asked', '{}', {}],
    ['takes nothing but JSON', ELICITS, { accept: 'application/json' }],
  ])('is a failure of the tool for a client that %s', async (_, capabilities, headers) => {
    const { agent, client } = await connected({ capabilities })
    const response = client.post(CALL, headers)
    const call = await agent.expect('call')
    expect(told(call).params._meta['io.modelcontextprotocol/clientCapabilities']).toEqual({})
    agent.answer(call.header, '2', ASKS)
    const answer: unknown = await (await response).json()
    expect(answer).toMatchObject({
      id: 7,
      result: { isError: true, content: [{ text: expect.stringContaining('elicitation') as unknown }] },
    })
  })

  test('is a failure of the tool when the client answers with an error', async () => {
    const { agent, client } = await connected({ capabilities: ELICITS })
    const { events, question } = await asked(agent, client)
    await client.post(`{"jsonrpc":"2.0","id":${JSON.stringify(question.id)},"error":{"code":-1,"message":"no"}}`)
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 7, result: { isError: true } })
  })
})
