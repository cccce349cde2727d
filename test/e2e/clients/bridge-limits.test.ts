/** Where a bridge to a server of revision 2026-07-28 gives up: rounds, time and bytes, through real parts. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { conformanceServer, createServedShare, type Share, startRelay } from '../../harness/selfhost.ts'
import { asObject, type JsonObject, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'

const MIB = 1024 * 1024
const ELICIT = 'test_input_required_result_elicitation'

const stack = new AsyncDisposableStack()
let share: Share

beforeAll(async () => {
  const relay = stack.use(await startRelay([], { INPUT_WAIT_SECONDS: '1' }))
  share = await createServedShare(stack, relay, { command: conformanceServer('modern') })
})
afterAll(() => stack.disposeAsync())

function session(): Promise<RawClient> {
  return RawClient.connect(share, { capabilities: { elicitation: {} } })
}

/** Calls a tool and answers what it asks; how often that was, and what came last. */
async function callAnswering(client: RawClient, name: string): Promise<{ readonly asked: number; readonly last: JsonObject }> {
  let asked = 0
  const answers: Promise<Response>[] = []
  const { last } = await client.callTool(
    name,
    {},
    {
      onMessage: ({ id, method }) => {
        if (method !== 'elicitation/create') return
        asked++
        answers.push(client.respond(id, { action: 'accept', content: { response: 'more', name: 'Ada' } }))
      },
    },
  )
  await Promise.all(answers)
  return { asked, last }
}

test('a tool that asks for ever is answered eight times and then fails, and the session goes on', async () => {
  verifies('promise.10.rounds')
  const client = await session()
  const { asked, last } = await callAnswering(client, 'test_asks_for_ever')
  expect(asked).toBe(8)
  expect(last['result']).toMatchObject({ isError: true })
  expect(toolText(asObject(last['result']))).toContain('kept asking for input')
  expect((await callAnswering(client, ELICIT)).last['result']).toEqual({ content: [{ type: 'text', text: 'Hello, Ada!' }] })
})

test('a question that is not answered in time fails its tool; an answer that comes later does no harm', async () => {
  verifies('promise.10.rounds', 'lifecycle.timeout.own')
  const client = await session()
  let question: unknown
  const { last } = await client.callTool(
    ELICIT,
    {},
    { onMessage: ({ id, method }) => (method === undefined ? undefined : (question = id)) },
  )
  expect(question).toMatch(/^mcp-edge\./)
  expect(last['result']).toMatchObject({ isError: true })
  expect(toolText(asObject(last['result']))).toContain('failed to give it')
  expect((await client.respond(question, { action: 'accept', content: { name: 'late' } })).status).toBe(202)
  expect((await callAnswering(client, ELICIT)).last['result']).toEqual({ content: [{ type: 'text', text: 'Hello, Ada!' }] })
})

test('an answer of 7 MiB is translated; one of 9 MiB ends in ANSWER_TOO_LARGE, and what else runs goes on', async () => {
  const client = await session()
  const fits = await client.callTool('test_big_answer', { bytes: 7 * MIB })
  expect(Object.keys(asObject(fits.last['result']))).toEqual(['content'])
  expect(toolText(asObject(fits.last['result']))).toHaveLength(7 * MIB)
  const waiting = client.callTool('wait', { key: 'big' })
  await client.callTool('waiting', { key: 'big' })
  const { last } = await client.callTool('test_big_answer', { bytes: 9 * MIB })
  expect(last).toMatchObject({ error: { code: -32603, data: { code: 'ANSWER_TOO_LARGE' } } })
  await client.callTool('open', { key: 'big' })
  expect(toolText(asObject((await waiting).last['result']))).toBe('opened big')
})
