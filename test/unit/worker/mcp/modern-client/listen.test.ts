import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CUT_CLOSE } from '../../../../../worker/contract/trust/pass.ts'
import { STREAM_CLOSE } from '../../../../../worker/contract/streams.ts'
import { LISTENER_LAG_MS, MAX_LISTEN_MESSAGE_BYTES, REATTACH_MS } from '../../../../../worker/limits.ts'
import { Subscription } from '../../../../../worker/mcp/modern-client/listen.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { resetError, ScriptedShare } from '../../scripted-share.ts'

const KEY = '0'.repeat(32)
const FILTER = { toolsListChanged: true } as const

function listen(share: ScriptedShare): Subscription {
  return new Subscription(share.client, 'b-1', KEY, FILTER, '"l"')
}

const UPDATED = 'notifications/resources/updated'

/** A resource update of so many bytes, in frames of this many, which are passed one by one. */
function updateOf(share: ScriptedShare, n: number, size: number, frameBytes: number): (() => void)[] {
  const [head, tail] = [`{"jsonrpc":"2.0","method":"${UPDATED}","params":{"uri":"a:${n}","pad":"`, '"}}']
  const body = `${head}${'x'.repeat(size - head.length - tail.length)}${tail}`
  const place = { ch: 'b-1.1', n, at: 0 }
  const parts = Math.ceil(size / frameBytes)
  return Array.from({ length: parts }, (_, index) => () => {
    const offset = index * frameBytes
    const part = body.slice(offset, offset + frameBytes)
    if (index === 0) share.socket.pass({ type: 'notification', ...place, size, method: UPDATED, uri: `a:${n}` }, part)
    else share.socket.pass({ type: 'chunk', ...place, offset, ...(index === parts - 1 ? { last: true } : {}) }, part)
  })
}

/** A listen that has been acknowledged. */
async function listening(): Promise<{ readonly share: ScriptedShare; readonly subscription: Subscription }> {
  const share = new ScriptedShare().on('subscribe', true)
  const subscription = listen(share)
  await subscription.next()
  return { share, subscription }
}

const text = (part: string) => ({ kind: 'message', text: expect.stringContaining(part) as unknown })

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('Subscription', () => {
  test('listens before it opens its stream, and acknowledges what is honoured', async () => {
    const share = new ScriptedShare().on('subscribe', true)
    const subscription = listen(share)
    expect(await subscription.next()).toEqual(text('"toolsListChanged":true'))
    expect(share.asked.subscribe).toEqual([[{ group: 'b-1', key: KEY, filter: FILTER }]])
    expect(share.opened).toEqual([{ kind: 'subscription', key: KEY, group: 'b-1' }])
  })

  test('fails when its client is let in no more, at once or later, and asks no more', async () => {
    const failure = { code: 'UNAUTHORIZED', detail: 'This token was revoked.' }
    const refused = new ScriptedShare().on('subscribe', { kind: 'refused', code: 'LINK_REVOKED' })
    expect(await listen(refused).next()).toEqual({ kind: 'failed', failure })
    const { share, subscription } = await listening()
    share.socket.end(CUT_CLOSE.LINK_REVOKED)
    expect(await subscription.next()).toEqual({ kind: 'failed', failure: { ...failure, executed: 'unknown' } })
    await vi.advanceTimersByTimeAsync(10 * REATTACH_MS)
    expect([refused.opened.length, share.opened.length]).toEqual([0, 1])
  })

  test('brings changes and notifications under the id of the listen', async () => {
    const share = new ScriptedShare().on('subscribe', true)
    const subscription = listen(share)
    await subscription.next()
    share.socket.tell({ type: 'changed', methods: ['notifications/tools/list_changed'] })
    const body = '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}'
    const header = { type: 'notification', ch: 'b-1.1', n: 1, at: 0, size: body.length, method: 'notifications/resources/updated' } as const
    share.socket.pass(header, body)
    const owed = [{}, { owed: body.length }]
    for (const [index, method] of ['tools/list_changed', 'resources/updated'].entries()) {
      const item = await subscription.next()
      expect(item).toEqual({ ...text(method), ...owed[index] })
      expect(item).toEqual({ ...text('"io.modelcontextprotocol/subscriptionId":"l"'), ...owed[index] })
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

  test('brings a notification of several frames whole, and owes all of its bytes until they are taken', async () => {
    verifies('promise.10.credit')
    const { share, subscription } = await listening()
    for (const pass of updateOf(share, 1, 700, 300)) pass()
    const item = await subscription.next()
    expect(item).toMatchObject({ ...text('subscriptionId":"l"'), owed: 700 })
    expect(item).toEqual(expect.objectContaining(text('"uri":"a:1"')))
    share.socket.tell({ type: 'sync' })
    expect(share.socket.sent).toEqual([])
    subscription.taken(700)
    expect(share.socket.sent).toEqual([{ type: 'taken', bytes: 700 }])
  })

  test('tells shortly of a notification that is too large or whose rest does not come, and owes its bytes', async () => {
    const { share, subscription } = await listening()
    for (const pass of updateOf(share, 1, MAX_LISTEN_MESSAGE_BYTES + 1, 200_000)) pass()
    const short = (uri: string, owed: number) => {
      const params = { _meta: { 'io.modelcontextprotocol/subscriptionId': 'l' }, uri }
      return { kind: 'message', text: JSON.stringify({ jsonrpc: '2.0', method: UPDATED, params }), owed }
    }
    expect(await subscription.next()).toEqual(short('a:1', 200_000))
    const [begin, goOn] = updateOf(share, 2, 700, 300)
    begin?.()
    goOn?.()
    for (const pass of updateOf(share, 3, 100, 300)) pass()
    expect(await subscription.next()).toEqual(short('a:2', 600))
    expect(await subscription.next()).toMatchObject({ owed: 100 })
    share.socket.tell({ type: 'sync' })
    // What is passed over is taken at once: five frames behind the first.
    const taken = share.socket.sent as { readonly bytes: number }[]
    expect(taken.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(MAX_LISTEN_MESSAGE_BYTES + 1 - 200_000)
  })

  test('brings a notification that is sent again from its beginning once', async () => {
    const { share, subscription } = await listening()
    const passes = updateOf(share, 1, 700, 300)
    for (const pass of [...passes.slice(0, 2), ...passes]) pass()
    expect(await subscription.next()).toMatchObject({ ...text('"uri":"a:1"'), owed: 1300 })
    share.socket.tell({ type: 'changed', methods: ['notifications/tools/list_changed'] })
    expect(await subscription.next()).toEqual(text('list_changed'))
  })

  test('ends, and says why, when its client does not take in time what the calls of its group wait for', async () => {
    verifies('promise.10.slow-listener')
    const { share, subscription } = await listening()
    for (const pass of updateOf(share, 1, 100, 300)) pass()
    share.socket.tell({ type: 'sync' })
    await vi.advanceTimersByTimeAsync(LISTENER_LAG_MS)
    expect(share.socket.closedWith).toBe(1000)
    expect(await subscription.next()).toMatchObject({ owed: 100 })
    expect(await subscription.next()).toMatchObject({ kind: 'failed', failure: { code: 'EVENTS_LOST' } })
  })

  test('ends, and says why, when the Share says that its client does not take what comes', async () => {
    const { share, subscription } = await listening()
    share.socket.end(STREAM_CLOSE.BEHIND)
    expect(await subscription.next()).toMatchObject({ kind: 'failed', failure: { code: 'EVENTS_LOST' } })
  })
})
