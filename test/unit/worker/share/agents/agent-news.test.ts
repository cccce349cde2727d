import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AgentNews, type AwaitsNews } from '../../../../../worker/share/agents/agent-news.ts'
import { isOverAfter } from '../../over-after.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
})

/** Workers that wait until they are told, by name. */
class Workers {
  readonly waiting = new Map<string, AwaitsNews>()
  readonly told: string[] = []
  readonly news = new AgentNews(
    () => false,
    () => [...this.waiting.values()],
  )

  add(count: number, isResend = false): this {
    for (let at = 0; at < count; at++) {
      const name = `${isResend ? 'resend' : 'first'} ${at}`
      const resolve = (): void => {
        this.waiting.delete(name)
        this.told.push(name)
      }
      this.waiting.set(name, { resolve, isResend })
    }
    return this
  }
}

describe('AgentNews', () => {
  test('names each state anew', () => {
    const news = new AgentNews()
    const { mark } = news
    news.tell()
    expect(news.mark).not.toBe(mark)
  })

  test('tells all Workers that wait, a few at a time', async () => {
    const { news, told } = new Workers().add(40)
    news.tell()
    const counts: number[] = []
    for (let step = 0; step < 4; step++) {
      counts.push(told.length)
      await vi.advanceTimersToNextTimerAsync()
    }
    expect(counts).toEqual([0, 16, 32, 40])
  })

  test('tells those first whose calls an agent may have had', async () => {
    const { news, told } = new Workers().add(20).add(10, true)
    news.tell()
    await vi.advanceTimersToNextTimerAsync()
    expect(told).toHaveLength(16)
    expect(told.slice(0, 10).every((name) => name.startsWith('resend'))).toBe(true)
  })

  test('does not tell those who come to wait meanwhile', async () => {
    const workers = new Workers()
    workers.news.tell()
    workers.add(1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(workers.told).toEqual([])
  })
})

describe('AgentNews.next()', () => {
  test('is over with the next news, and not with what was told before', async () => {
    const news = new AgentNews()
    news.tell()
    const wait = news.next(1000, 'link')
    expect(await isOverAfter(999, wait)).toBe(false)
    news.tell()
    expect(await isOverAfter(0, wait)).toBe(true)
  })

  test('is over after its time in any case', async () => {
    const wait = new AgentNews().next(1000, 'link')
    expect(await isOverAfter(999, wait)).toBe(false)
    expect(await isOverAfter(1, wait)).toBe(true)
  })

  test('is over where its link is not let in any more', async () => {
    const news = new AgentNews()
    const [ended, other] = [news.next(1000, 'ended'), news.next(1000, 'other')]
    news.release((link) => link === 'ended')
    expect([await isOverAfter(0, ended), await isOverAfter(0, other)]).toEqual([true, false])
  })
})
