/** Streams that a client leaves and comes back to with Last-Event-ID, through a real relay, agent and server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createToken, fixture, type Share } from '../../harness/selfhost.ts'
import { type JsonObject, toolText } from '../../harness/json.ts'
import { call, createShares, lastId, messages, read, resume } from '../../harness/left-stream.ts'
import { RawClient } from '../../harness/raw-client.ts'

const STEPS = 4
const stack = new AsyncDisposableStack()
let own: Share
let shared: Share

beforeAll(async () => {
  ;({ own, shared } = await createShares(stack, fixture('echo')))
})
afterAll(() => stack.disposeAsync())

function session(share: Share, protocolVersion = '2025-11-25', token = share.clientToken): Promise<RawClient> {
  return RawClient.connect(share, { protocolVersion, capabilities: { sampling: {}, elicitation: {}, roots: {} } }, token)
}

/** What a call of the tool `progress` says, in order. */
function expected(id: unknown, token: string): JsonObject[] {
  const steps = Array.from({ length: STEPS }, (_, index) =>
    expect.objectContaining({ params: expect.objectContaining({ progressToken: token, progress: index + 1 }) as unknown }),
  )
  return [...steps, expect.objectContaining({ id, result: expect.anything() as unknown })] as JsonObject[]
}

describe.each([
  ['a child of its own', () => own],
  ['a shared child', () => shared],
])('the stream of a call to %s', (_name, shareOf) => {
  test.each(Array.from({ length: STEPS + 1 }).map((_, index) => index + 1))(
    'that is cut after event %i goes on with exactly the rest, in order, under the names of its client',
    async (cut) => {
      verifies('promise.5.exactly-the-rest', 'http.resume.by-get')
      const client = await session(shareOf())
      // Another call's messages stand between those of this one.
      await client.callTool('progress', { steps: 3 }, { meta: { progressToken: 'before' } })
      const before = await read(await call(shareOf(), client, 'my id', 'progress', { steps: STEPS }, 'my token'), cut)
      await client.callTool('progress', { steps: 3 }, { meta: { progressToken: 'after' } })
      const after = await read(await resume(client, lastId(before)))
      expect(before[0]).toMatchObject({ data: Buffer.alloc(0) })
      expect(messages([...before, ...after])).toEqual(expected('my id', 'my token'))
    },
  )

  test('that is cut after every single event brings each exactly once', async () => {
    const client = await session(shareOf())
    const events = await read(await call(shareOf(), client, 1, 'progress', { steps: STEPS }, 't'), 1)
    // The event that ends the stream says so in its id; more than one may have come before the first cut.
    for (let index = 0; index <= STEPS && !lastId(events).endsWith('.end'); index++) {
      const [primed, next] = await read(await resume(client, lastId(events)), 2)
      expect(primed).toMatchObject({ id: lastId(events), data: Buffer.alloc(0) })
      if (next !== undefined) events.push(next)
    }
    expect(messages(events)).toEqual(expected(1, 't'))
    expect((await client.raw('GET', { accept: 'text/event-stream', 'last-event-id': lastId(events) })).status).toBe(204)
  })
})

describe('a client that comes back', () => {
  test('while the call runs gets its answer when it comes', async () => {
    const client = await session(own)
    const before = await read(await call(own, client, 7, 'elicit', { message: 'name?' }), 2)
    const [asked] = messages(before)
    expect(asked?.['method']).toBe('elicitation/create')
    await using stream = await resume(client, lastId(before))
    expect((await client.respond(asked?.['id'], { action: 'accept', content: { name: 'x' } })).status).toBe(202)
    const answer = await stream.nextMessage()
    expect(answer).toMatchObject({ id: 7 })
    expect(toolText(answer?.['result'])).toContain('accept')
    expect(await stream.nextMessage()).toBeUndefined()
  })

  test('for a question that it missed is asked again, and can answer it', async () => {
    const client = await session(own)
    const stream = await call(own, client, 7, 'elicit', { message: 'name?' })
    const before = await read(stream, 1)
    await using again = await resume(client, lastId(before))
    const asked = await again.nextMessage()
    expect(asked?.['method']).toBe('elicitation/create')
    await client.respond(asked?.['id'], { action: 'decline' })
    expect(await again.nextMessage()).toMatchObject({ id: 7, result: expect.anything() as unknown })
  })

  test('twice takes its stream away from the first connection', async () => {
    const client = await session(own)
    const stream = await call(own, client, 7, 'elicit', { message: 'name?' })
    const primed = await stream.nextEvent()
    await stream.nextEvent()
    await using again = await resume(client, primed?.id ?? '')
    const asked = await again.nextMessage()
    expect(await read(stream)).toEqual([])
    await client.respond(asked?.['id'], { action: 'decline' })
    expect(await again.nextMessage()).toMatchObject({ id: 7 })
  })

  test('as another principal finds no such session', async () => {
    const client = await session(own)
    const before = await read(await call(own, client, 1, 'progress', { steps: STEPS }, 't'), 2)
    const stranger = new RawClient(own.url, await createToken(own, 'client'))
    stranger.sessionId = client.sessionId
    expect((await stranger.raw('GET', { accept: 'text/event-stream', 'last-event-id': lastId(before) })).status).toBe(404)
  })

  test('with an event id of another session gets nothing of it', async () => {
    verifies('promise.1.sessions-apart', 'http.resume.same-stream')
    for (const share of [own, shared]) {
      const client = await session(share)
      const before = await read(await call(share, client, 1, 'progress', { steps: STEPS }, 't'), 2)
      const other = await session(share, '2025-11-25', await createToken(share, 'client'))
      const [failed, ...more] = messages(await read(await resume(other, lastId(before))))
      expect(failed).toMatchObject({ id: 1, error: { data: { code: 'EVENTS_LOST', executed: 'unknown' } } })
      expect(more).toEqual([])
      expect(messages(await read(await resume(client, lastId(before)))).at(-1)).toHaveProperty('result')
    }
  })

  test.each(['nonsense', 'c.0.0', `c.${'0'.repeat(32)}.!!.0`, 'g.x1-1'])('with the event id %j gets 400', async (lastEventId) => {
    const client = await session(own)
    const refused = await client.raw('GET', { accept: 'text/event-stream', 'last-event-id': lastEventId })
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ error: { data: { code: 'EVENT_ID_UNKNOWN' } } })
  })
})

test('events have ids in revision 2025-06-18 too, but none is empty', async () => {
  const client = await session(own, '2025-06-18')
  const before = await read(await call(own, client, 1, 'progress', { steps: STEPS }, 't'), 2)
  expect(before.every(({ data }) => data.length > 0)).toBe(true)
  const after = await read(await resume(client, lastId(before)))
  expect(messages([...before, ...after])).toEqual(expected(1, 't'))
})

test('a quiet stream of a client that can come back ends, and the answer comes when it does', async () => {
  verifies('promise.5.answer-kept', 'http.stream.retry')
  const client = await session(own)
  const stream = await call(own, client, 'mine', 'wait', { key: 'polled' })
  const before = await read(stream)
  expect(messages(before)).toEqual([])
  expect(before).toHaveLength(1)
  await using again = await resume(client, lastId(before))
  await client.callTool('open', { key: 'polled' })
  expect(toolText((await again.nextMessage())?.['result'])).toBe('opened polled')
})

test('a quiet stream of revision 2025-06-18 stays open while one of 2025-11-25 is ended, until its answer', async () => {
  verifies('http.stream.open-until', 'lifecycle.version.respected')
  const [older, newer] = [await session(own, '2025-06-18'), await session(own)]
  await using stays = await call(own, older, 'mine', 'wait', { key: 'stays' })
  // That it has ended says that the time is over, for both.
  expect(messages(await read(await call(own, newer, 'mine', 'wait', { key: 'ends' })))).toEqual([])
  await older.callTool('open', { key: 'stays' })
  expect(toolText((await stays.nextMessage())?.['result'])).toBe('opened stays')
  expect(await stays.nextMessage()).toBeUndefined()
})

describe('the GET stream', () => {
  const LISTS = ['tools', 'prompts', 'resources', 'tools', 'prompts'].map((list) => `notifications/${list}/list_changed`)

  test('that is cut after every single event brings each exactly once', async () => {
    verifies('promise.5.exactly-the-rest', 'http.get.no-response')
    const client = await session(own)
    const first = await client.listen()
    for (const method of LISTS) await client.callTool('later', { method })
    const events = await read(first, 1)
    for (const _ of LISTS.slice(1)) {
      // The answers of calls must not come here.
      await client.request('ping')
      events.push(...(await read(await resume(client, lastId(events)), 1)))
    }
    expect(messages(events).map(({ method }) => method)).toEqual(LISTS)
    await using last = await resume(client, lastId(events))
    await client.callTool('later', { method: 'notifications/roots/list_changed' })
    expect((await last.nextMessage())?.['method']).toBe('notifications/roots/list_changed')
  })

  test('brings what was said while it was away', async () => {
    verifies('http.resume.by-get')
    const client = await session(own)
    const first = await client.listen()
    await client.callTool('later', { method: LISTS[0] ?? '' })
    const events = await read(first, 1)
    for (const method of LISTS.slice(1)) await client.callTool('later', { method })
    await client.request('ping')
    const rest = await read(await resume(client, lastId(events)), LISTS.length - 1)
    expect(messages([...events, ...rest]).map(({ method }) => method)).toEqual(LISTS)
  })
})
