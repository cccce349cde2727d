import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { followingKey } from '../../../../../worker/call-key.ts'
import type { CallRequest } from '../../../../../worker/contract/share-rpc.ts'
import { STREAM_CLOSE } from '../../../../../worker/contract/streams.ts'
import type { Item } from '../../../../../worker/mcp/call/item.ts'
import { SessionCall } from '../../../../../worker/mcp/legacy-client/call.ts'
import { forgetModernServer, learnModernServer } from '../../../../../worker/mcp/legacy-client/known-modern-servers.ts'
import { ResumedCall } from '../../../../../worker/mcp/legacy-client/resumed-call.ts'
import { readEventId } from '../../../../../worker/mcp/response/event-ids.ts'
import { clientNames } from '../../../../../worker/mcp/response/frame-writer.ts'
import { ScriptedShare } from '../../scripted-share.ts'
import { messageOf } from '../client-message.ts'
import { answerHeader, ASKS, CALLER, FACTS, KEY, response, rpcAnswer } from './modern-server.ts'

const CALL = { id: 7, method: 'tools/call', params: { name: 't', _meta: { progressToken: 'p' } } }
const RESULT = response('{"resultType":"complete","content":[]}')
const GIVEN = '{"jsonrpc":"2.0","id":"q","result":{"action":"accept"}}'

function callOf(share: ScriptedShare, message: Record<string, unknown> = CALL): SessionCall {
  return SessionCall.make(share.client, CALLER, messageOf(message), 'stream')
}

/** The bodies of the calls that the Share was sent. */
function sent(share: ScriptedShare): CallRequest[] {
  return share.asked.call.map(([request]) => request as CallRequest)
}

/** The next item that comes, once nothing is left to wait for. */
async function nextOf(call: SessionCall): Promise<Item | undefined> {
  const item = call.next()
  await vi.advanceTimersByTimeAsync(0)
  return item
}

/** A call whose server has asked its client; the stream on which the answer is waited for. */
async function askedCall() {
  learnModernServer('share', CALLER.session, FACTS)
  const share = new ScriptedShare().on('call', rpcAnswer(ASKS))
  const call = callOf(share).letReturn(undefined)
  return { share, call, question: await nextOf(call) }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
  forgetModernServer('share', CALLER.session)
})

describe('SessionCall.make()', () => {
  test('takes the request to the Share at once, and knows what its client calls it', () => {
    const share = new ScriptedShare()
    const call = callOf(share)
    expect(sent(share)).toMatchObject([{ ...CALLER, method: 'tools/call', tool: 't', delivery: 'stream' }])
    expect(call.names).toMatchObject({ rawId: '7', rawToken: '"p"' })
    expect(call.revision).toBeUndefined()
    expect(callOf(share, { id: 7, method: 'initialize', params: { protocolVersion: '2025-06-18' } }).revision).toBe('2025-06-18')
  })
})

describe('SessionCall.next()', () => {
  test('is the answer of a server with sessions, as it came', async () => {
    const call = callOf(new ScriptedShare().on('call', rpcAnswer(RESULT, { isTranslated: false })))
    expect(await nextOf(call)).toMatchObject({ kind: 'frame', header: { type: 'answer' } })
  })

  test('is the answer of a server without sessions, translated', async () => {
    learnModernServer('share', CALLER.session, FACTS)
    const item = await nextOf(callOf(new ScriptedShare().on('call', rpcAnswer(RESULT))))
    expect(item).toMatchObject({ kind: 'frame', edits: [expect.anything()] })
  })

  test('passes on what comes before the answer, which it assembles where it must be translated', async () => {
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false })
    const call = callOf(share)
    const first = call.next()
    await vi.advanceTimersByTimeAsync(0)
    const header = answerHeader(RESULT, { n: 2 })
    share.socket.pass({ type: 'notification', ch: 'sess.1', n: 1, at: 0, size: 2, method: 'notifications/progress', ra: header.ra }, '{}')
    expect(await first).toMatchObject({ header: { type: 'notification' } })
    share.socket.pass(header, RESULT.slice(0, 30))
    share.socket.pass({ type: 'chunk', ch: 'sess.1', n: 2, at: 0, offset: 30, ra: header.ra, last: true }, RESULT.slice(30))
    const item = await nextOf(call)
    expect(item).toMatchObject({ header: { type: 'answer' }, body: new TextEncoder().encode(RESULT) })
    expect(await nextOf(call)).toBeUndefined()
  })

  test('refuses an answer that is too large to be assembled', async () => {
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false })
    const call = callOf(share)
    const item = call.next()
    await vi.advanceTimersByTimeAsync(0)
    share.socket.pass({ ...answerHeader(RESULT), size: 9 * 1024 * 1024 }, RESULT)
    expect(await item).toMatchObject({ kind: 'response', text: expect.stringContaining('ANSWER_TOO_LARGE') as unknown })
  })

  test('is undefined once the call was closed, whatever has come', async () => {
    const call = callOf(new ScriptedShare())
    const item = call.next()
    call.close()
    expect(await item).toBeUndefined()
    const share = new ScriptedShare().on('call', { kind: 'stream', restarted: false })
    const other = callOf(share)
    await vi.advanceTimersByTimeAsync(0)
    share.socket.pass({ type: 'notification', ch: 'sess.1', n: 1, at: 0, size: 2, method: 'm' }, '{}')
    other.close()
    expect(await other.next()).toBeUndefined()
  })
})

describe('SessionCall with a server that wants input', () => {
  test('asks its client, and makes the call again under the following key with what it was given', async () => {
    const { share, call, question } = await askedCall()
    expect(question).toMatchObject({ kind: 'message', text: expect.stringContaining('"elicitation/create"') as unknown })
    const [first] = sent(share)
    const second = await followingKey(first?.key ?? '')
    expect(share.opened).toEqual([{ kind: 'asking', ...CALLER, key: second, call: '7' }])
    const waiting = call.next()
    expect(call.isAsking).toBe(true)
    share.on('call', rpcAnswer(RESULT, { key: second }))
    share.socket.tell({ type: 'told', index: 0, body: GIVEN })
    expect(await waiting).toMatchObject({ header: { type: 'answer' } })
    expect(call.isAsking).toBe(false)
    expect(sent(share).at(-1)).toMatchObject({ key: second, bridge: 'v1' })
    expect(new TextDecoder().decode(sent(share).at(-1)?.body)).toContain('"inputResponses":{"who":{"action":"accept"}}')
    expect(share.socket.closedWith).toBe(1000)
  })

  test('keeps the call before its client is asked, for whoever goes on with it', async () => {
    const { share } = await askedCall()
    const [first] = sent(share)
    expect(share.asked.keepCall).toMatchObject([[{ ...CALLER, key: first?.key, asked: new TextEncoder().encode(ASKS) }]])
  })

  test.each([
    ['refuses', { type: 'told', index: 0, body: '{"jsonrpc":"2.0","id":"q","error":{"code":1,"message":"m"}}' }, 'failed to give it'],
    ['cancels the call', { type: 'cancelled' }, 'CANCELLED'],
  ] as const)('ends when its client %s', async (_what, control, code) => {
    const { share, call } = await askedCall()
    const last = call.next()
    share.socket.tell(control)
    expect(JSON.stringify(await last)).toContain(code)
    expect(await nextOf(call)).toBeUndefined()
    expect(share.asked.call).toHaveLength(1)
  })

  test('ends with its session, and without a word when its client has come back elsewhere', async () => {
    const { share, call } = await askedCall()
    const last = call.next()
    share.socket.end(STREAM_CLOSE.ENDED)
    expect(await last).toMatchObject({ kind: 'failed', failure: { code: 'CHANNEL_CLOSED' } })
    const other = await askedCall()
    const none = other.call.next()
    other.share.socket.end(STREAM_CLOSE.REPLACED)
    expect(await none).toBeUndefined()
  })

  test('fails as a tool where its client cannot be asked', async () => {
    learnModernServer('share', CALLER.session, FACTS)
    const share = new ScriptedShare().on('call', rpcAnswer(ASKS))
    const call = SessionCall.make(share.client, CALLER, messageOf(CALL), 'single')
    expect(await nextOf(call)).toMatchObject({ kind: 'response', text: expect.stringContaining('"isError":true') as unknown })
    expect(share.opened).toEqual([])
  })
})

describe('SessionCall.letReturn()', () => {
  test('names events by the attempt under way, and the first event by the first attempt', async () => {
    const { share, call } = await askedCall()
    call.letReturn(1000)
    const [first] = sent(share)
    const second = await followingKey(first?.key ?? '')
    expect(readEventId(call.events?.ids()?.last() ?? '')).toMatchObject({ key: second, what: { attempt: 2, tool: 't' }, rawId: '7' })
    expect(readEventId(call.events?.prime?.id() ?? '')).toMatchObject({ key: first?.key, what: { attempt: 1 }, rawToken: '"p"' })
    expect(call.events?.prime?.quietMs).toBe(1000)
  })

  test('gives no first event to a client that takes none without data', () => {
    expect(callOf(new ScriptedShare()).letReturn(undefined).events).not.toHaveProperty('prime')
  })
})

describe('SessionCall.close()', () => {
  test('keeps a translated call that its client has left and may come back for', async () => {
    learnModernServer('share', CALLER.session, FACTS)
    const share = new ScriptedShare().on('call', new Promise(() => undefined), new Promise(() => undefined))
    callOf(share).close()
    expect(share.asked.keepCall).toEqual([])
    const call = callOf(share).letReturn(undefined)
    call.close()
    call.close()
    expect(share.asked.keepCall).toMatchObject([[{ key: sent(share).at(-1)?.key }]])
  })
})

describe('SessionCall.goOn()', () => {
  /** A call that another Worker had, and whose stream its client has left. */
  async function resumed(share: ScriptedShare): Promise<SessionCall> {
    const rest = new ResumedCall(share.client, CALLER, { key: KEY }, undefined)
    await rest.open()
    const what = { attempt: 1, method: 'tools/call', tool: 't' }
    return SessionCall.goOn(share.client, CALLER, { key: KEY, what, names: clientNames({ rawId: '7' }), events: {} }, rest)
  }

  test('brings what is left of the call', async () => {
    const share = new ScriptedShare()
    const call = await resumed(share)
    share.socket.pass(answerHeader(RESULT), RESULT)
    expect(await nextOf(call)).toMatchObject({ header: { type: 'answer' }, edits: [expect.anything()] })
    expect(share.asked.call).toEqual([])
  })

  test('looks for the attempt that the other Worker may have made, before it asks the client', async () => {
    const share = new ScriptedShare()
    const request = messageOf(CALL).bytes
    const call = await resumed(share)
    share.on('keptCall', { call: { request } }, { facts: FACTS })
    share.socket.pass(answerHeader(ASKS), ASKS)
    const item = call.next()
    await vi.waitFor(() => expect(share.opened).toHaveLength(2))
    const second = await followingKey(KEY)
    expect(share.opened[1]).toMatchObject({ kind: 'resume', key: second, isProbe: 'true' })
    await vi.waitFor(() => expect(share.sockets).toHaveLength(2))
    share.socket.pass({ type: 'failed', ch: 'sess.1', key: second, ra: `t${second}sess`, code: 'EVENTS_LOST', executed: 'unknown' })
    expect(await item).toMatchObject({ kind: 'message', text: expect.stringContaining('"elicitation/create"') as unknown })
    expect(share.asked.call).toEqual([])
  })
})
