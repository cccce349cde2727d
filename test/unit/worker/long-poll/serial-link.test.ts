import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { POLL_IDLE_MS } from '../../../../protocol/limits.ts'
import { FOREIGN_CALL_MS } from '../../../../worker/foreign-limits.ts'
import { MAX_UNPOLLED_BYTES } from '../../../../worker/long-poll/limits.ts'
import { SerialLink } from '../../../../worker/long-poll/serial-link.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { FakeSocket } from './fake-socket.ts'

const ID = '0123456789abcdef'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function request(id: string, text = ''): string {
  return `{"request_id":"${id}","request":{"text":"${text}"}}`
}

test('SerialLink ends when more waits than may', () => {
  verifies('foreign.cpp-mcp.bounded')
  const socket = new FakeSocket()
  const over = vi.fn()
  const link = new SerialLink(socket.asWebSocket(), '{}', over)
  const large = request(ID, 'x'.repeat(1024 * 1024))
  for (let count = 0; count <= MAX_UNPOLLED_BYTES / large.length + 1; count++) socket.says(large)
  expect([link.isClosed, socket.closes, over.mock.calls.length]).toEqual([true, ['1000 POLL_BACKLOG_FULL'], 1])
  expect(vi.getTimerCount()).toBe(0)
})

test('SerialLink takes back a request that no poll was given, and passes on the cancellation of one that was', async () => {
  verifies('foreign.cpp-mcp.one-a-poll')
  const socket = new FakeSocket()
  const link = new SerialLink(socket.asWebSocket(), '{}', () => {})
  const cancel = `{"cancels":"${ID}",${request('fedcba9876543210').slice(1)}`
  socket.says(request(ID))
  socket.says(cancel)
  const waiting = link.poll('p', 10)
  vi.advanceTimersByTime(10)
  expect(await waiting).toBeUndefined()
  socket.says(request(ID))
  expect(await link.poll('p', 10)).toBe(request(ID))
  socket.says(cancel)
  expect(await link.poll('p', 10)).toBe(request('fedcba9876543210'))
})

test('SerialLink waits for an agent that works on a request for as long as a call may take, and then no longer', async () => {
  verifies('foreign.cpp-mcp.gone')
  const socket = new FakeSocket()
  const link = new SerialLink(socket.asWebSocket(), '{}', () => {})
  socket.says(request(ID))
  await link.poll('p', 10)
  vi.advanceTimersByTime(FOREIGN_CALL_MS - POLL_IDLE_MS)
  expect(link.isClosed).toBe(false)
  vi.advanceTimersByTime(2 * POLL_IDLE_MS)
  expect([link.isClosed, socket.closes]).toEqual([true, ['1000 the agent polls no more']])
})
