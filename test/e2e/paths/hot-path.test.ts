/** The hot path writes nothing for a call or an event: what is counted of them is written now and then, however many there are. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createServedShare, fixture, type Relay, type Share, startRelay, untilPinned } from '../../harness/selfhost.ts'
import { toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { USAGE_FLUSH_MS } from '../../../worker/usage-limits.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
let share: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: fixture('echo') })
  await untilPinned(share)
})
afterAll(() => stack.disposeAsync())

/** Rows of one writing: of the link, and of what was called. */
const ROWS_OF_FLUSH = 2
/** What the first writing makes: two tables. */
const ROWS_OF_TABLES = 4

test('total_changes() of the Share moves with time, and not with 1,000 calls and 1,000 streamed events', async () => {
  verifies('promise.7.no-write', 'promise.7.flush')
  const client = new RawClient(share.shareUrl)
  await client.initialize()
  await client.callTool('echo', { text: 'warm' })
  const before = await relay.counter(share, 'total_changes')
  const startMs = Date.now()
  for (let round = 0; round < 20; round++) {
    const texts = Array.from({ length: 50 }, (_, index) => `${round}.${index}`)
    const answers = await Promise.all(texts.map((text) => client.callTool('echo', { text })))
    expect(answers.map((answer) => toolText(answer.last['result']))).toEqual(texts)
  }
  const streamed = await client.callTool('progress', { steps: 1000 }, { meta: { progressToken: 'many' } })
  expect(streamed.messages).toHaveLength(1001)
  const changes = (await relay.counter(share, 'total_changes')) - before
  const flushes = Math.floor((Date.now() - startMs) / USAGE_FLUSH_MS) + 1
  expect(changes).toBeLessThanOrEqual(ROWS_OF_TABLES + ROWS_OF_FLUSH * flushes)
}, 120_000)
