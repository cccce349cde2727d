/** Lists whose client says that it has asked for something else: they are cut all the same. */
import { expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { leftList } from '../harness/left-stream.ts'
import { createShare, stubOf, type TestShare } from '../harness/relay.ts'
import { connected, ScriptedAgent } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'

const LIST = '{"jsonrpc":"2.0","id":7,"method":"tools/list"}'
const TOOLS = '{"tools":[{"name":"look"},{"name":"pay"}]}'
const SERVER = '{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"s","version":"1"}}'

async function denyPay(share: TestShare): Promise<void> {
  const policy = '{"tools":{"deny":["pay"]}}'
  await stubOf(share).admin({ op: 'share_changed', trust: { version: 2, expiresAtMs: 4e12, isPaused: false, policy } })
}

test.each(['ping', 'tools/call'])('a list for which its client comes back as for %s', async (method) => {
  verifies('promise.11.hidden')
  const { share, agent, client } = await connected()
  await denyPay(share)
  const { header, back } = await leftList({ agent, client }, method)
  agent.answer(header, '7', TOOLS)
  expect(await back.next()).toBe('{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"look"}]}}')
})

test('a list over HTTP+SSE, behind which its client has asked for something else by the same id', async () => {
  verifies('promise.11.hidden')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = await SseClient.connect(share)
  await client.initialize()
  await agent.expect('open')
  agent.answer((await agent.expect('call')).header, '0', SERVER)
  await client.next()
  await denyPay(share)
  await client.post(LIST)
  const list = (await agent.expect('call')).header
  await client.post('{"jsonrpc":"2.0","id":7,"method":"ping"}')
  const ping = (await agent.expect('call')).header
  agent.answer(list, '7', TOOLS)
  agent.answer(ping, '7', '{}')
  expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { tools: [{ name: 'look' }] } })
  expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: {} })
  await client.events.cancel()
})
