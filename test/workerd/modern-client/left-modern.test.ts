/** What is left of a call in revision 2026-07-28 once its client has closed the stream: nothing. */
import { runInDurableObject } from 'cloudflare:test'
import { afterEach, expect, test, vi } from 'vitest'
import { STREAM_CLOSE } from '../../../worker/contract/streams.ts'
import { verifies } from '../../requirements/verifies.ts'
import { callTool, HandshakeChild } from '../harness/handshake-child.ts'
import { EventReader, openStream, stubOf, type TestShare } from '../harness/relay.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Timers of this isolate, the relay's among them, that were set since and have neither fired nor been cleared. */
function watchTimers(): { readonly pending: Set<unknown>; readonly intervals: Set<unknown> } {
  const pending = new Set<unknown>()
  const intervals = new Set<unknown>()
  const { setTimeout: set, clearTimeout: clear, setInterval: repeat, clearInterval: stop } = globalThis
  vi.spyOn(globalThis, 'setTimeout').mockImplementation((run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = set(() => {
      pending.delete(timer)
      run(...args)
    }, ms)
    pending.add(timer)
    return timer
  })
  vi.spyOn(globalThis, 'clearTimeout').mockImplementation((timer: number | null) => {
    pending.delete(timer)
    clear(timer)
  })
  vi.spyOn(globalThis, 'setInterval').mockImplementation((run: () => void, ms?: number) => {
    const timer = repeat(run, ms)
    intervals.add(timer)
    return timer
  })
  vi.spyOn(globalThis, 'clearInterval').mockImplementation((timer: number | null) => {
    intervals.delete(timer)
    stop(timer)
  })
  return { pending, intervals }
}

/** Whether the Share still waits for this call: who asks for the stream of one that it does not is told so. */
async function isWaitedFor(share: TestShare, key: string): Promise<boolean> {
  const { webSocket } = await openStream(share, { kind: 'call', key })
  const closed = new Promise((resolve) => webSocket?.addEventListener('close', ({ code }) => resolve(code)))
  webSocket?.accept()
  return (await closed) !== STREAM_CLOSE.SETTLED
}

function socketsOf(share: TestShare): Promise<number> {
  return runInDurableObject(stubOf(share), (_, state) => state.getWebSockets().filter(({ readyState }) => readyState === 1).length)
}

test('a client that closes its stream in the middle of a call leaves no timer, no stream and no call behind', async () => {
  verifies('promise.6.no-timer', 'cancel.modern.nothing-more', 'cancel.stops')
  const child = await HandshakeChild.connect()
  const { share } = child
  const before = callTool(share, 'a', { logLevel: 'info' })
  for (const _ of ['logging/setLevel', 'tools/call']) child.answer(await child.expect('call'), { content: [] })
  await before
  const links = await socketsOf(share)
  const timers = watchTimers()
  const response = callTool(share, 'a', { logLevel: 'info' })
  const { header } = await child.expect('call')
  const log = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}'
  child.agent.notify(header.ch, log, { ra: header.ra, sure: true })
  const events = new EventReader(await response)
  expect(await events.next()).toBe(log)
  expect([timers.intervals.size, await socketsOf(share)]).toEqual([1, links + 1])
  await events.cancel()
  expect((await child.expect('notify')).header).toMatchObject({ method: 'notifications/cancelled', cancels: header.tag })
  child.agent.fail(header, 'CANCELLED', 'unknown')
  await expect.poll(() => socketsOf(share)).toBe(links)
  await expect.poll(() => [timers.pending.size, timers.intervals.size]).toEqual([0, 0])
  expect(await isWaitedFor(share, header.key)).toBe(false)
})
