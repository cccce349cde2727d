import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { agentNews, isWorthWaiting } from '../../../../worker/carry/away.ts'
import { RETRY_MS, TAKEOVER_WAIT_MS } from '../../../../worker/limits.ts'
import { resetError, ScriptedShare } from '../scripted-share.ts'

const SHARE = { awayWaitMs: 20_000 }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('isWorthWaiting()', () => {
  test('is false where there never was an agent', () => {
    expect(isWorthWaiting({ kind: 'away', isExpected: false, isReplaceable: true }, 0, SHARE)).toBe(false)
  })

  test('is true until the time that the deployer has set is over, and longer where another agent is to take over', () => {
    const away = { kind: 'away', isExpected: true } as const
    expect(isWorthWaiting(away, SHARE.awayWaitMs - 1, SHARE)).toBe(true)
    expect(isWorthWaiting(away, SHARE.awayWaitMs, SHARE)).toBe(false)
    expect(isWorthWaiting({ ...away, isReplaceable: true }, TAKEOVER_WAIT_MS - 1, SHARE)).toBe(true)
    expect(isWorthWaiting({ ...away, isReplaceable: true }, TAKEOVER_WAIT_MS, SHARE)).toBe(false)
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
    const share = new ScriptedShare()
    expect(await isOverAfter(0, agentNews(share.client, { kind: 'away', isExpected: true, newsMark: 4 }, true))).toBe(true)
    expect(share.asked.agentNews).toEqual([[4, RETRY_MS, true]])
  })

  test('is a pause where the Share told of no mark, or fails', async () => {
    const share = new ScriptedShare().on('agentNews', new Error('broken'))
    expect(await isOverAfter(RETRY_MS - 1, agentNews(share.client, { kind: 'away', isExpected: true }, false))).toBe(false)
    expect(await isOverAfter(RETRY_MS - 1, agentNews(share.client, { kind: 'away', isExpected: true, newsMark: 4 }, false))).toBe(false)
    expect(share.asked.agentNews).toHaveLength(1)
  })

  test('ends at once, with a new stub, when the Share was reset', async () => {
    const share = new ScriptedShare().on('agentNews', resetError())
    expect(await isOverAfter(0, agentNews(share.client, { kind: 'away', isExpected: true, newsMark: 4 }, false))).toBe(true)
    expect(share.stubs).toBe(2)
  })
})
