import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { NEWS_WAIT_MS, RETRY_MS } from '../../../../../worker/limits.ts'
import { AgentNews } from '../../../../../worker/share/agents/agent-news.ts'
import { verifies } from '../../../../requirements/verifies.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
})

/** So many that wait; `told` counts those that wait no more. */
function waiters(news: AgentNews, count: number, isResend = false): { told: number } {
  const all = { told: 0 }
  for (let at = 0; at < count; at++) void news.after(news.mark, 1000, isResend).then(() => all.told++)
  return all
}

describe('AgentNews', () => {
  test('counts who waits by the link of the owner’s, until it waits no more', async () => {
    verifies('promise.10.own-first', 'promise.10.root')
    const news = new AgentNews()
    const all = [news.after(news.mark, 1000, false, 'below', 'root'), news.after(news.mark, 9000, false, 'root', 'root')]
    void news.after(news.mark, 9000, false, 'other')
    expect([news.waitingOf('root'), news.waitingOf('below'), news.waitingOf('other')]).toEqual([2, 0, 1])
    await vi.advanceTimersByTimeAsync(1000)
    expect([await all[0], news.waitingOf('root')]).toEqual([false, 1])
    news.tell()
    await vi.advanceTimersByTimeAsync(0)
    expect([await all[1], news.waitingOf('root'), news.waitingOf('other')]).toEqual([true, 0, 0])
  })

  test('lets nobody wait for what is known already', async () => {
    const news = new AgentNews()
    const { mark } = news
    news.tell()
    expect(await news.after(mark, 1000, false)).toBe(true)
    expect(news.waiting).toBe(0)
  })

  test('tells all who wait, a few at a time', async () => {
    const news = new AgentNews()
    const all = waiters(news, 40)
    news.tell()
    const counts: number[] = []
    for (let step = 0; step < 4; step++) {
      counts.push(all.told)
      await vi.advanceTimersToNextTimerAsync()
    }
    expect(counts).toEqual([0, 16, 32, 40])
  })

  test('tells those too that wait by socket', async () => {
    const told: string[] = []
    const bySocket = ['a', 'b'].map((name) => ({ resolve: () => void told.push(name), isResend: name === 'b', link: '' }))
    const news = new AgentNews(
      () => false,
      () => bySocket,
    )
    news.tell()
    await vi.advanceTimersToNextTimerAsync()
    expect(told).toEqual(['b', 'a'])
  })

  test('tells those first whose calls an agent may have had', async () => {
    const news = new AgentNews()
    const first = waiters(news, 20)
    const resent = waiters(news, 10, true)
    news.tell()
    await vi.advanceTimersToNextTimerAsync()
    expect([first.told, resent.told]).toEqual([6, 10])
  })

  test('does not tell those who come to wait meanwhile', async () => {
    const news = new AgentNews()
    news.tell()
    const late = waiters(news, 1)
    await vi.advanceTimersByTimeAsync(999)
    expect([late.told, news.waiting]).toEqual([0, 1])
  })

  test('says who was told, and who has waited in vain', async () => {
    const news = new AgentNews()
    const [told, late] = [news.after(news.mark, 1000, false), new AgentNews()]
    news.tell()
    const vain = late.after(late.mark, 1000, false)
    await vi.advanceTimersByTimeAsync(1000)
    expect([await told, await vain]).toEqual([true, false])
  })

  test('lets nobody wait for longer than the bound, and asks soon again while an agent is leaving', async () => {
    const news = new AgentNews()
    const all = [news.after(news.mark, 10 * NEWS_WAIT_MS, false), news.after(news.mark, 1, false)]
    const leaving = new AgentNews(() => true)
    const soon = leaving.after(leaving.mark, NEWS_WAIT_MS, false)
    await vi.advanceTimersByTimeAsync(RETRY_MS)
    expect(await soon).toBe(true)
    await vi.advanceTimersByTimeAsync(NEWS_WAIT_MS - RETRY_MS)
    expect(await Promise.all(all)).toEqual([false, false])
  })

  test('keeps nothing of those who have waited in vain', async () => {
    const news = new AgentNews()
    const all = waiters(news, 3)
    await vi.advanceTimersByTimeAsync(1000)
    expect([all.told, news.waiting]).toEqual([3, 0])
  })
})
