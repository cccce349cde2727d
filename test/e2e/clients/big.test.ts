/** Bodies of many megabytes: whole at the other end, and never held whole by the Share. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nonLatinText } from '../../fixtures/non-latin.ts'
import { verifies } from '../../requirements/verifies.ts'
import { createServedShare, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { asObject, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'

const MIB = 1024 * 1024
const LONG = { boundMs: 120_000 }

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

async function connect(name: string): Promise<{ share: Share; client: RawClient }> {
  const share = await createServedShare(stack, relay, { command: fixture(name) })
  const client = await RawClient.connect(share)
  return { share, client }
}

test('a result of 20 MiB of many scripts arrives byte for byte, alone and beside others', async () => {
  verifies('promise.10.chunks')
  const { share, client } = await connect('echo')
  const wanted = nonLatinText(20 * MIB)
  const call = async (accept: string): Promise<void> => {
    const answer = await client.callTool('big', { bytes: 20 * MIB }, { ...LONG, accept })
    expect(toolText(answer.last['result']) === wanted).toBe(true)
  }
  await call('application/json, text/event-stream')
  await Promise.all([call('application/json'), call('text/event-stream')])
  expect(await relay.counter(share, 'buffered_max_bytes')).toBeLessThanOrEqual(4 * MIB)
  expect(await relay.counter(share, 'buffered_bytes')).toBe(0)
}, 180_000)

test('a request of 4 MiB arrives byte for byte', async () => {
  verifies('promise.10.chunks')
  const { share, client } = await connect('echo')
  const text = nonLatinText(4 * MIB)
  const answer = await client.callTool('digest', { text }, LONG)
  const digest = createHash('sha256').update(text).digest('hex')
  expect(toolText(answer.last['result'])).toBe(`${4 * MIB} ${digest}`)
  expect(await relay.counter(share, 'buffered_max_bytes')).toBeLessThanOrEqual(4 * MIB)
}, 120_000)

test('a line of 64 MiB passes, one byte more is LINE_TOO_LONG, and the channel lives on', async () => {
  verifies('promise.10.line')
  const { share, client } = await connect('line-over-limit')
  const fits = await client.callTool('huge', { bytes: 64 * MIB }, LONG)
  // Before a JSON body that comes in chunks stand spaces: they keep the connection alive.
  expect(fits.bodies.at(-1)?.toString('latin1').trimStart().length).toBe(64 * MIB)
  const over = await client.callTool('huge', { bytes: 64 * MIB + 1 }, LONG)
  expect(asObject(asObject(over.last['error'])['data'])['code']).toBe('LINE_TOO_LONG')
  expect(toolText((await client.callTool('echo', { text: 'alive' })).last['result'])).toBe('alive')
  expect(await relay.counter(share, 'buffered_max_bytes')).toBeLessThanOrEqual(4 * MIB)
}, 240_000)
