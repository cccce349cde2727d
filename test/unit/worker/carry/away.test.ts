import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { agentNews, awayLeftMs } from '../../../../worker/carry/away.ts'
import { NEWS_WAIT_MS, RETRY_MS, TAKEOVER_WAIT_MS } from '../../../../worker/limits.ts'
import { STREAM_CLOSE } from '../../../../worker/contract/streams.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { resetError, ScriptedShare } from '../scripted-share.ts'

const AWAY = { kind: 'away', isExpected: true, newsMark: 4 } as const
const WHO = { principal: 'p', isResend: false }
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
    expect(
      await isOverAfter(
        0,
        agentNews(share.client, { kind: 'away', isExpected: true, newsMark: 4 }, { principal: 'p', isResend: true }, 20_000),
      ),
    ).toBe(true)
    expect(share.asked.agentNews).toEqual([[4, NEWS_WAIT_MS, true]])
  })

  test('is a pause where the Share told of no mark, or fails', async () => {
    const share = new ScriptedShare().on('agentNews', new Error('broken'))
    expect(await isOverAfter(RETRY_MS - 1, agentNews(share.client, { kind: 'away', isExpected: true }, WHO, 20_000))).toBe(false)
    expect(await isOverAfter(RETRY_MS - 1, agentNews(share.client, { kind: 'away', isExpected: true, newsMark: 4 }, WHO, 20_000))).toBe(
      false,
    )
    expect(share.asked.agentNews).toHaveLength(1)
  })

  test('ends at once, with a new stub, when the Share was reset', async () => {
    const share = new ScriptedShare().on('agentNews', resetError())
    expect(await isOverAfter(0, agentNews(share.client, { kind: 'away', isExpected: true, newsMark: 4 }, WHO, 20_000))).toBe(true)
    expect(share.stubs).toBe(2)
  })

  test('waits by a socket after NEWS_WAIT_MS, until that closes with the news', async () => {
    verifies('promise.6.no-rpc-for-ever')
    const share = new ScriptedShare().on('agentNews', false)
    const wait = agentNews(share.client, AWAY, { principal: 'p', isResend: true }, 20_000)
    expect(await isOverAfter(0, wait)).toBe(false)
    expect(share.opened).toEqual([{ kind: 'news', mark: '4', principal: 'p', isResend: 'true' }])
    share.socket.end(STREAM_CLOSE.AGAIN)
    expect(await isOverAfter(0, wait)).toBe(true)
    expect(share.asked.agentNews).toHaveLength(1)
  })

  test('closes the socket when the time is over, or nobody waits for the message any more', async () => {
    for (const [isWanted, afterMs] of [
      [true, 2 * NEWS_WAIT_MS],
      [false, NEWS_WAIT_MS],
    ] as const) {
      const share = new ScriptedShare().on('agentNews', false)
      let asked = 0
      const wait = agentNews(share.client, AWAY, WHO, 3 * NEWS_WAIT_MS, () => isWanted || ++asked < 3)
      expect(await isOverAfter(afterMs - 1, wait)).toBe(false)
      expect(await isOverAfter(1, wait)).toBe(true)
      expect(share.socket.closedWith).toBe(1000)
    }
  })

  test('asks no more where the time is over with NEWS_WAIT_MS, and soon again where the Share has no such socket', async () => {
    const share = new ScriptedShare().on('agentNews', false, false).on('open', null)
    expect(await isOverAfter(0, agentNews(share.client, AWAY, WHO, NEWS_WAIT_MS))).toBe(true)
    expect(share.opened).toEqual([])
    expect(await isOverAfter(RETRY_MS, agentNews(share.client, AWAY, WHO, 20_000))).toBe(true)
  })
})
