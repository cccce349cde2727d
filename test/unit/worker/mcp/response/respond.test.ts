import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AgentFrame, ChannelAgentFrame } from '../../../../../protocol/frame.ts'
import { ItemQueue } from '../../../../../worker/carry/item-queue.ts'
import {
  BEGINNING_KEEPALIVE_MS,
  FIRST_ANSWER_MS,
  KEEPALIVE_MS,
  LEAVING_KEEPALIVE_MS,
  MAX_BATCH_CALLS,
} from '../../../../../worker/limits.ts'
import { type Item, responseItem } from '../../../../../worker/mcp/call/item.ts'
import { EventIds } from '../../../../../worker/mcp/response/event-ids.ts'
import type { Exchange } from '../../../../../worker/mcp/response/exchange.ts'
import { clientNames } from '../../../../../worker/mcp/response/frame-writer.ts'
import { respond, respondAgain, respondToBatch } from '../../../../../worker/mcp/response/respond.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf } from './recorded-body.ts'

const BOTH = { json: true, events: true }
const KEY = '0'.repeat(32)
const ANSWER = '{"jsonrpc":"2.0","id":0,"result":{}}'

/** An exchange whose items the test puts. */
class ScriptedExchange implements Exchange {
  readonly items = new ItemQueue<Item>()
  readonly names
  closed = 0
  takenBytes = 0
  isLingering = false
  readonly next = (): Promise<Item | undefined> => this.items.next()
  readonly taken = (bytes: number): void => void (this.takenBytes += bytes)

  constructor(rawId = '7', more: Partial<Exchange> = {}) {
    this.names = clientNames({ rawId, rawToken: '"p"' })
    Object.assign(this, more)
  }

  close(): void {
    this.closed++
    this.items.end()
  }

  linger(): void {
    this.isLingering = true
  }
}

function frame(header: Partial<ChannelAgentFrame>, text: string, size = text.length): Item {
  const message = { ch: 'c.1', n: 1, at: 0, size, key: KEY, ra: `c${KEY}`, id: [22, 23], failed: false }
  return { kind: 'frame', header: { ...message, ...header } as AgentFrame, body: bytesOf(text), restarted: false }
}

const answer = (text = ANSWER, members: Partial<ChannelAgentFrame> = {}): Item => frame({ type: 'answer', ...members }, text)
const LOG = '{"jsonrpc":"2.0","method":"notifications/message"}'
const log = frame({ type: 'notification', method: 'notifications/message' }, LOG)

function respondTo(exchange: Exchange, accepts = BOTH, headers: Record<string, string> = { 'mcp-session-id': 's' }): Promise<Response> {
  return respond(exchange, accepts, new AbortController().signal, headers)
}

/** The messages of an event stream. */
function dataOf(text: string): unknown[] {
  return [...text.matchAll(/^data: (.+)$/gm)].map(([, json]) => JSON.parse(json ?? '') as unknown)
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('respond()', () => {
  test('is JSON with the names of the client where the answer comes first, and closes the exchange', async () => {
    const exchange = new ScriptedExchange('"a"')
    exchange.items.put(answer())
    const response = await respondTo(exchange)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('mcp-session-id')).toBe('s')
    expect(await response.json()).toEqual({ jsonrpc: '2.0', id: 'a', result: {} })
    expect(exchange).toMatchObject({ closed: 1, isLingering: false })
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each<[string, Item, number, unknown]>([
    [
      'a failure of the relay',
      { kind: 'failed', failure: { code: 'SESSION_NOT_FOUND' } },
      404,
      { id: 7, error: { data: { code: 'SESSION_NOT_FOUND' } } },
    ],
    [
      'a failure of the agent',
      frame({ type: 'failed', code: 'AGENT_AWAY', executed: 'no' }, ''),
      503,
      { error: { data: { executed: 'no' } } },
    ],
    ['a response of the relay', responseItem('{"id":7}'), 200, { id: 7 }],
    ['a result of the relay', { kind: 'result', result: '{"a":1}' }, 200, { id: 7, result: { a: 1 } }],
    ['an initialize result', { kind: 'initialized', answer: bytesOf('{"result":{"b":1}}') }, 200, { id: 7, result: { b: 1 } }],
  ])('is JSON of %s', async (_what, item, status, expected) => {
    const exchange = new ScriptedExchange()
    exchange.items.put(item)
    const response = await respondTo(exchange)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject(expected as object)
  })

  test('has no session for an initialize that the server has refused', async () => {
    const exchange = new ScriptedExchange('7', { revision: '2025-11-25' })
    exchange.items.put(answer('{"jsonrpc":"2.0","id":0,"error":{"code":1,"message":"m"}}', { failed: true }))
    expect((await respondTo(exchange)).headers.has('mcp-session-id')).toBe(false)
  })

  test('shows the error of a server in the status for a client of revision 2026-07-28', async () => {
    const exchange = new ScriptedExchange('7', { modern: { cancel: () => undefined } })
    exchange.items.put(answer('{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"m"}}', { failed: true }))
    expect((await respondTo(exchange)).status).toBe(404)
  })

  test('is a stream where another message comes first', async () => {
    const exchange = new ScriptedExchange()
    exchange.items.put(log)
    exchange.items.put(answer(ANSWER, { n: 2 }))
    const response = await respondTo(exchange)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(exchange.isLingering).toBe(true)
    expect(dataOf(await response.text())).toEqual([JSON.parse(LOG), { jsonrpc: '2.0', id: 7, result: {} }])
    expect(exchange.takenBytes).toBe(LOG.length + ANSWER.length)
    expect(exchange.closed).toBeGreaterThan(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each([
    ['a session that begins', { gone: () => {} }, BEGINNING_KEEPALIVE_MS, 2],
    ['a call without session', { modern: { cancel: () => {} } }, LEAVING_KEEPALIVE_MS, 2],
    ['any other call', {}, LEAVING_KEEPALIVE_MS, 1],
  ])('writes so often while %s waits that its client is soon noticed to have left', async (_, more, afterMs, comments) => {
    verifies('promise.6.left-initialize')
    const exchange = new ScriptedExchange('7', more)
    const pending = respondTo(exchange)
    await vi.advanceTimersByTimeAsync(FIRST_ANSWER_MS)
    const response = await pending
    await vi.advanceTimersByTimeAsync(afterMs)
    exchange.items.put(answer())
    expect((await response.text()).match(/^:/gm)).toHaveLength(comments)
  })

  test('is a stream once nothing has come for FIRST_ANSWER_MS, whose progress is kept rising', async () => {
    const exchange = new ScriptedExchange()
    const pending = respondTo(exchange)
    await vi.advanceTimersByTimeAsync(FIRST_ANSWER_MS)
    const response = await pending
    await vi.advanceTimersByTimeAsync(KEEPALIVE_MS)
    exchange.items.put(answer())
    const events = dataOf(await response.text())
    expect(events).toMatchObject([
      { method: 'notifications/progress', params: { progressToken: 'p' } },
      { id: 7, result: {} },
    ])
  })

  test('brings nothing but the answer to a client that takes only JSON', async () => {
    const exchange = new ScriptedExchange()
    exchange.items.put(log)
    exchange.items.put({ kind: 'message', text: LOG })
    exchange.items.put(answer(ANSWER, { n: 2 }))
    const response = await respondTo(exchange, { json: true, events: false })
    expect(JSON.parse(await response.text())).toEqual({ jsonrpc: '2.0', id: 7, result: {} })
    expect(exchange.takenBytes).toBe(LOG.length + ANSWER.length)
  })

  test('is a stream for a client that takes only events, but for what a status can tell', async () => {
    const events = { json: false, events: true }
    const answered = new ScriptedExchange()
    answered.items.put(answer())
    expect((await respondTo(answered, events)).headers.get('content-type')).toBe('text/event-stream')
    const failed = new ScriptedExchange()
    failed.items.put({ kind: 'failed', failure: { code: 'AGENT_AWAY' } })
    expect((await respondTo(failed, events)).status).toBe(503)
  })

  test('cancels the call of a client without session that leaves, before a response and after', async () => {
    for (const isOpen of [false, true]) {
      const cancel = vi.fn<() => void>()
      const exchange = new ScriptedExchange('7', { modern: { cancel } })
      const leaving = new AbortController()
      if (isOpen) exchange.items.put(log)
      const pending = respond(exchange, BOTH, leaving.signal, {})
      if (isOpen) await pending
      leaving.abort()
      expect(cancel).toHaveBeenCalledTimes(1)
      exchange.close()
    }
  })

  test('names the first event and the answer of a stream that its client may leave, and ends one that is quiet', async () => {
    const ids = EventIds.ofCall('s', { key: KEY, rawId: '7', what: { attempt: 1, method: 'm' } })
    const events = { ids: () => ids, prime: { id: () => ids?.first(), quietMs: 1000 } }
    const quiet = new ScriptedExchange('7', { events })
    quiet.items.put(log)
    const left = (await respondTo(quiet)).text()
    await vi.advanceTimersByTimeAsync(1000)
    expect(await left).toMatch(/^id: c\.0{32}\.\S+\.0\nretry: 1000\ndata: \n\n/)
    expect(quiet.closed).toBeGreaterThan(0)
    const asking = new ScriptedExchange('7', { events, isAsking: true })
    asking.items.put(log)
    const kept = (await respondTo(asking)).text()
    await vi.advanceTimersByTimeAsync(5000)
    asking.items.put(answer(ANSWER, { n: 2 }))
    expect(await kept).toMatch(/\nid: c\.0{32}\.\S+\.end\n/)
  })
})

test('respondAgain() writes the rest of a stream, and makes up no progress that may fall', async () => {
  const exchange = new ScriptedExchange('7', { events: { ids: () => undefined, goesOn: { seen: { ch: 'c.1', n: 1 } } } })
  const text = respondAgain(exchange, new AbortController().signal).text()
  await vi.advanceTimersByTimeAsync(KEEPALIVE_MS)
  exchange.items.put(log)
  exchange.items.put(answer(ANSWER, { n: 2 }))
  expect(dataOf(await text)).toEqual([{ jsonrpc: '2.0', id: 7, result: {} }])
})

test.each([
  ['an array', { json: true, events: false }, 'application/json'],
  ['events', BOTH, 'text/event-stream'],
])('respondToBatch() answers all calls as %s', async (_what, accepts, type) => {
  const exchanges = [new ScriptedExchange('1'), new ScriptedExchange('2')]
  const response = respondToBatch(exchanges, accepts, new AbortController().signal)
  exchanges[1]?.items.put(answer())
  exchanges[0]?.items.put({ kind: 'failed', failure: { code: 'CHILD_DIED', executed: 'yes' } })
  const text = await response.text()
  expect(response.headers.get('content-type')).toBe(type)
  const answers = accepts.events ? dataOf(text) : (JSON.parse(text) as unknown[])
  expect(answers).toHaveLength(2)
  expect(answers).toEqual(expect.arrayContaining([expect.objectContaining({ id: 2, result: {} }), expect.objectContaining({ id: 1 })]))
})

test('respondToBatch() has six calls under way at once, and makes no other when its client has left', async () => {
  verifies('http.post.batch', 'promise.10.batch-calls')
  const made: ScriptedExchange[] = []
  function* calls(): Generator<ScriptedExchange> {
    for (let n = 0; n < 20; n++) {
      const call = new ScriptedExchange(String(n))
      made.push(call)
      yield call
    }
  }
  const leave = new AbortController()
  const response = respondToBatch(calls(), { json: false, events: true }, leave.signal)
  expect(made).toHaveLength(MAX_BATCH_CALLS)
  made[3]?.items.put(answer())
  await vi.waitFor(() => expect(made).toHaveLength(MAX_BATCH_CALLS + 1))
  leave.abort()
  await vi.waitFor(() => expect(made.every(({ closed }) => closed > 0)).toBe(true))
  expect(made).toHaveLength(MAX_BATCH_CALLS + 1)
  await response.body?.cancel().catch(() => undefined)
})

test('respondToBatch() answers a batch of any length', async () => {
  verifies('http.post.batch', 'promise.10.batch-calls')
  function* calls(): Generator<ScriptedExchange> {
    for (let n = 0; n < 20; n++) {
      const call = new ScriptedExchange(String(n))
      call.items.put(answer())
      yield call
    }
  }
  const response = respondToBatch(calls(), { json: true, events: false }, new AbortController().signal)
  expect(response.headers.get('cache-control')).toBe('no-store, no-transform')
  const answers: readonly { readonly id: number }[] = await response.json()
  const ids = answers.map(({ id }) => id)
  expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n))
})
