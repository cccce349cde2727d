/** HTTP+SSE (MCP 2024-11-05) in the real runtime: what becomes of calls whose link, agent or Share is lost. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../requirements/verifies.ts'
import { createShare, resetShare } from './harness/relay.ts'
import { ScriptedAgent, survivorOf } from './harness/scripted-agent.ts'
import { SseClient } from './harness/sse-client.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
const SERVER = '{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"s","version":"1"}}'

/** A call that the agent has, of a client on its stream. */
async function called() {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = await SseClient.connect(share)
  await client.initialize()
  await agent.expect('open')
  agent.answer((await agent.expect('call')).header, '0', SERVER)
  expect(await client.next()).toMatchObject({ id: 0, result: { serverInfo: { name: 's' } } })
  await client.post(CALL)
  return { share, agent, client, header: (await agent.expect('call')).header }
}

describe('an HTTP+SSE call', () => {
  test('that was lost with the link is answered, as not executed, when its agent is back without it', async () => {
    const { share, agent, client, header } = await called()
    await agent.leave()
    await ScriptedAgent.connect(share, survivorOf(header.ch, agent))
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'no' } } })
    await client.events.cancel()
  })

  test('that its agent still has when it is back is answered once, by the child', async () => {
    verifies('promise.3.cut-waits')
    const { share, agent, client, header } = await called()
    await agent.leave()
    const back = await ScriptedAgent.connect(share, survivorOf(header.ch, agent, [header.key]))
    back.answer(header, '7', '{"survived":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { survived: true } })
    await client.events.cancel()
  })

  test('of an agent that is proved dead is answered as lost', async () => {
    verifies('promise.3.new-instance')
    const { share, client } = await called()
    await ScriptedAgent.connect(share, { instance: 'two' })
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    await client.events.cancel()
  })

  test('that is answered while the stream attaches again after a reset is held, and delivered when it has', async () => {
    const { share, agent, client, header } = await called()
    await resetShare(share)
    const back = await ScriptedAgent.connect(share, survivorOf(header.ch, agent, [header.key]))
    back.answer(header, '7', '{"held":true}')
    expect((await back.expect('hold')).header).toEqual({ type: 'hold', ch: header.ch, n: back.lastNumber(header.ch) })
    expect((await back.expect('resume')).header.ch).toBe(header.ch)
    back.answer(header, '7', '{"held":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { held: true } })
    await client.events.cancel()
  })

  test('made while an agent that was just here is away is taken when it is back', async () => {
    const { share, agent, client, header: first } = await called()
    agent.answer(first, '7', '{"first":true}')
    expect(await client.next()).toMatchObject({ result: { first: true } })
    await agent.leave()
    const posted = client.post(CALL)
    const back = await ScriptedAgent.connect(share, survivorOf(first.ch, agent))
    const { header } = await back.expect('call')
    await posted
    back.answer(header, '7', '{"waited":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { waited: true } })
    await client.events.cancel()
  })

  test('to a share that never had an agent is refused at once', async () => {
    const client = await SseClient.connect(await createShare())
    await expect(client.initialize()).rejects.toThrow('answered with 503')
    await client.events.cancel()
  })
})
