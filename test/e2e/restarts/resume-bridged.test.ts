/** Streams of sessions on a server of revision 2026-07-28, which their clients leave and come back to, through real parts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { conformanceServer, type Share } from '../../harness/selfhost.ts'
import { asObject, type JsonObject, toolText } from '../../harness/json.ts'
import { call, createShares, lastId, messages, read, resume } from '../../harness/left-stream.ts'
import { RawClient } from '../../harness/raw-client.ts'

/** The steps that `test_tool_with_progress` reports. */
const STEPS = [0, 50, 100]
const ELICIT = 'test_input_required_result_elicitation'
const GIVEN = { action: 'accept', content: { name: 'Ada' } }

const stack = new AsyncDisposableStack()
let own: Share
let shared: Share

beforeAll(async () => {
  ;({ own, shared } = await createShares(stack, conformanceServer('modern')))
})
afterAll(() => stack.disposeAsync())

function session(share: Share, capabilities: JsonObject = { elicitation: {} }): Promise<RawClient> {
  return RawClient.connect(share, { capabilities })
}

/** What a call of `test_tool_with_progress` says, in order, in the words of the handshake era. */
function expected(id: unknown, token: string): JsonObject[] {
  const steps = STEPS.map((progress) =>
    expect.objectContaining({ params: expect.objectContaining({ progressToken: token, progress }) as unknown }),
  )
  return [...steps, expect.objectContaining({ id, result: { content: [expect.anything()] } })] as JsonObject[]
}

describe.each([
  ['a child of its own', () => own],
  ['a shared child', () => shared],
])('the stream of a translated call to %s', (_name, shareOf) => {
  test.each(Array.from({ length: STEPS.length + 1 }).map((_, index) => index + 1))(
    'that is cut after event %i goes on with exactly the rest, in order, translated, under the names of its client',
    async (cut) => {
      const client = await session(shareOf())
      const other = await session(shareOf())
      // Messages of others stand between those of this call.
      const noise = [client, other].map((one) => one.callTool('test_tool_with_progress', {}, { meta: { progressToken: 'before' } }))
      const before = await read(await call(shareOf(), client, 'my id', 'test_tool_with_progress', {}, 'my token'), cut)
      await Promise.all(noise)
      const after = await read(await resume(client, lastId(before)))
      expect(before[0]).toMatchObject({ data: Buffer.alloc(0) })
      expect(messages([...before, ...after])).toEqual(expected('my id', 'my token'))
    },
  )

  test('that is cut after every single event brings each exactly once', async () => {
    const client = await session(shareOf())
    const events = await read(await call(shareOf(), client, 1, 'test_tool_with_progress', {}, 't'), 1)
    for (let index = 0; index <= STEPS.length && !lastId(events).endsWith('.end'); index++) {
      const [primed, next] = await read(await resume(client, lastId(events)), 2)
      expect(primed).toMatchObject({ id: lastId(events), data: Buffer.alloc(0) })
      if (next !== undefined) events.push(next)
    }
    expect(messages(events)).toEqual(expected(1, 't'))
    expect((await client.raw('GET', { accept: 'text/event-stream', 'last-event-id': lastId(events) })).status).toBe(204)
  })

  test('that is quiet ends, and the answer comes when its client is back', async () => {
    const client = await session(shareOf())
    const before = await read(await call(shareOf(), client, 'mine', 'wait', { key: 'polled' }))
    expect(messages(before)).toEqual([])
    await using again = await resume(client, lastId(before))
    await client.callTool('open', { key: 'polled' })
    const answer = await again.nextMessage()
    expect(answer).toMatchObject({ id: 'mine' })
    expect(answer?.['result']).toEqual({ content: [{ type: 'text', text: 'opened polled' }] })
  })
})

describe('a client that is asked', () => {
  test('and leaves before its answer is asked again when it is back, and its answer goes into the call', async () => {
    const client = await session(own)
    const before = await read(await call(own, client, 7, ELICIT, {}), 2)
    const [question] = messages(before)
    await using again = await resume(client, lastId(before))
    const repeated = await again.nextMessage()
    expect(repeated).toEqual(question)
    expect((await client.respond(repeated?.['id'], GIVEN)).status).toBe(202)
    const answer = await again.nextMessage()
    expect(answer).toMatchObject({ id: 7 })
    expect(toolText(asObject(answer?.['result']))).toBe('Hello, Ada!')
    expect(await again.nextMessage()).toBeUndefined()
  })

  test('after it has left and come back at once is asked on the stream with which it is back', async () => {
    const client = await session(own)
    const events = await read(await call(own, client, 7, 'wait_and_ask', { key: 'at once' }, 't'), 2)
    const seen = events.length
    let again = await resume(client, lastId(events))
    await client.callTool('open', { key: 'at once' })
    for (;;) {
      events.push(...(await read(again, 2)))
      if (messages(events.slice(seen)).length > 0) break
      // A stream that is quiet for a second ends, and its client is to come back.
      again = await resume(client, lastId(events))
    }
    const [question] = messages(events.slice(seen))
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'Who is there?' } })
    expect((await client.respond(question?.['id'], GIVEN)).status).toBe(202)
    const rest = messages(await read(await resume(client, lastId(events))))
    expect(rest.at(-1)).toMatchObject({ id: 7, result: { content: [{ type: 'text', text: 'Hello, Ada!' }] } })
  })

  test('and leaves after its answer gets the result of the call that was made with it', async () => {
    verifies('promise.5.answer-kept')
    const client = await session(own)
    await using stream = await call(own, client, 7, ELICIT, {})
    const primed = await stream.nextEvent()
    const question = await stream.nextMessage()
    await client.respond(question?.['id'], GIVEN)
    // The answer comes on this stream, or else on the next: the call is made once.
    await stream[Symbol.asyncDispose]()
    const rest = messages(await read(await resume(client, primed?.id ?? '')))
    const answers = rest.filter(({ id }) => id === 7)
    expect(answers).toEqual([expect.objectContaining({ result: { content: [{ type: 'text', text: 'Hello, Ada!' }] } })])
  })

  test('in two rounds and leaves in the second goes on with that', async () => {
    const client = await session(own)
    await using stream = await call(own, client, 7, 'test_input_required_result_multi_round', {})
    const primed = await stream.nextEvent()
    await client.respond((await stream.nextMessage())?.['id'], GIVEN)
    const second = await stream.nextMessage()
    expect(JSON.stringify(second)).toContain('color')
    await stream[Symbol.asyncDispose]()
    await using again = await resume(client, primed?.id ?? '')
    const repeated = await again.nextMessage()
    expect(repeated).toEqual(second)
    await client.respond(repeated?.['id'], { action: 'accept', content: { color: 'green' } })
    expect(toolText(asObject((await again.nextMessage())?.['result']))).toBe('Ada likes green')
  })
})
