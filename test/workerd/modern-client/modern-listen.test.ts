/** What a child of the handshake era says unasked to modern clients: listens, resource updates, log messages. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, expect, describe, test, vi } from 'vitest'
import { LISTENER_LAG_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { callTool, HandshakeChild, postModern } from '../harness/handshake-child.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { createShare, EventReader, factsOf, resetShare, stubOf } from '../harness/relay.ts'
import { bodyText, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'

const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId'
const TOOLS_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
const RESOURCES_CHANGED = '{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}'

function updated(uri: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"${uri}"}}`
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params: {
    readonly uri?: string
    readonly notifications?: object
    readonly level?: string
    readonly _meta?: Record<string, unknown>
  }
  readonly result?: object
}

async function nextMessage(events: EventReader): Promise<Message> {
  const text = await events.next()
  if (text === undefined) throw new Error('the stream has ended')
  return JSON.parse(text) as Message
}

/** A listen that was acknowledged, and what of its filter was honoured. */
async function listen(
  child: HandshakeChild,
  id: number,
  notifications: object,
): Promise<{ events: EventReader; honoured: object | undefined }> {
  const response = await postModern(child.share, 'subscriptions/listen', { notifications }, { id })
  const events = new EventReader(response)
  const acknowledged = await nextMessage(events)
  expect(acknowledged).toMatchObject({ method: 'notifications/subscriptions/acknowledged', params: { _meta: { [SUBSCRIPTION_ID]: id } } })
  return { events, honoured: acknowledged.params.notifications }
}

/** A child that was greeted, and its channel. */
async function greeted(): Promise<{ readonly child: HandshakeChild; readonly ch: string }> {
  const child = await HandshakeChild.connect()
  expect(await child.hasHeardNothing()).toBe(true)
  const [ch = ''] = child.opened
  return { child, ch }
}

/** Resource updates of 3 MiB in all, for the last of which the agent asks for credit. */
function flood(child: HandshakeChild, ch: string): string {
  const uri = 'x:1'
  const text = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"${uri}","pad":"${'x'.repeat(200_000)}"}}`
  for (let n = 1; n <= FLOOD_MESSAGES; n++) child.agent.notify(ch, text, n === FLOOD_MESSAGES ? { uri, ack: true } : { uri })
  return text
}
const FLOOD_MESSAGES = 16

async function buffered(child: HandshakeChild): Promise<number> {
  return (await factsOf(child.share)).counters.buffered_bytes
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('subscriptions/listen', () => {
  test('is acknowledged with what the server can honour, and brings that to those who asked for it', async () => {
    verifies(
      'modern.listen.acknowledged-first',
      'modern.listen.asked-only',
      'modern.listen.id',
      'modern.listen.several',
      'lifecycle.capabilities.offered',
    )
    const { child, ch } = await greeted()
    // The server has prompts, and never says that they change.
    const tools = await listen(child, 5, { toolsListChanged: true, promptsListChanged: true })
    const resources = await listen(child, 6, { resourcesListChanged: true })
    expect([tools.honoured, resources.honoured]).toEqual([{ toolsListChanged: true }, { resourcesListChanged: true }])
    child.agent.notify(ch, RESOURCES_CHANGED)
    child.agent.notify(ch, TOOLS_CHANGED)
    child.agent.notify(ch, RESOURCES_CHANGED)
    const mark = (id: number): object => ({ _meta: { [SUBSCRIPTION_ID]: id } })
    expect(await nextMessage(tools.events)).toMatchObject({ method: 'notifications/tools/list_changed', params: mark(5) })
    for (const _ of [1, 2])
      expect(await nextMessage(resources.events)).toMatchObject({ method: 'notifications/resources/list_changed', params: mark(6) })
    await tools.events.cancel()
    await resources.events.cancel()
  })

  test('subscribes the child once for each URI, and unsubscribes it when the last listen has gone', async () => {
    verifies('modern.listen.asked-only')
    const { child, ch } = await greeted()
    const first = await listen(child, 1, { resourceSubscriptions: ['x:1', 'x:2'] })
    const told: unknown[] = []
    for (const _ of [1, 2]) told.push(await tellOf(child))
    const second = await listen(child, 2, { resourceSubscriptions: ['x:2', 'x:3'] })
    told.push(await tellOf(child))
    expect(told).toEqual([
      ['resources/subscribe', 'x:1'],
      ['resources/subscribe', 'x:2'],
      ['resources/subscribe', 'x:3'],
    ])
    for (const uri of ['x:1', 'x:3', 'x:2']) child.agent.notify(ch, updated(uri), { uri })
    const uris = async (events: EventReader): Promise<unknown[]> => [
      (await nextMessage(events)).params.uri,
      (await nextMessage(events)).params.uri,
    ]
    expect([await uris(first.events), await uris(second.events)]).toEqual([
      ['x:1', 'x:2'],
      ['x:3', 'x:2'],
    ])
    await first.events.cancel()
    expect(await tellOf(child)).toEqual(['resources/unsubscribe', 'x:1'])
    await second.events.cancel()
    expect([await tellOf(child), await tellOf(child)]).toEqual([
      ['resources/unsubscribe', 'x:2'],
      ['resources/unsubscribe', 'x:3'],
    ])
  })

  test('brings no progress and no log message of a call', async () => {
    verifies('modern.http.listen-only', 'modern.listen.asked-only')
    const { child, ch } = await greeted()
    const { events } = await listen(child, 1, { toolsListChanged: true })
    const response = callTool(child.share, 'a', { id: 2, logLevel: 'info' })
    child.answer(await child.expect('call'), {})
    const call = await child.expect('call')
    const { ra } = call.header
    const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}'
    const log = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"d"}}'
    for (const text of [progress, log]) child.agent.notify(ch, text, { ra, sure: true })
    child.agent.notify(ch, log)
    child.answer(call, { content: [] })
    await (await response).text()
    child.agent.notify(ch, TOOLS_CHANGED)
    expect(await nextMessage(events)).toMatchObject({ method: 'notifications/tools/list_changed' })
    await events.cancel()
  })

  test('lets the Share sleep: what changes later is told still', async () => {
    verifies('promise.6.state-survives')
    const { child, ch } = await greeted()
    const { events } = await listen(child, 1, { toolsListChanged: true })
    await evictDurableObject(stubOf(child.share))
    child.agent.notify(ch, TOOLS_CHANGED)
    expect(await nextMessage(events)).toMatchObject({ method: 'notifications/tools/list_changed' })
    await events.cancel()
  })

  test('asks again for what it had subscribed to, after a reset of the Share', async () => {
    verifies('promise.4.state-replayed')
    const { child, ch } = await greeted()
    const { events } = await listen(child, 1, { resourceSubscriptions: ['x:1'] })
    expect(await tellOf(child)).toEqual(['resources/subscribe', 'x:1'])
    await resetShare(child.share)
    child.agent = await ScriptedAgent.connect(child.share, { era: 'legacy', ...survivorOf(ch, child.agent) })
    expect(await tellOf(child)).toEqual(['resources/subscribe', 'x:1'])
    // Its stream comes after it, and answers to a call after that.
    expect(await child.hasHeardNothing()).toBe(true)
    child.agent.notify(ch, updated('x:1'), { uri: 'x:1' })
    expect((await nextMessage(events)).params.uri).toBe('x:1')
    await events.cancel()
  })

  test('pays as its client reads, so that the agent may go on', async () => {
    verifies('promise.10.credit')
    const { child, ch } = await greeted()
    const { events } = await listen(child, 1, { resourceSubscriptions: ['x:1'] })
    await tellOf(child)
    flood(child, ch)
    expect((await child.expect('receipt')).header.ch).toBe(ch)
    expect(await buffered(child)).toBeGreaterThan(2 * 1024 * 1024)
    for (let n = 1; n <= FLOOD_MESSAGES; n++) await events.next()
    expect((await child.expect('credit')).header.ch).toBe(ch)
    await vi.waitFor(async () => expect(await buffered(child)).toBe(0))
    await events.cancel()
  })

  test('that is not read ends with EVENTS_LOST after a while, and its group goes on', async () => {
    verifies('promise.10.slow-listener')
    const { child, ch } = await greeted()
    const { events } = await listen(child, 1, { resourceSubscriptions: ['x:1'] })
    await tellOf(child)
    const timers = heldTimers(LISTENER_LAG_MS)
    flood(child, ch)
    await child.expect('receipt')
    await vi.waitFor(() => expect(timers.count).toBe(1))
    timers.end()
    expect((await child.expect('credit')).header.ch).toBe(ch)
    expect(await tellOf(child)).toEqual(['resources/unsubscribe', 'x:1'])
    expect(await buffered(child)).toBe(0)
    // What had come for it, and then the reason.
    for (let n = 1; n <= FLOOD_MESSAGES; n++) await events.next()
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 1, error: { data: { code: 'EVENTS_LOST' } } })
    expect(await events.next()).toBeUndefined()
  })

  test('on a child of its own era that is not read is cancelled after a while', async () => {
    verifies('promise.10.slow-listener')
    const timers = heldTimers(LISTENER_LAG_MS)
    const share = await createShare()
    const child = new HandshakeChild(share, await ScriptedAgent.connect(share, { era: 'modern' }))
    const response = postModern(share, 'subscriptions/listen', { notifications: { resourceSubscriptions: ['x:1'] } })
    const { header } = await child.expect('call')
    const text = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"pad":"${'x'.repeat(200_000)}"}}`
    const send = (more: object): unknown => child.agent.notify(header.ch, text, { ra: header.ra, sure: true, ...more })
    send({})
    const events = new EventReader(await response)
    for (let n = 2; n <= FLOOD_MESSAGES; n++) send(n === FLOOD_MESSAGES ? { ack: true } : {})
    await child.expect('receipt')
    await vi.waitFor(() => expect(timers.count).toBe(1))
    timers.end()
    const next = [await child.next(), await child.next()].map((frame) => frame.header)
    expect(next).toMatchObject([{ type: 'credit' }, { type: 'notify', cancels: header.key }])
    for (let n = 1; n <= FLOOD_MESSAGES; n++) await events.next()
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 1, error: { data: { code: 'EVENTS_LOST' } } })
  })

  test('ends with its result when the child dies', async () => {
    verifies('modern.listen.ends-with-result')
    const { child, ch } = await greeted()
    const { events } = await listen(child, 9, { toolsListChanged: true })
    child.agent.send({ type: 'died', ch, reason: 'exit', exitCode: 0 })
    expect(await nextMessage(events)).toEqual({
      jsonrpc: '2.0',
      id: 9,
      result: { resultType: 'complete', _meta: { [SUBSCRIPTION_ID]: 9 } },
    })
    expect(await events.next()).toBeUndefined()
  })
})

/** Method and URI of the relay's next own request to the child. */
async function tellOf(child: HandshakeChild): Promise<readonly [string, unknown]> {
  const call = await child.expect('call')
  child.answer(call, {})
  const { params } = JSON.parse(bodyText(call)) as { params: { uri: unknown } }
  return [call.header.method, params.uri]
}

test('a notification of an extension goes to the call that it is certainly of, and to no listen', async () => {
  verifies('promise.1.extension-kinds')
  const child = await HandshakeChild.connect()
  const news = (n: number): string => `{"jsonrpc":"2.0","method":"notifications/com.example/n","params":{"n":${n}}}`
  const response = callTool(child.share, 'a')
  const call = await child.expect('call')
  const { ch, ra } = call.header
  child.agent.notify(ch, news(1), { ra })
  child.agent.notify(ch, news(2), { ra, sure: true })
  child.answer(call, { content: [] })
  const events = new EventReader(await response)
  expect(await nextMessage(events)).toMatchObject({ method: 'notifications/com.example/n', params: { n: 2 } })
  expect(await nextMessage(events)).toMatchObject({ id: 1, result: { content: [] } })
})

describe('a log message', () => {
  const log = (level: string): string => `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"${level}","data":"d"}}`

  test('goes to a call that asked for its level, when it is certainly of that call', async () => {
    verifies('modern.http.related')
    const child = await HandshakeChild.connect()
    const response = callTool(child.share, 'a', { logLevel: 'warning' })
    const setLevel = await child.expect('call')
    expect([setLevel.header.method, JSON.parse(bodyText(setLevel))]).toMatchObject(['logging/setLevel', { params: { level: 'warning' } }])
    child.answer(setLevel, {})
    const call = await child.expect('call')
    const { ch, ra } = call.header
    child.agent.notify(ch, log('info'), { ra, sure: true })
    child.agent.notify(ch, log('error'), { ra })
    child.agent.notify(ch, log('error'))
    child.agent.notify(ch, log('warning'), { ra, sure: true })
    child.agent.notify(ch, log('alert'), { ra, sure: true })
    child.answer(call, { content: [] })
    const events = new EventReader(await response)
    expect([(await nextMessage(events)).params.level, (await nextMessage(events)).params.level]).toEqual(['warning', 'alert'])
    expect(await nextMessage(events)).toMatchObject({ id: 1, result: { content: [] } })
  })

  test('does not go to a call that asked for no level', async () => {
    verifies('modern.http.related')
    const child = await HandshakeChild.connect()
    const response = callTool(child.share, 'a')
    const call = await child.expect('call')
    child.agent.notify(call.header.ch, log('emergency'), { ra: call.header.ra, sure: true })
    child.answer(call, { content: [] })
    const text = await (await response).text()
    expect(text).toContain('"content":[]')
    expect(text).not.toContain('emergency')
  })
})
