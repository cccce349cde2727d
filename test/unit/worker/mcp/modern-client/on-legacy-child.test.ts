import { afterEach, beforeEach, describe, expect, type Mock, test, vi } from 'vitest'
import type { AgentFrame } from '../../../../../protocol/frame.ts'
import { scanMessage } from '../../../../../protocol/json/json-scan.ts'
import { splice } from '../../../../../protocol/splice.ts'
import { GATHER_MS, MAX_ASK_BYTES } from '../../../../../worker/limits.ts'
import type { Item, ItemSource } from '../../../../../worker/mcp/call/item.ts'
import { LegacyChild } from '../../../../../worker/mcp/modern-client/on-legacy-child.ts'
import { bytesOf, textOf } from '../../bridge/bytes.ts'
import { answersToChild, type Asked, modernCall } from './modern-request.ts'
import { ScriptedShare } from '../../scripted-share.ts'

const CALL_KEY = 'a'.repeat(32)
const SERVER = { version: 'v1', capabilities: {}, serverInfo: '{"name":"s"}', isRouted: false }

let share: ScriptedShare

beforeEach(() => {
  share = new ScriptedShare().on('park', true)
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

type FrameItem = Extract<Item, { readonly kind: 'frame' }>

function item(header: AgentFrame, body: Uint8Array): FrameItem {
  return { kind: 'frame', header, body, restarted: false }
}

/** The first frame of a message of the child, with the first `held` bytes of it. */
function said(
  text: string,
  more: { readonly n?: number; readonly sure?: true; readonly held?: number; readonly size?: number } = {},
): FrameItem {
  const body = bytesOf(text)
  const facts = scanMessage(body)
  if (!facts.ok) throw new Error(facts.error)
  const { kind, method, id } = facts.value
  const { n = 1, sure, held = body.length, size = body.length } = more
  const numbers = { ch: 'c', n, at: held, size }
  const certain = sure === undefined ? {} : { ra: 'r', sure }
  const span = id?.span ?? [0, 0]
  const part = body.subarray(0, held)
  if (kind === 'notification') return item({ type: 'notification', ...numbers, method, ...certain }, part)
  if (kind === 'request') return item({ type: 'ask', ...numbers, method, id: span, rawId: id?.raw ?? '0', ...certain }, part)
  return item({ type: 'answer', ...numbers, key: CALL_KEY, ra: 'r', id: span, failed: kind === 'error' }, part)
}

function chunk(text: string, offset: number, n = 1): FrameItem {
  const body = bytesOf(text).subarray(offset)
  return item({ type: 'chunk', ch: 'c', n, at: offset + body.length, offset, last: true }, body)
}

/** What comes of the call, one by one; then the child is silent. */
class Inner implements ItemSource {
  readonly #items: Item[]
  takenBytes = 0
  isClosed = false

  constructor(items: readonly Item[]) {
    this.#items = [...items]
  }

  next(): Promise<Item | undefined> {
    const next = this.#items.shift()
    return next === undefined ? new Promise(() => {}) : Promise.resolve(next)
  }

  taken(bytes: number): void {
    this.takenBytes += bytes
  }

  close(): void {
    this.isClosed = true
  }
}

interface Bench {
  readonly inner: Inner
  readonly cancel: Mock<() => void>
  readonly got: Promise<Item | undefined>
}

/** The first thing that the client gets when these have come. */
function carried(items: readonly [Item, ...Item[]], asked: Asked = {}): Bench {
  const [first, ...rest] = items
  const inner = new Inner(rest)
  const cancel = vi.fn<() => void>()
  const child = new LegacyChild(modernCall(share, asked), inner, SERVER, CALL_KEY, 0, cancel)
  return { inner, cancel, got: child.next(first) }
}

const ELICIT = '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"m"}}'
const LOG = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}'
const RESULT = '{"jsonrpc":"2.0","id":9,"result":{"content":[]}}'

describe('LegacyChild.next() of an answer', () => {
  test('makes a modern result of it, which names the server', async () => {
    const got = await carried([said(RESULT)]).got
    expect(got?.kind === 'frame' && textOf(splice(got.body, got.edits ?? []))).toBe(
      '{"jsonrpc":"2.0","id":9,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}},"content":[]}}',
    )
  })

  test("answers an error in the client's id, with the status that it has in the modern era", async () => {
    expect(await carried([said('{"jsonrpc":"2.0","id":9,"error":{"code":-32601,"message":"m"}}')]).got).toEqual({
      kind: 'response',
      http: 404,
      text: '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"m"}}',
    })
  })

  test('has the client asked for a URL that the error wants it to visit', async () => {
    const data = { elicitations: [{ message: 'go', url: 'https://x' }] }
    const wanted = said(JSON.stringify({ jsonrpc: '2.0', id: 9, error: { code: -32042, message: 'm', data } }))
    const got = await carried([wanted], { capabilities: { elicitation: { url: {} } } }).got
    expect(got?.kind === 'result' && JSON.parse(got.result)).toMatchObject({
      resultType: 'input_required',
      inputRequests: { 'ask-1': { method: 'elicitation/create', params: { mode: 'url', message: 'go', url: 'https://x' } } },
    })
    // A client that has not declared it must not be asked (2026-07-28, basic/patterns/mrtr).
    for (const capabilities of [{}, { elicitation: {} }])
      expect(await carried([wanted], { capabilities }).got).toMatchObject({
        kind: 'failed',
        failure: { code: 'CAPABILITY_REQUIRED', requiredCapabilities: { elicitation: { url: {} } } },
      })
  })

  test('passes on what is no frame of the child, and the end of the wait', async () => {
    const failed = { kind: 'failed', failure: { code: 'AGENT_LOST' } } as const
    expect(await carried([failed]).got).toBe(failed)
    const child = new LegacyChild(modernCall(share), new Inner([]), SERVER, CALL_KEY, 0, () => {})
    expect(await child.next(undefined)).toBeUndefined()
  })
})

describe('LegacyChild.next() of a notification', () => {
  test('passes on progress', async () => {
    const progress = said('{"jsonrpc":"2.0","method":"notifications/progress","params":{}}')
    expect(await carried([progress]).got).toBe(progress)
  })

  test('passes on a log message of the level that was asked for, when it is certainly of this call', async () => {
    const log = said(LOG, { sure: true })
    expect(await carried([log], { logLevel: 'info' }).got).toBe(log)
  })

  test('passes on a notification of an extension as it came, but for what its own era says in it, when it is certainly of this call', async () => {
    const meta = '"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"},"com.example/k":[null]}'
    const news = (inMeta: string): string => `{"jsonrpc":"2.0","method":"notifications/com.example/n","params":{"n":1.0,${inMeta}}}`
    const got = await carried([said(news(meta), { sure: true })]).got
    expect(got?.kind === 'frame' && textOf(splice(got.body, got.edits ?? []))).toBe(news('"_meta":{"com.example/k":[null]}'))
  })

  test.each<[string, FrameItem, Asked]>([
    ['a notification of an extension that may be of another call', said('{"jsonrpc":"2.0","method":"com.example/n"}'), {}],
    ['a notification of tasks', said('{"jsonrpc":"2.0","method":"notifications/tasks/status"}', { sure: true }), {}],
    ['a log message that nobody asked for', said(LOG, { sure: true }), {}],
    ['a log message below the level', said(LOG, { sure: true }), { logLevel: 'error' }],
    ['a log message that may be of another call', said(LOG), { logLevel: 'info' }],
    ['another notification', said('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'), {}],
  ])('passes %s over, and gives its credit back', async (_, dropped, asked) => {
    const { inner, got } = carried([dropped, said(RESULT, { n: 2 })], asked)
    expect(await got).toMatchObject({ header: { type: 'answer' } })
    expect(inner.takenBytes).toBe(dropped.body.length)
  })
})

describe('LegacyChild.next() of an ask', () => {
  test('gathers what comes soon, then parks the call and asks its client', async () => {
    const { inner, got } = carried([said(ELICIT), said(ELICIT.replace('"q"', '8'), { n: 2 })])
    await vi.advanceTimersByTimeAsync(GATHER_MS)
    const result = await got
    expect(result?.kind === 'result' && Object.keys(JSON.parse(result.result).inputRequests)).toEqual(['ask-1', 'ask-2'])
    expect(share.asked.park).toMatchObject([[{ call: CALL_KEY, ch: 'c', askCount: 2 }]])
    expect(inner.isClosed).toBe(true)
  })

  test('asks nobody when the answer comes soon after all: the child is told so, but for roots, which are not about this call', async () => {
    const roots = '{"jsonrpc":"2.0","id":"r","method":"roots/list"}'
    const { got } = carried([said(ELICIT), said(roots, { n: 2 }), said(RESULT, { n: 3 })], { capabilities: { elicitation: {}, roots: {} } })
    expect(await got).toMatchObject({ header: { type: 'answer' } })
    expect(share.asked.park).toEqual([])
    expect(answersToChild(share).map((text) => JSON.parse(text) as unknown)).toMatchObject([{ id: 'q', error: { code: -32601 } }])
  })

  test('takes one that comes in parts, and no part of anything else', async () => {
    const { inner, got } = carried([said(ELICIT, { held: 40 }), chunk(ELICIT, 40)])
    await vi.advanceTimersByTimeAsync(GATHER_MS)
    const result = await got
    expect(result?.kind === 'result' && JSON.parse(result.result).inputRequests).toEqual({
      'ask-1': { method: 'elicitation/create', params: { message: 'm' } },
    })
    expect(inner.takenBytes).toBe(bytesOf(ELICIT).length)
    const stranger = chunk(ELICIT, 40, 5)
    expect(await carried([stranger]).got).toBe(stranger)
  })

  test('cancels the call when its client has not declared that it can be asked this', async () => {
    const { inner, cancel, got } = carried([said(ELICIT)], { capabilities: {} })
    expect(await got).toMatchObject({ kind: 'failed', failure: { code: 'CAPABILITY_REQUIRED' } })
    expect([cancel.mock.calls.length, inner.isClosed, share.asked.send.length]).toEqual([1, true, 1])
  })

  test('refuses one that is too large to be kept, and goes on', async () => {
    const { got } = carried([said(ELICIT, { size: MAX_ASK_BYTES + 1 }), said(RESULT, { n: 2 })])
    expect(await got).toMatchObject({ header: { type: 'answer' } })
    expect(JSON.parse(answersToChild(share)[0] ?? '{}')).toMatchObject({ id: 'q', error: { code: -32601 } })
  })

  test('passes the rest of one that is too large over: it is refused once', async () => {
    const begun = bytesOf(ELICIT).length
    const rest = new Uint8Array(MAX_ASK_BYTES + 1 - begun)
    const chunks = [0, 500_000].map((at, index) =>
      item({ type: 'chunk', ch: 'c', n: 1, at: 0, offset: begun + at }, rest.subarray(at, index === 0 ? 500_000 : undefined)),
    )
    const { inner, got } = carried([said(ELICIT, { size: MAX_ASK_BYTES + 1 }), ...chunks, said(RESULT, { n: 2 })])
    expect(await got).toMatchObject({ header: { type: 'answer' } })
    expect(answersToChild(share)).toHaveLength(1)
    expect(inner.takenBytes).toBe(MAX_ASK_BYTES + 1)
  })

  test('answers it by itself during a request that may not require input', async () => {
    const { got } = carried([said(ELICIT), said('{"jsonrpc":"2.0","id":9,"result":{"tools":[]}}', { n: 2 })], {
      method: 'tools/list',
      params: {},
    })
    expect(await got).toMatchObject({ header: { type: 'answer' } })
    expect([share.asked.send.length, share.asked.park.length]).toEqual([1, 0])
  })
})
