/** Clients that say so much of themselves that it does not fit beside what is kept with a stream. */
import { expect, test } from 'vitest'
import { BigAnswer } from '../harness/big-answer.ts'
import { postModern } from '../harness/handshake-child.ts'
import { createShare } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'

test('a client that says much of itself gets an answer of several frames', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const capabilities = { experimental: { x: { text: '€'.repeat(9_000) } } }
  const response = postModern(share, 'resources/read', { uri: 'a:b' }, { capabilities })
  await agent.expect('open')
  const { header } = await agent.expect('call')
  const answer = new BigAnswer(header, '1', 3_000_000, 1)
  answer.send(agent)
  expect(await (await response).text()).toBe(answer.text)
})
