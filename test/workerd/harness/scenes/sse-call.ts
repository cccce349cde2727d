/** A call over HTTP+SSE that is under way. */
import { expect } from 'vitest'
import { createShare, type TestShare } from '../relay.ts'
import { ScriptedAgent } from '../scripted-agent.ts'
import { SseClient } from '../sse-client.ts'

export const SSE_CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
export const SSE_SERVER = '{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"s","version":"1"}}'
/** A call that the agent has, of a client on its stream. */
export async function sseCall(of?: TestShare) {
  const share = of ?? (await createShare())
  const agent = await ScriptedAgent.connect(share)
  const client = await SseClient.connect(share)
  await client.initialize()
  await agent.expect('open')
  agent.answer((await agent.expect('call')).header, '0', SSE_SERVER)
  expect(await client.next()).toMatchObject({ id: 0, result: { serverInfo: { name: 's' } } })
  await client.post(SSE_CALL)
  return { share, agent, client, header: (await agent.expect('call')).header }
}
