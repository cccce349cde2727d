import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { noteRefusal } from '../../../../worker/access/refused-credentials.ts'
import { REFUSALS_MS } from '../../../../worker/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

const lines: unknown[] = []

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(JSON.parse(line)))
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test('noteRefusal() tells of the first at once, and counts those that follow for one line in REFUSALS_MS', async () => {
  verifies('promise.8.call-log')
  noteRefusal('client', undefined)
  expect(lines).toEqual([{ event: 'credentials.refused', client: 1 }])
  for (let at = 0; at < 100; at++) noteRefusal('client', undefined)
  noteRefusal('agent', undefined)
  expect(lines).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(REFUSALS_MS)
  expect(lines.slice(1)).toEqual([{ event: 'credentials.refused', client: 100, agent: 1 }])
  await vi.advanceTimersByTimeAsync(REFUSALS_MS)
  noteRefusal('owner', undefined)
  expect(lines.slice(2)).toEqual([{ event: 'credentials.refused', owner: 1 }])
  await vi.advanceTimersByTimeAsync(REFUSALS_MS)
  expect(lines).toHaveLength(3)
})

test('noteRefusal() names how many addresses were refused, and the one that most have come from', async () => {
  lines.length = 0
  noteRefusal('client', '192.0.2.1')
  for (const address of ['192.0.2.2', '192.0.2.3', '192.0.2.2', undefined]) noteRefusal('client', address)
  await vi.advanceTimersByTimeAsync(REFUSALS_MS)
  expect(lines).toEqual([
    { event: 'credentials.refused', client: 1, addresses: 1, most_from: '192.0.2.1' },
    { event: 'credentials.refused', client: 4, addresses: 2, most_from: '192.0.2.2' },
  ])
})
