/** The hot path writes nothing: a call and an event leave the Share's storage as it was. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifies } from '../requirements/verifies.ts'
import { createServedShare, fixture, type Relay, type Share, startRelay } from '../harness/selfhost.ts'
import { toolText } from '../harness/json.ts'
import { RawClient } from '../harness/raw-client.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
let share: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: fixture('echo') })
})
afterAll(() => stack.disposeAsync())

test('total_changes() of the Share does not move over 1,000 calls and 1,000 streamed events', async () => {
  verifies('promise.7.no-write')
  const client = new RawClient(share.shareUrl)
  await client.initialize()
  await client.callTool('echo', { text: 'warm' })
  const before = await relay.counter(share, 'total_changes')
  for (let round = 0; round < 20; round++) {
    const texts = Array.from({ length: 50 }, (_, index) => `${round}.${index}`)
    const answers = await Promise.all(texts.map((text) => client.callTool('echo', { text })))
    expect(answers.map((answer) => toolText(answer.last['result']))).toEqual(texts)
  }
  const streamed = await client.callTool('progress', { steps: 1000 }, { meta: { progressToken: 'many' } })
  expect(streamed.messages).toHaveLength(1001)
  expect(await relay.counter(share, 'total_changes')).toBe(before)
}, 120_000)
