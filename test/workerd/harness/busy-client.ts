/** A client with something of each kind under way: a GET stream, a call that waits, and one whose stream is open. */
import { expect } from 'vitest'
import { EventReader, type TestClient } from './relay.ts'
import type { ScriptedAgent } from './scripted-agent.ts'

export const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p"}}}'
export const PROGRESS = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}'

interface UnderWay {
  readonly listening: EventReader
  readonly waiting: Promise<Response>
  readonly events: EventReader
}

/** `client` has initialised. Of the call whose stream is open one step was told. */
export async function underWay(agent: ScriptedAgent, client: TestClient): Promise<UnderWay> {
  const listening = new EventReader(await client.listen())
  await agent.expect('resume')
  const waiting = client.post(CALL)
  await agent.expect('call')
  const streamed = client.postForEvents(CALL.replace('"id":7', '"id":8'))
  const { header } = await agent.expect('call')
  agent.notify(header.ch, PROGRESS, { ra: header.ra, sure: true })
  const events = new EventReader(await streamed)
  expect(await events.next()).toContain('progress')
  return { listening, waiting, events }
}
