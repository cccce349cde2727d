import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { BridgeFacts } from '../../../../../worker/contract/share-rpc.ts'
import { FIRST_ANSWER_MS } from '../../../../../worker/limits.ts'
import { postModern } from '../../../../../worker/mcp/modern-client/call.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { ScriptedShare } from '../../scripted-share.ts'
import { modernCall } from './modern-request.ts'

const SERVER = '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}}}}'
const FACTS: BridgeFacts = { version: 'v', childEra: 'legacy', server: new TextEncoder().encode(SERVER) }

/** A client that leaves while the Share has its call; `news` brings what the Share then says of the child. */
function leaving(name: string, method: string, params: Record<string, unknown> = {}) {
  const { promise, resolve } = Promise.withResolvers<object>()
  const share = new ScriptedShare({}, name).on('call', promise)
  const { visitor, stateKey, message, envelope } = modernCall(share, { method, params })
  const client = new AbortController()
  const request = { headers: new Headers(), signal: client.signal }
  const response = postModern(visitor, stateKey, message, envelope, { json: true, events: true }, request)
  // Held for as long as the client may leave: the request's signal does not hear of it once the request is collected (undici).
  const requests = [request]
  return { share, response, leave: () => requests.forEach(() => client.abort()), news: () => resolve({ kind: 'bridge', facts: FACTS }) }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('postModern()', () => {
  test.each([
    ['before it has a response', 0],
    ['when its response has begun', FIRST_ANSWER_MS],
  ])('sends a call no more whose client leaves %s, and cancels it once', async (_when, afterMs) => {
    verifies('cancel.modern.before-sent', 'cancel.modern.disconnect')
    const { share, response, leave, news } = leaving('left', 'prompts/list')
    await vi.waitFor(() => expect(share.asked.call).toHaveLength(1))
    await vi.advanceTimersByTimeAsync(afterMs)
    leave()
    news()
    await response
    await vi.runAllTimersAsync()
    expect(share.asked.call).toHaveLength(1)
    const [request] = share.asked.call[0] as [{ readonly key: string }]
    expect(share.asked.send).toMatchObject([[{ kind: 'cancel', call: request.key }]])
  })

  test('opens no listen for a client that has left, and closes one that is being opened', async () => {
    verifies('cancel.modern.nothing-more')
    const listen = { notifications: { toolsListChanged: true } }
    const left = leaving('left listen', 'subscriptions/listen', listen)
    await vi.waitFor(() => expect(left.share.asked.call).toHaveLength(1))
    left.leave()
    left.news()
    await vi.runAllTimersAsync()
    expect(left.share.asked.subscribe).toEqual([])

    const opening = leaving('opening listen', 'subscriptions/listen', listen)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    opening.share.on('subscribe', promise)
    opening.news()
    await vi.waitFor(() => expect(opening.share.asked.subscribe).toHaveLength(1))
    opening.leave()
    resolve(true)
    await vi.runAllTimersAsync()
    expect(opening.share.socket.closedWith).toBe(1000)
  })
})
