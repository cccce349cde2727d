import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { STREAM_CLOSE } from '../../../../../worker/contract/streams.ts'
import { REATTACH_MS } from '../../../../../worker/limits.ts'
import { Subscription } from '../../../../../worker/mcp/modern-client/listen.ts'
import { resetError, ScriptedShare } from '../../scripted-share.ts'

const KEY = '0'.repeat(32)
const FILTER = { toolsListChanged: true } as const

function listen(share: ScriptedShare): Subscription {
  return new Subscription(share.client, 'b-1', KEY, FILTER, '"l"')
}

const text = (part: string) => ({ kind: 'message', text: expect.stringContaining(part) as unknown })

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('Subscription', () => {
  test('listens before it opens its stream, and acknowledges what is honoured', async () => {
    const share = new ScriptedShare().on('subscribe', true)
    const subscription = listen(share)
    expect(await subscription.next()).toEqual(text('"toolsListChanged":true'))
    expect(share.asked.subscribe).toEqual([[{ group: 'b-1', key: KEY, filter: FILTER }]])
    expect(share.opened).toEqual([{ kind: 'subscription', key: KEY, group: 'b-1' }])
  })

  test('brings changes and notifications under the id of the listen', async () => {
    const share = new ScriptedShare().on('subscribe', true)
    const subscription = listen(share)
    await subscription.next()
    share.socket.tell({ type: 'changed', methods: ['notifications/tools/list_changed'] })
    const body = '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}'
    const header = { type: 'notification', ch: 'b-1.1', n: 1, at: 0, size: body.length, method: 'notifications/resources/updated' } as const
    share.socket.pass(header, body)
    for (const method of ['tools/list_changed', 'resources/updated']) {
      const item = await subscription.next()
      expect(item).toEqual(text(method))
      expect(item).toEqual(text('"io.modelcontextprotocol/subscriptionId":"l"'))
    }
  })

  test('listens again after a reset, also where the first attempt met one, and acknowledges once', async () => {
    const share = new ScriptedShare().on('subscribe', new Error('broken'), true, true)
    const subscription = listen(share)
    await vi.advanceTimersByTimeAsync(REATTACH_MS)
    expect(await subscription.next()).toEqual(text('acknowledged'))
    share.socket.end(1006)
    await vi.advanceTimersByTimeAsync(REATTACH_MS)
    share.socket.tell({ type: 'changed', methods: ['notifications/tools/list_changed'] })
    expect(await subscription.next()).toEqual(text('list_changed'))
    expect(share.asked.subscribe).toHaveLength(3)
  })

  test.each<[string, (share: ScriptedShare) => void]>([
    ['its child is gone', (share) => share.on('subscribe', false)],
    ['its stream is not there', (share) => share.on('subscribe', true).on('open', null)],
    ['the Share was reset, and its child is gone', (share) => share.on('subscribe', true, false).on('open', resetError())],
  ])('ends with the result of a listen when %s', async (_when, script) => {
    const share = new ScriptedShare()
    script(share)
    const subscription = listen(share)
    await vi.runAllTimersAsync()
    expect(await subscription.next()).toMatchObject({ kind: 'result' })
  })

  test('ends with the result of a listen when its child ends, and closes its stream when it is closed', async () => {
    const share = new ScriptedShare().on('subscribe', true, true)
    const subscription = listen(share)
    await subscription.next()
    share.socket.end(STREAM_CLOSE.ENDED)
    expect(await subscription.next()).toMatchObject({ kind: 'result' })
    const other = listen(share)
    await other.next()
    other.close()
    expect(share.socket.closedWith).toBe(1000)
  })
})
