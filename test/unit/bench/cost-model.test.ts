import { expect, test } from 'vitest'
import { usdPerMillion } from '../../../bench/cost-model.ts'

const NOTHING = { workerRequests: 0, objectRequests: 0, messagesIn: 0, rowsRead: 0, rowsWritten: 0, awakeMs: 0, cpuMs: 0 }

test.each([
  ['Worker requests', { workerRequests: 1 }, 0.3],
  ['object requests', { objectRequests: 1 }, 0.15],
  ['twenty messages', { messagesIn: 20 }, 0.15],
  ['rows read', { rowsRead: 1000 }, 1],
  ['rows written', { rowsWritten: 1 }, 1],
  ['CPU milliseconds', { cpuMs: 50 }, 1],
  // 128 MB for a second: 128,000 GB-s a million.
  ['seconds awake', { awakeMs: 1000 }, 1.6],
])('usdPerMillion() charges for %s', (_, usage, usd) => {
  expect(usdPerMillion({ ...NOTHING, ...usage })).toBeCloseTo(usd, 9)
})

test('usdPerMillion() adds up', () => {
  expect(usdPerMillion({ ...NOTHING, workerRequests: 1, objectRequests: 2, awakeMs: 500 })).toBeCloseTo(1.4, 9)
})
