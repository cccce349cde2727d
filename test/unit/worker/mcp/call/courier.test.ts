import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AgentFrame } from '../../../../../protocol/frame.ts'
import { encodeFrame } from '../../../../../protocol/frame-codec.ts'
import { CUT_CLOSE } from '../../../../../worker/contract/trust/pass.ts'
import { STREAM_CLOSE } from '../../../../../worker/contract/streams.ts'
import { MOVE_AFTER_MS, RETRY_MS } from '../../../../../worker/limits.ts'
import { callRequest } from '../../../../../worker/mcp/call/call-request.ts'
import { Courier } from '../../../../../worker/mcp/call/courier.ts'
import type { Renew } from '../../../../../worker/mcp/call/renewal.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { resetError, ScriptedShare } from '../../scripted-share.ts'
import { messageOf } from '../client-message.ts'
import { background } from '../../cloudflare-workers.ts'

const CALLER = { principal: 'ann', session: 'sess' }
const BODY = '{"jsonrpc":"2.0","id":0,"result":{}}'
const PENDING = new Promise(() => undefined)

function answer(key = '0'.repeat(32)): AgentFrame {
  return { type: 'answer', ch: 'sess.1', n: 1, at: 0, size: BODY.length, key, ra: `c${key}`, id: [22, 23], failed: false }
}

const FRAME = { kind: 'frame', frame: encodeFrame(answer(), new TextEncoder().encode(BODY)), restarted: false }

/** A courier of a tools/call, under way. */
function courierOf(share: ScriptedShare, method = 'tools/call', renew?: Renew) {
  const message = messageOf({ id: 7, method, params: { name: 't' } })
  return new Courier(share.client, callRequest(CALLER, message, 'stream'), message.bytes, renew === undefined ? {} : { renew })
}

/** What has come for a call once nothing is left to wait for; its last item. */
async function itemOf(courier: Courier): Promise<unknown> {
  const item = courier.next()
  await vi.runAllTimersAsync()
  return item
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
  background.length = 0
})

describe('Courier', () => {
  test('brings an answer that comes over RPC, with one request', async () => {
    const share = new ScriptedShare().on('call', { ...FRAME, restarted: true })
    expect(await itemOf(courierOf(share))).toMatchObject({ kind: 'frame', header: answer(), restarted: true })
    expect(share.asked.call).toHaveLength(1)
    expect(share.opened).toEqual([])
  })

  test('fails, without another try, when its client is let in no more: over RPC, on its stream, and where that is opened', async () => {
    const failure = { code: 'UNAUTHORIZED', detail: 'This token was revoked.' }
    const cut = { kind: 'failed', failure: { ...failure, executed: 'unknown' } }
    const over = new ScriptedShare().on('call', { kind: 'cut', code: 'LINK_REVOKED' })
    expect(await itemOf(courierOf(over))).toEqual(cut)
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false })
    const courier = courierOf(share)
    await vi.advanceTimersByTimeAsync(0)
    share.socket.end(CUT_CLOSE.LINK_REVOKED)
    expect(await itemOf(courier)).toEqual(cut)
    const late = new ScriptedShare().on('call', { kind: 'stream', restarted: false }).on('open', { kind: 'refused', code: 'LINK_REVOKED' })
    expect(await itemOf(courierOf(late))).toEqual({ kind: 'failed', failure })
    for (const { asked } of [over, share, late]) expect(asked.call).toHaveLength(1)
  })

  test.each([
    ['a failure', { kind: 'failed', failure: { code: 'SESSION_NOT_FOUND' } }, { kind: 'failed', failure: { code: 'SESSION_NOT_FOUND' } }],
    ['a refused requestState', { kind: 'state_refused' }, { kind: 'failed', failure: { code: 'STATE_REFUSED' } }],
    ['a result of the relay', { kind: 'result', result: '{}' }, { kind: 'result', result: '{}' }],
    ['news that nobody takes', { kind: 'native' }, { kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } }],
    ['an error that no retry helps', new Error('broken'), { kind: 'failed', failure: { code: 'INTERNAL', executed: 'unknown' } }],
  ])('ends with %s', async (_what, outcome, item) => {
    expect(await itemOf(courierOf(new ScriptedShare().on('call', outcome)))).toMatchObject(item)
  })

  test('calls again under the same key, and says what an agent may have', async () => {
    const share = new ScriptedShare().on('call', { kind: 'again' }, resetError(), FRAME)
    expect(await itemOf(courierOf(share))).toMatchObject({ kind: 'frame' })
    const requests = share.asked.call.map(([request]) => request as Record<string, unknown>)
    expect(new Set(requests.map(({ key }) => key)).size).toBe(1)
    expect(requests.map(({ isRetry, isResend }) => [isRetry, isResend])).toEqual([
      [undefined, undefined],
      [true, undefined],
      [true, true],
    ])
    expect(share.stubs).toBe(2)
  })

  test('reads the stream of a call that has more than one frame, in order', async () => {
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false })
    const courier = courierOf(share)
    await vi.advanceTimersByTimeAsync(0)
    share.socket.pass({ type: 'notification', ch: 'sess.1', n: 1, at: 0, size: 2, method: 'm' }, '{}')
    share.socket.pass(answer(), BODY)
    expect(await courier.next()).toMatchObject({ header: { type: 'notification' } })
    expect(await courier.next()).toMatchObject({ header: { type: 'answer' } })
    courier.close()
    expect(share.socket.closedWith).toBe(1000)
  })

  test.each([
    [STREAM_CLOSE.AGAIN, undefined],
    [STREAM_CLOSE.REPEAT, true],
    [1006, true],
  ])('calls again when its stream is closed with %i', async (code, isResend) => {
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false }, FRAME)
    const courier = courierOf(share)
    await vi.advanceTimersByTimeAsync(0)
    share.socket.end(code)
    expect(await itemOf(courier)).toMatchObject({ kind: 'frame' })
    expect(share.asked.call.at(-1)?.[0]).toMatchObject({ isRetry: true, ...(isResend === true ? { isResend } : {}) })
  })

  test('leaves the rest to the client that has come back elsewhere', async () => {
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false })
    const courier = courierOf(share)
    await vi.advanceTimersByTimeAsync(0)
    share.socket.end(STREAM_CLOSE.REPLACED)
    expect(await itemOf(courier)).toBeUndefined()
    expect(share.asked.call).toHaveLength(1)
  })

  test('makes another request of news, and brings what that comes to', async () => {
    const share = new ScriptedShare().on('call', { kind: 'native' }, FRAME)
    const message = messageOf({ id: 8, method: 'tools/call' })
    const renewed = { ...callRequest(CALLER, message, 'stream'), bridge: 'v' }
    const courier = courierOf(share, 'tools/call', () => Promise.resolve({ kind: 'call', request: renewed, body: message.bytes }))
    expect(await itemOf(courier)).toMatchObject({ kind: 'frame' })
    expect(share.asked.call.at(-1)?.[0]).toMatchObject({ bridge: 'v', key: renewed.key })
  })

  test('answers by what the Share keeps of a server that is away', async () => {
    const kept = new TextEncoder().encode('{"jsonrpc":"2.0","id":0,"result":{"tools":[]}}')
    const standby = { kind: 'standby', name: 'tools/list', era: 'legacy', answer: kept, sinceMs: 0 }
    const item = await itemOf(courierOf(new ScriptedShare().on('call', standby), 'tools/list'))
    expect(item).toMatchObject({ kind: 'response', http: 200, text: expect.stringContaining('"id":7') as unknown })
  })

  test('waits for an agent that is away, and fails a probe at once', async () => {
    const away = { kind: 'away', isExpected: true }
    const share = new ScriptedShare().on('call', away, away, FRAME)
    const courier = courierOf(share)
    await vi.advanceTimersByTimeAsync(RETRY_MS)
    expect(share.asked.call).toHaveLength(2)
    expect(await itemOf(courier)).toMatchObject({ kind: 'frame' })
    const probe = courierOf(new ScriptedShare().on('call', away), 'server/discover')
    expect(await itemOf(probe)).toMatchObject({ kind: 'failed', failure: { code: 'AGENT_AWAY' } })
  })
})

describe('Courier.linger()', () => {
  test('moves a call to its stream once it has waited, and reads on there', async () => {
    const { promise, resolve } = Promise.withResolvers()
    const share = new ScriptedShare().on('call', promise)
    const courier = courierOf(share)
    courier.linger()
    await vi.advanceTimersByTimeAsync(MOVE_AFTER_MS - 1)
    expect(share.opened).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(share.opened).toHaveLength(1)
    resolve({ kind: 'moved' })
    share.socket.pass(answer(), BODY)
    expect(await itemOf(courier)).toMatchObject({ header: { type: 'answer' } })
    expect(share.opened).toHaveLength(1)
  })

  test('moves no call that was answered', async () => {
    const share = new ScriptedShare().on('call', FRAME)
    const courier = courierOf(share)
    courier.linger()
    await vi.advanceTimersByTimeAsync(2 * MOVE_AFTER_MS)
    expect(share.opened).toEqual([])
  })
})

describe('Courier.close()', () => {
  test('lets the call of a session go on without its client, and says that it has left', async () => {
    const share = new ScriptedShare().on('call', { kind: 'again' }, { kind: 'replaced' })
    const courier = courierOf(share)
    courier.close()
    expect(await courier.next()).toBeUndefined()
    expect(background).not.toEqual([])
    await Promise.all(background)
    expect(share.asked.call.at(-1)?.[0]).toMatchObject({ isLeft: true, isRetry: true })
  })

  test('keeps nothing alive for a call that is answered', async () => {
    const answered = courierOf(new ScriptedShare().on('call', FRAME))
    await itemOf(answered)
    answered.close()
    expect(background).toEqual([])
  })

  test('tells the Share of an initialize by its stream that its client has left, and makes it no more', async () => {
    verifies('promise.6.left-initialize')
    const share = new ScriptedShare().on('call', PENDING)
    courierOf(share, 'initialize').close()
    await vi.advanceTimersByTimeAsync(0)
    expect(share.socket.closedWith).toBe(STREAM_CLOSE.LEFT)
    expect(share.asked.call).toHaveLength(1)
  })

  test('closes the stream of an answered call as what it is', async () => {
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false })
    const courier = courierOf(share)
    const item = itemOf(courier)
    await vi.advanceTimersByTimeAsync(0)
    share.socket.pass(answer(), BODY)
    await item
    courier.close()
    expect(share.socket.closedWith).toBe(1000)
  })

  test.each([
    ['stream', undefined],
    ['single', { kind: 'failed', failure: { code: 'SHARE_BUSY' } }],
  ] as const)('ends a stream whose client takes too little: delivered as %s it can come back or not', async (delivery, item) => {
    verifies('promise.10.object-32mib')
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false })
    const message = messageOf({ id: 7, method: 'tools/call', params: { name: 't' } })
    const courier = new Courier(share.client, callRequest(CALLER, message, delivery), message.bytes)
    await vi.advanceTimersByTimeAsync(0)
    share.socket.end(STREAM_CLOSE.OVERDUE)
    const came = await itemOf(courier)
    if (item === undefined) expect(came).toBeUndefined()
    else expect(came).toMatchObject(item)
    expect(share.asked.call).toHaveLength(1)
  })

  test('makes a call anew whose stream was opened too late', async () => {
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false }, FRAME)
    const item = itemOf(courierOf(share))
    await vi.advanceTimersByTimeAsync(0)
    share.socket.end(STREAM_CLOSE.SETTLED)
    expect(await item).toMatchObject({ kind: 'frame' })
    expect(share.asked.call[1]).toMatchObject([{ isResend: true }])
  })

  test('makes a call again whose child has yet to be introduced, as often as need be', async () => {
    verifies('promise.6.no-rpc-for-ever')
    const pending = Array.from({ length: 9 }, () => ({ kind: 'pending' }))
    const share = new ScriptedShare().on('call', ...pending, FRAME)
    expect(await itemOf(courierOf(share))).toMatchObject({ kind: 'frame' })
    expect(share.asked.call.at(-1)).not.toMatchObject([{ isResend: true }])
  })

  test('closes a stream that opens afterwards', async () => {
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false })
    const courier = courierOf(share, 'initialize')
    const { promise, resolve } = Promise.withResolvers()
    share.on('open', promise)
    await vi.advanceTimersByTimeAsync(0)
    courier.close()
    resolve(undefined)
    await vi.advanceTimersByTimeAsync(0)
    expect(share.socket.closedWith).toBe(STREAM_CLOSE.LEFT)
  })
})
