import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { POLL_IDLE_MS } from '../../../../protocol/limits.ts'
import { decodeBatch, type PolledMessage } from '../../../../protocol/long-poll.ts'
import { MAX_UNPOLLED_BYTES } from '../../../../worker/long-poll/limits.ts'
import { PolledLink } from '../../../../worker/long-poll/polled-link.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { FakeSocket } from './fake-socket.ts'

const PART = new ArrayBuffer(256 * 1024)

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** All that the agent is given, poll after poll. */
async function givenTo(link: PolledLink): Promise<PolledMessage[]> {
  const all: PolledMessage[] = []
  for (;;) {
    const body = await link.poll({ name: 'p', ack: all.length, maxMs: 0 })
    const batch = body === undefined ? undefined : decodeBatch(body)
    if (batch?.ok !== true) return all
    all.push(...batch.value.messages)
    if (all.at(-1)?.kind === 'close') return all
  }
}

test('PolledLink ends when more waits than may, and says why behind what had come', async () => {
  verifies('link.poll.bounded')
  const socket = new FakeSocket()
  const link = new PolledLink(socket.asWebSocket(), () => {})
  const parts = MAX_UNPOLLED_BYTES / PART.byteLength
  for (let count = 0; count < parts + 9; count++) socket.says(PART)
  expect(socket.closes[0]).toBe('1000 POLL_BACKLOG_FULL')
  const given = await givenTo(link)
  expect(given.slice(0, -1)).toHaveLength(parts)
  expect(given.at(-1)).toEqual({ kind: 'close', code: 1000, reason: 'POLL_BACKLOG_FULL' })
})

test('PolledLink tells the Share by pings of its own that its agent polls, and keeps their answers to itself', async () => {
  const socket = new FakeSocket()
  const link = new PolledLink(socket.asWebSocket(), () => {})
  const poll = link.poll({ name: 'p', ack: 0, maxMs: 50 })
  socket.says('pong')
  vi.advanceTimersByTime(50)
  expect(await poll).toBeUndefined()
  expect(socket.sent).toEqual(['ping'])
  socket.says('pong')
  const body = await link.poll({ name: 'p', ack: 0, maxMs: 50 })
  expect(decodeBatch(body ?? new Uint8Array())).toMatchObject({ value: { first: 1, messages: [{ kind: 'text', text: 'pong' }] } })
})

test('PolledLink is over, and has its socket closed, once no poll has come for POLL_IDLE_MS', async () => {
  verifies('link.poll.gone')
  const socket = new FakeSocket()
  const over = vi.fn()
  const link = new PolledLink(socket.asWebSocket(), over)
  vi.advanceTimersByTime(POLL_IDLE_MS - 1)
  const poll = link.poll({ name: 'p', ack: 0, maxMs: 30_000 })
  vi.advanceTimersByTime(30_000)
  expect(await poll).toBeUndefined()
  vi.advanceTimersByTime(POLL_IDLE_MS - 1)
  expect(over).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect([over.mock.calls.length, socket.closes]).toEqual([1, ['1000 the agent polls no more']])
  expect(vi.getTimerCount()).toBe(0)
})
