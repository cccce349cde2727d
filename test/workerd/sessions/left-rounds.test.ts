/** Calls to servers of revision 2026-07-28 that want input, whose clients leave or cancel where it is least convenient. */
import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import { verifies } from '../../requirements/verifies.ts'
import { asked, ASKS, connected, ELICITS, GIVEN, reply, told, type Told } from '../harness/bridged-session.ts'
import { begun, expectReplay, progress, refuseReplay } from '../harness/left-stream.ts'
import { EventReader, passOf, stubOf, type TestShare } from '../harness/relay.ts'
import type { ScriptedAgent } from '../harness/scripted-agent.ts'

const DONE = '{"resultType":"complete","content":[]}'

async function nextMessage(events: EventReader): Promise<Told> {
  return JSON.parse((await events.next()) ?? '{}') as Told
}

/** A call of a client that can be asked, which has seen one message. */
async function begunByAsker() {
  const parts = await connected({ capabilities: ELICITS })
  return { ...parts, ...(await begun(parts)) }
}

/** The answer that asks, as it was or sent again: for the attempt that a replay was asked for. */
async function askAgain(agent: ScriptedAgent, header: Call): Promise<void> {
  expect(await expectReplay(agent)).toMatchObject({ key: header.key, ra: header.ra })
  agent.answer(header, '2', ASKS)
}

async function keptRows(share: TestShare): Promise<number> {
  return runInDurableObject(stubOf(share), (_, state) => state.storage.sql.exec('SELECT key FROM kept').toArray().length)
}

describe('a client that comes back', () => {
  test('before its server asks is asked, and what it answers goes into the request that it posted before', async () => {
    const { share, agent, client, header, events, lastId } = await begunByAsker()
    await events.cancel()
    await expect.poll(() => keptRows(share)).toBe(1)
    const again = new EventReader(await client.resume(lastId))
    await askAgain(agent, header)
    const next = await refuseReplay(agent)
    const question = await nextMessage(again)
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'Name?' } })
    expect((await client.post(reply(question.id, GIVEN))).status).toBe(202)
    const retry = await agent.expect('call')
    expect(retry.header.key).toBe(next)
    expect(told(retry).params).toMatchObject({ name: 't', requestState: 's-1', inputResponses: { who: JSON.parse(GIVEN) as unknown } })
    agent.notify(retry.header.ch, progress(2), { ra: retry.header.ra, sure: true })
    expect(JSON.stringify(await nextMessage(again))).toBe(progress(2))
    agent.answer(retry.header, '3', DONE)
    expect(await nextMessage(again)).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    expect(await again.next()).toBeUndefined()
  })

  test('long after it was asked is asked the same, though the agent has forgotten the answer that asked', async () => {
    const { agent, client, header, events, lastId } = await begunByAsker()
    agent.answer(header, '2', ASKS)
    const first = await nextMessage(events)
    await events.cancel()
    const again = new EventReader(await client.resume(lastId))
    await refuseReplay(agent, 'ALREADY_EXECUTED')
    await refuseReplay(agent)
    expect(await nextMessage(again)).toEqual(first)
    await again.cancel()
  })

  test('after the call was made again with its answer goes on with that, and it is made once', async () => {
    const { agent, client, header, events, lastId } = await begunByAsker()
    agent.answer(header, '2', ASKS)
    const question = await nextMessage(events)
    await client.post(reply(question.id, GIVEN))
    const retry = (await agent.expect('call')).header
    await events.cancel()
    const again = new EventReader(await client.resume(lastId))
    await askAgain(agent, header)
    expect(await expectReplay(agent)).toMatchObject({ key: retry.key, ra: retry.ra })
    agent.answer(retry, '3', DONE)
    expect(await nextMessage(again)).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    expect(agent.waiting.filter(({ type }) => type === 'call')).toEqual([])
  })

  test('takes its question over from the first connection, which ends without a word', async () => {
    const { agent, client, header, events, lastId } = await begunByAsker()
    agent.answer(header, '2', ASKS)
    const question = await nextMessage(events)
    const again = new EventReader(await client.resume(lastId))
    await askAgain(agent, header)
    await refuseReplay(agent)
    expect(await nextMessage(again)).toEqual(question)
    expect(await events.next()).toBeUndefined()
    await client.post(reply(question.id, GIVEN))
    agent.answer((await agent.expect('call')).header, '3', DONE)
    expect(await nextMessage(again)).toMatchObject({ id: 7, result: {} })
  })

  test('for a call whose request is not kept is told so, as a failure of the tool', async () => {
    const { share, agent, client, header, events, lastId } = await begunByAsker()
    agent.answer(header, '2', ASKS)
    await nextMessage(events)
    await events.cancel()
    await runInDurableObject(stubOf(share), (_, state) => state.storage.sql.exec('DELETE FROM kept'))
    const again = new EventReader(await client.resume(lastId))
    await askAgain(agent, header)
    await refuseReplay(agent)
    expect(await nextMessage(again)).toMatchObject({
      id: 7,
      result: { isError: true, content: [{ text: expect.stringContaining('not kept any more') as unknown }] },
    })
  })
})

test('what is kept of calls goes with their session', async () => {
  const { share, agent, client } = await connected({ capabilities: ELICITS })
  await asked(agent, client)
  expect(await keptRows(share)).toBe(1)
  await client.leave()
  expect(await keptRows(share)).toBe(0)
})

test('a cancellation between the last answer of a round and the call that is made with it ends the call, which is not made', async () => {
  verifies('cancel.races')
  const { share, agent, client } = await connected({ capabilities: ELICITS })
  const { events, question } = await asked(agent, client)
  const [row] = await runInDurableObject(stubOf(share), (_, state) =>
    state.storage.sql.exec<{ principal: string }>('SELECT principal FROM session').toArray(),
  )
  const caller = { principal: row?.principal ?? '', session: client.session ?? '' }
  const send = (kind: 'response' | 'notification', text: string, more: object): Promise<unknown> => {
    const body = new TextEncoder().encode(text)
    const key = kind === 'response' ? '1'.repeat(32) : '2'.repeat(32)
    return stub.send(passOf(share), {
      ...caller,
      key,
      kind,
      method: kind === 'response' ? '' : 'notifications/cancelled',
      body,
      size: body.length,
      ...more,
    })
  }
  const cancel = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}'
  const at = cancel.indexOf('7}')
  const stub = stubOf(share)
  // One stub keeps its calls in order: both are there before the Worker has heard of the first.
  const both = [
    send('response', reply(question.id, GIVEN), { rawId: JSON.stringify(question.id) }),
    send('notification', cancel, { requestId: { raw: '7', span: [at, at + 1] } }),
  ]
  expect(await nextMessage(events)).toMatchObject({ id: 7, error: { data: { code: 'CANCELLED', executed: 'unknown' } } })
  const { header } = await agent.expect('notify')
  agent.send({ type: 'receipts', keys: [header.key] })
  await Promise.all(both)
  expect(agent.waiting.filter(({ type }) => type === 'call')).toEqual([])
})
