import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SparingAnswers } from '../../../../worker/access/sparing-answers.ts'
import { SPARING_ASKS, SPARING_ASKS_MS, SPARING_WAIT_MS } from '../../../../worker/trust-limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

const KNOWN_MS = 2_000

/** Who is asked, and answers when it is told to. */
class Asked {
  readonly answers = new SparingAnswers<number | undefined>(KNOWN_MS)
  readonly waiting: PromiseWithResolvers<number | undefined>[] = []
  count = 0

  of(name: string): Promise<{ readonly answer: number | undefined } | undefined> {
    return this.answers.of(name, () => {
      this.count++
      const asked = Promise.withResolvers<number | undefined>()
      this.waiting.push(asked)
      return asked.promise
    })
  }

  answer(answer?: number): void {
    this.waiting.shift()?.resolve(answer)
  }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('SparingAnswers.of() believes an answer for as long as it is told, also that there is none', async () => {
  verifies('promise.9.slowed')
  const asked = new Asked()
  for (const [share, answer] of [
    ['one', 7],
    ['none', undefined],
  ] as const) {
    asked.count = 0
    const first = asked.of(share)
    asked.answer(answer)
    expect(await first).toMatchObject({ answer })
    await vi.advanceTimersByTimeAsync(KNOWN_MS - 1)
    expect([(await asked.of(share))?.answer, asked.count]).toEqual([answer, 1])
    await vi.advanceTimersByTimeAsync(1)
    const later = asked.of(share)
    asked.answer(9)
    expect([(await later)?.answer, asked.count]).toEqual([9, 2])
  }
})

test('SparingAnswers.of() of many at once asks SPARING_ASKS times, and the others have their answer with the first', async () => {
  verifies('promise.9.slowed')
  const asked = new Asked()
  const all = Array.from({ length: 100 }, () => asked.of('many'))
  await vi.advanceTimersByTimeAsync(100)
  expect(asked.count).toBe(SPARING_ASKS)
  asked.answer(7)
  const others = all.slice(SPARING_ASKS)
  await vi.advanceTimersByTimeAsync(100)
  expect(await Promise.all(others)).toMatchObject(others.map(() => ({ answer: 7 })))
  expect(asked.count).toBe(SPARING_ASKS)
})

test('SparingAnswers.of() asks SPARING_ASKS times in SPARING_ASKS_MS of a registry that does not answer, and gives up', async () => {
  const asked = new Asked()
  const all = Array.from({ length: 100 }, () => asked.of('silent'))
  const others = Promise.all(all.slice(-10))
  await vi.advanceTimersByTimeAsync(SPARING_WAIT_MS + 100)
  expect(await others).toEqual(Array.from({ length: 10 }, () => undefined))
  expect(asked.count).toBeLessThanOrEqual(SPARING_ASKS * (SPARING_WAIT_MS / SPARING_ASKS_MS + 1))
})

test('SparingAnswers.of() does not believe a failure', async () => {
  const asked = new Asked()
  const failed = asked.of('failing')
  asked.waiting.shift()?.reject(new Error('reset'))
  await expect(failed).rejects.toThrow('reset')
  const again = asked.of('failing')
  asked.answer(7)
  expect((await again)?.answer).toBe(7)
})
