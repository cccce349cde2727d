import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { agentNews, awayLeftMs } from '../../../../worker/carry/away.ts'
import { NEWS_WAIT_MS, RETRY_MS, TAKEOVER_WAIT_MS } from '../../../../worker/limits.ts'
import { resetError, ScriptedShare } from '../scripted-share.ts'

const SHARE = { awayWaitMs: 20_000 }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('awayLeftMs()', () => {
  test('is 0 where there never was an agent', () => {
    expect(awayLeftMs({ kind: 'away', isExpected: false, isReplaceable: true }, 0, SHARE)).toBe(0)
  })

  test('counts down the time that the deployer has set, and a longer one where another agent is to take over', () => {
    const away = { kind: 'away', isExpected: true } as const
    expect(awayLeftMs(away, SHARE.awayWaitMs - 1, SHARE)).toBe(1)
    expect(awayLeftMs(away, SHARE.awayWaitMs + 1, SHARE)).toBe(0)
    expect(awayLeftMs({ ...away, isReplaceable: true }, TAKEOVER_WAIT_MS - 1, SHARE)).toBe(1)
    expect(awayLeftMs({ ...away, isReplaceable: true }, TAKEOVER_WAIT_MS, SHARE)).toBe(0)
  })
})

describe('agentNews()', () => {
  /** Whether the wait is over after a time. */
  async function isOverAfter(ms: number, wait: Promise<void>): Promise<boolean> {
    let isOver = false
    void wait.then(() => (isOver = true))
    await vi.advanceTimersByTimeAsync(ms)
    return isOver
  }

  test('ends with the news that the Share has', async () => {
    const share = new ScriptedShare().on('agentNews', true)
    expect(await isOverAfter(0, agentNews(share.client, { kind: 'away', isExpected: true, newsMark: 4 }, true, 20_000))).toBe(true)
    expect(share.asked.agentNews).toEqual([[4, NEWS_WAIT_MS, true]])
  })

  test('is a pause where the Share told of no mark, or fails', async () => {
    const share = new ScriptedShare().on('agentNews', new Error('broken'))
    expect(await isOverAfter(RETRY_MS - 1, agentNews(share.client, { kind: 'away', isExpected: true }, false, 20_000))).toBe(false)
    expect(await isOverAfter(RETRY_MS - 1, agentNews(share.client, { kind: 'away', isExpected: true, newsMark: 4 }, false, 20_000))).toBe(
      false,
    )
    expect(share.asked.agentNews).toHaveLength(1)
  })

  test('ends at once, with a new stub, when the Share was reset', async () => {
    const share = new ScriptedShare().on('agentNews', resetError())
    expect(await isOverAfter(0, agentNews(share.client, { kind: 'away', isExpected: true, newsMark: 4 }, false, 20_000))).toBe(true)
    expect(share.stubs).toBe(2)
  })

  test('asks the Share once for each NEWS_WAIT_MS, the last time for what is left, and not for a call that nobody waits for', async () => {
    const away = { kind: 'away', isExpected: true, newsMark: 4 } as const
    const share = new ScriptedShare().on('agentNews', false, false, false)
    await agentNews(share.client, away, false, NEWS_WAIT_MS + 500)
    expect(share.asked.agentNews.map(([, maxMs]) => maxMs)).toEqual([NEWS_WAIT_MS, 500])
    await agentNews(share.client, away, false, 3 * NEWS_WAIT_MS, () => share.asked.agentNews.length < 3)
    expect(share.asked.agentNews).toHaveLength(3)
  })
})
