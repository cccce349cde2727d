import { afterEach, expect, test, vi } from 'vitest'
import { passingVerdict } from '../../../../worker/carry/passing-agents.ts'
import { PASSING_MS } from '../../../../worker/trust-limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { resetError, ScriptedShare } from '../scripted-share.ts'

afterEach(() => void vi.useRealTimers())

test('passingVerdict() remembers for a while that agents pass on what clients show, and asks each time where they do not', async () => {
  verifies('promise.http.pass-auth')
  vi.useFakeTimers({ toFake: ['Date'] })
  const share = new ScriptedShare({}, 'remembered').on('passing', 'away', 'refuses', 'passes', 'refuses')
  const asked: string[] = []
  for (let times = 0; times < 4; times++) asked.push(await passingVerdict(share.client))
  expect([asked, share.asked.passing.length]).toEqual([['away', 'refuses', 'passes', 'passes'], 3])
  vi.advanceTimersByTime(PASSING_MS)
  expect(await passingVerdict(share.client)).toBe('refuses')
})

test('passingVerdict() asks an object once more that was reset', async () => {
  const share = new ScriptedShare({}, 'reset').on('passing', resetError(), 'refuses')
  expect(await passingVerdict(share.client)).toBe('refuses')
  expect(share.stubs).toBe(2)
})
