import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AgentFrame } from '../../../../../protocol/frame.ts'
import { encodeFrame } from '../../../../../protocol/frame-codec.ts'
import { encodeReturnAddress } from '../../../../../worker/contract/return-address.ts'
import { CUT_CLOSE } from '../../../../../worker/contract/trust/pass.ts'
import { STREAM_CLOSE, type StreamControl } from '../../../../../worker/contract/streams.ts'
import { BEGINNING_KEEPALIVE_MS, KEEPALIVE_MS, MAX_REATTACHES, REATTACH_MS } from '../../../../../worker/limits.ts'
import { MAX_MADE_AGAIN } from '../../../../../worker/routing-limits.ts'
import { Listener } from '../../../../../worker/mcp/legacy-client/listener.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { resetError, ScriptedShare } from '../../scripted-share.ts'
import { CALLER, FACTS, KEY, response, rpcAnswer } from './modern-server.ts'

const UPDATED = '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}'
const PENDING = { type: 'pending', method: 'tools/call', key: KEY, rawId: '"a"', rawToken: '"p"', restarted: false } as const

function notification(n: number, members: Partial<Extract<AgentFrame, { type: 'notification' }>> = {}): AgentFrame {
  const facts = { ch: 'sess.1', n, at: 0, size: UPDATED.length, method: 'notifications/resources/updated' }
  return { type: 'notification', ...facts, ...members }
}

/** How a call has failed, as a frame. */
function failedAnswer(key: string): Uint8Array {
  return encodeFrame({ type: 'failed', ch: 'sess.2', key, ra: `c${key}${CALLER.session}`, code: 'DUPLICATE_ID', executed: 'no' })
}

/** The answer to a call that was announced by this id. */
function rpcAnswerOf(rawId: string): [AgentFrame, string] {
  const ra = encodeReturnAddress({ to: 'session', session: CALLER.session, rawId })
  const text = response('{}')
  return [{ type: 'answer', ch: 'sess.1', n: 1, at: 0, size: text.length, key: KEY, ra, id: [22, 23], failed: false }, text]
}

/** A listener whose stream is open, and what its client has read. */
async function listening(kind: 'listen' | 'session' = 'session') {
  const share = new ScriptedShare()
  const leaving = new AbortController()
  const listener = new Listener(share.client, CALLER, kind, leaving.signal)
  expect(await listener.open()).toBe(true)
  const reader = listener.messages.body.readable.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const reading = (async () => {
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) text += value
  })()
  /** The messages that the client has by now. */
  const messages = async (): Promise<unknown[]> => {
    await vi.advanceTimersByTimeAsync(0)
    return [...text.matchAll(/^data: (.+)$/gm)].map(([, json]) => JSON.parse(json ?? '') as unknown)
  }
  return { share, listener, leave: () => leaving.abort(), messages, events: () => text, reading }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('Listener.open()', () => {
  test('is false where the caller has no such session, and ends the body', async () => {
    const listener = new Listener(new ScriptedShare().on('open', null).client, CALLER, 'listen', new AbortController().signal)
    expect(await listener.open()).toBe(false)
    expect(listener.messages.body.isOpen).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('rejects where its client is not let in, and ends the body', async () => {
    const share = new ScriptedShare().on('open', { kind: 'refused', code: 'LINK_REVOKED' })
    const listener = new Listener(share.client, CALLER, 'listen', new AbortController().signal)
    await expect(listener.open()).rejects.toMatchObject({ failure: { code: 'UNAUTHORIZED' } })
    expect([listener.messages.body.isOpen, vi.getTimerCount()]).toEqual([false, 0])
  })

  test('goes on where a client that has come back had left off', async () => {
    const share = new ScriptedShare()
    const mark = { child: 'own', generation: 1, n: 4 } as const
    await new Listener(share.client, CALLER, 'listen', new AbortController().signal, mark).open()
    expect(share.opened).toEqual([{ kind: 'listen', ...CALLER, child: 'own', generation: '1', n: '4' }])
  })
})

describe('Listener', () => {
  test('writes what the child says, under event ids on a GET stream', async () => {
    const { share, messages, events } = await listening('listen')
    share.socket.pass(notification(3), UPDATED)
    expect(await messages()).toEqual([JSON.parse(UPDATED)])
    expect(events()).toContain('id: g.o1-3\n')
  })

  test('attaches again after a reset, and writes nothing twice', async () => {
    const { share, messages } = await listening('listen')
    share.socket.pass(notification(3), UPDATED)
    share.socket.end(1006)
    await vi.advanceTimersByTimeAsync(REATTACH_MS)
    share.socket.pass(notification(3), UPDATED)
    share.socket.pass(notification(4), UPDATED)
    expect(share.opened.at(-1)).toMatchObject({ n: '2' })
    expect(await messages()).toHaveLength(2)
  })

  test('attaches again as long as it has tries, and the client sees nothing', async () => {
    const { share, messages } = await listening('listen')
    share.on('open', ...Array.from({ length: MAX_REATTACHES - 1 }, resetError))
    share.socket.end(1006)
    await vi.advanceTimersByTimeAsync(MAX_REATTACHES * REATTACH_MS)
    share.socket.pass(notification(3), UPDATED)
    expect(await messages()).toHaveLength(1)
  })

  test.each([
    ['its session has ended', STREAM_CLOSE.ENDED],
    ['another stream of the session took its place', STREAM_CLOSE.REPLACED],
    ['the Share was reset and is not there, however often it is tried', 1006],
  ])('ends the body when %s', async (_when, code) => {
    const { share, reading, listener } = await listening()
    share.on('open', ...Array.from({ length: MAX_REATTACHES }, resetError))
    share.socket.end(code)
    await vi.advanceTimersByTimeAsync(MAX_REATTACHES * REATTACH_MS)
    await reading
    expect(listener.messages.body.isOpen).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('closes its stream when the client leaves', async () => {
    const { share, leave } = await listening()
    leave()
    expect(share.socket.closedWith).toBe(1000)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('finds out soon that a client has left which waits for initialize, and says so', async () => {
    verifies('promise.2.start-taken-over')
    const { share, leave, events, messages } = await listening()
    const keepAlives = async (): Promise<number> => {
      await vi.advanceTimersByTimeAsync(2 * BEGINNING_KEEPALIVE_MS)
      await messages()
      return events().split(':\n\n').length - 1
    }
    const before = await keepAlives()
    share.socket.tell({ ...PENDING, method: 'initialize' })
    expect(await keepAlives()).toBe(before + 2)
    leave()
    expect(share.socket.closedWith).toBe(STREAM_CLOSE.LEFT)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('writes no more for the sake of initialize once that is answered', async () => {
    const { share, leave } = await listening()
    share.socket.tell({ ...PENDING, method: 'initialize' })
    share.socket.pass(...rpcAnswerOf('"a"'))
    await vi.advanceTimersByTimeAsync(BEGINNING_KEEPALIVE_MS)
    expect(vi.getTimerCount()).toBe(1)
    leave()
    expect(share.socket.closedWith).toBe(1000)
  })

  test('puts the names of a call back into its answer', async () => {
    const { share, messages } = await listening()
    share.socket.tell(PENDING)
    share.socket.pass(...rpcAnswerOf('"a"'))
    expect(await messages()).toEqual([{ jsonrpc: '2.0', id: 'a', result: {} }])
    share.socket.tell({ type: 'lost', agent: 'a', failure: { code: 'AGENT_LOST', executed: 'unknown' } })
    expect(await messages()).toHaveLength(1)
  })

  test('keeps the progress of calls that wait rising, as long as nothing is half written', async () => {
    const { share, messages } = await listening()
    share.socket.tell(PENDING)
    await vi.advanceTimersByTimeAsync(KEEPALIVE_MS)
    expect(await messages()).toMatchObject([{ method: 'notifications/progress', params: { progressToken: 'p', progress: 0 } }])
  })

  test('fails the calls that are lost, and with an agent that is back those that it has not got', async () => {
    const { share, messages } = await listening()
    share.socket.tell(PENDING)
    share.socket.tell({ ...PENDING, key: 'f'.repeat(32), rawId: '8' })
    share.socket.tell({ type: 'held', agent: 'a', keys: [KEY] })
    expect(await messages()).toMatchObject([{ id: 8, error: { data: { code: 'AGENT_LOST', executed: 'no' } } }])
    share.socket.tell({ type: 'lost', agent: 'a', failure: { code: 'AGENT_LOST', executed: 'unknown' } })
    expect(await messages()).toMatchObject([{ id: 8 }, { id: 'a', error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } }])
  })

  test('fails no calls of another agent than of which it is told', async () => {
    verifies('promise.serves.once')
    const { share, messages } = await listening()
    share.socket.tell({ ...PENDING, agent: 'b' })
    share.socket.tell({ type: 'held', agent: 'a', keys: [] })
    share.socket.tell({ type: 'lost', agent: 'a', failure: { code: 'AGENT_LOST', executed: 'unknown' } })
    expect(await messages()).toEqual([])
    share.socket.tell({ type: 'lost', agent: 'b', failure: { code: 'AGENT_LOST', executed: 'unknown' } })
    expect(await messages()).toMatchObject([{ id: 'a', error: { data: { executed: 'unknown' } } }])
  })

  test.each<[string, StreamControl, unknown]>([
    ['an answer of the relay', { type: 'answer', rawId: '7', result: '{}' }, { id: 7, result: {} }],
    [
      'an initialize result, in the revision of the client',
      { type: 'initialized', rawId: '7', answer: '{"result":{"protocolVersion":"2025-11-25"}}', revision: '2024-11-05' },
      { id: 7, result: { protocolVersion: '2024-11-05' } },
    ],
    ['changed lists', { type: 'changed', methods: ['notifications/tools/list_changed'] }, { method: 'notifications/tools/list_changed' }],
    [
      'what is kept of a server that is away',
      {
        type: 'standby',
        rawId: '7',
        method: 'tools/list',
        standby: { kind: 'standby', name: 'tools/list', era: 'legacy', sinceMs: 0, answer: response('{"tools":[]}') },
      },
      { id: 7, result: { tools: [] } },
    ],
  ])('writes %s', async (_what, control, expected) => {
    const { share, messages } = await listening()
    share.socket.tell(control)
    expect(await messages()).toMatchObject([expected])
  })

  test('answers each call that is under way when its client is let in no more, and ends', async () => {
    const { share, messages, reading } = await listening()
    share.socket.tell(PENDING)
    share.socket.tell({ type: 'translate', key: 'k', body: '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"t"}}' })
    await messages()
    share.socket.end(CUT_CLOSE.LINK_REVOKED)
    const error = { data: { code: 'UNAUTHORIZED', executed: 'unknown' } }
    expect(await messages()).toMatchObject([
      { id: 'a', error },
      { id: 9, error },
    ])
    await reading
    expect(share.opened).toHaveLength(1)
  })

  test('makes a call that must be translated, and writes what it brings', async () => {
    const { share, messages } = await listening()
    share.on('call', { kind: 'bridge', facts: FACTS }, rpcAnswer(response('{"resultType":"complete","content":[]}')))
    share.socket.tell({ type: 'translate', key: 'k', body: '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"t"}}' })
    expect(await messages()).toEqual([{ jsonrpc: '2.0', id: 9, result: { content: [] } }])
  })

  test('makes a call again that was made in vain, under its key, and nothing more comes of the try before', async () => {
    const { share, messages } = await listening()
    share.on('call', { kind: 'frame', frame: failedAnswer(KEY), restarted: false })
    share.socket.tell(PENDING)
    const body = '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t"}}'
    share.socket.tell({ type: 'translate', key: KEY, body, before: 'unrun' })
    share.socket.tell(PENDING)
    const ra = encodeReturnAddress({ to: 'session', session: CALLER.session, rawId: '"a"' })
    share.socket.pass({ type: 'failed', ch: 'sess.1', key: KEY, ra, code: 'CHILD_DIED', executed: 'no' })
    share.socket.tell({ type: 'lost', agent: 'any', failure: { code: 'AGENT_LOST', executed: 'unknown' } })
    expect(share.asked.call).toMatchObject([[{ key: KEY, isRetry: true, chargedAs: KEY, delivery: 'stream' }]])
    expect(await messages()).toMatchObject([{ id: 'a', error: { data: { code: 'DUPLICATE_ID' } } }])
  })

  test('forgets the first of many calls that it has made again', async () => {
    const { share, messages } = await listening()
    const keyOf = (at: number): string => at.toString(16).padStart(32, '0')
    const body = '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t"}}'
    for (let at = 0; at <= MAX_MADE_AGAIN; at++) share.socket.tell({ type: 'translate', key: keyOf(at), body, before: 'unrun' })
    const ra = encodeReturnAddress({ to: 'session', session: CALLER.session, rawId: '"a"' })
    for (const at of [0, 1]) share.socket.pass({ type: 'failed', ch: 'sess.1', key: keyOf(at), ra, code: 'CHILD_DIED', executed: 'no' })
    expect(await messages()).toHaveLength(1)
  })

  test('shows no marks of a listen that the relay has made in the name of the session', async () => {
    const { share, messages } = await listening()
    const text = '{"jsonrpc":"2.0","method":"m","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}'
    const ra = encodeReturnAddress({ to: 'listen', session: CALLER.session })
    share.socket.pass(notification(1, { ra, size: text.length }), text)
    expect(JSON.stringify(await messages())).not.toContain('subscriptionId')
  })
})
