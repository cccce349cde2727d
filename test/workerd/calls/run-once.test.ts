/** Promise 2 where two things befall at once: the object is reset, and the agent that may have run a call is replaced. */
import { expect, test } from 'vitest'
import { CLOSE } from '../../../protocol/handshake.ts'
import { verifies } from '../../requirements/verifies.ts'
import { resetShare } from '../harness/relay.ts'
import { BARE_SERVER, connected, ScriptedAgent, survivorOf, takeOver } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
const OTHER = '{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"t"}}'

test('a call whose agent is proved dead after a reset is not run by the child that another call has started', async () => {
  verifies('promise.2.never-twice')
  const { share, agent, client } = await connected()
  const response = client.post(CALL)
  const { header } = await agent.expect('call')
  await resetShare(share)
  const next = await ScriptedAgent.connect(share, { instance: 'i2' })
  const other = client.post(OTHER)
  const keys: string[] = []
  while (!keys.includes(header.key)) {
    const frame = await Promise.race([next.next(), response.then(() => undefined)])
    if (frame === undefined) break
    const { header: got } = frame
    if (got.type !== 'call') continue
    keys.push(got.key)
    if (got.method === 'initialize') next.answer(got, '1', BARE_SERVER)
    else if (got.key !== header.key) next.answer(got, '8', '{}')
  }
  expect(keys).not.toContain(header.key)
  expect(await (await response).json()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
  await other
})

test('a call that moved its session to another agent is asked for again after a reset, since that agent says that it has it', async () => {
  const { share, agent, client } = await connected()
  const other = { agent: 'other', instance: 'two', join: 'replica' } as const
  const next = await ScriptedAgent.connect(share, other)
  await agent.leave(CLOSE.GOING_AWAY)
  const response = client.post(CALL)
  const { key, ch } = await takeOver(next)
  await resetShare(share)
  const back = await ScriptedAgent.connect(share, { ...other, ...survivorOf(ch, next, [key]) })
  const { header: again } = await back.expect('call')
  expect(again.key).toBe(key)
  back.answer(again, '7', '{"content":[]}')
  expect(await (await response).json()).toMatchObject({ id: 7, result: { content: [] } })
})

test('a call that was made again is not failed by what its agent says again of the try before', async () => {
  verifies('promise.3.says-executed')
  const { agent, client, ch } = await connected()
  const response = client.post(CALL)
  const { key, ra } = (await agent.expect('call')).header
  const died = { type: 'failed', ch, key, ra, code: 'CHILD_DIED', executed: 'no' } as const
  agent.send(died)
  const again = await takeOver(agent)
  expect([again.key, again.ch === ch]).toEqual([key, false])
  // On a new link, when the next try is on its way: the agent knows what has become of that.
  agent.send(died)
  const { header: asked } = await agent.expect('call')
  expect([asked.key, asked.ch]).toEqual([key, again.ch])
  agent.answer(asked, '7', '{"content":[]}')
  expect(await (await response).json()).toMatchObject({ id: 7, result: { content: [] } })
})
