import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Env } from '../../../../worker/env.ts'
import { knownEnd } from '../../../../worker/sign-in/known-end.ts'
import { END_ASKS, END_ASKS_MS, END_WAIT_MS, KNOWN_END_MS } from '../../../../worker/sign-in/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

/** A registry that is asked, and answers when it is told to. */
class Asked {
  readonly waiting: PromiseWithResolvers<{ expiresAtMs: number } | undefined>[] = []
  count = 0
  readonly env = { REGISTRY: { getByName: () => ({ shareTrust: () => this.#ask() }) } } as unknown as Env

  #ask(): Promise<{ expiresAtMs: number } | undefined> {
    this.count++
    const asked = Promise.withResolvers<{ expiresAtMs: number } | undefined>()
    this.waiting.push(asked)
    return asked.promise
  }

  answer(expiresAtMs?: number): void {
    this.waiting.shift()?.resolve(expiresAtMs === undefined ? undefined : { expiresAtMs })
  }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('knownEnd() believes an answer for KNOWN_END_MS, and that there is no such share', async () => {
  verifies('promise.9.slowed')
  const asked = new Asked()
  for (const [share, endsAtMs] of [
    ['one', 7],
    ['none', undefined],
  ] as const) {
    asked.count = 0
    const first = knownEnd(asked.env, share)
    asked.answer(endsAtMs)
    expect(await first).toMatchObject({ endsAtMs })
    await vi.advanceTimersByTimeAsync(KNOWN_END_MS - 1)
    expect([(await knownEnd(asked.env, share))?.endsAtMs, asked.count]).toEqual([endsAtMs, 1])
    await vi.advanceTimersByTimeAsync(1)
    const later = knownEnd(asked.env, share)
    asked.answer(9)
    expect([(await later)?.endsAtMs, asked.count]).toEqual([9, 2])
  }
})

test('knownEnd() of many at once asks END_ASKS times, and the others have their answer with the first', async () => {
  verifies('promise.9.slowed')
  const asked = new Asked()
  const all = Array.from({ length: 100 }, () => knownEnd(asked.env, 'many'))
  await vi.advanceTimersByTimeAsync(100)
  expect(asked.count).toBe(END_ASKS)
  asked.answer(7)
  const others = all.slice(END_ASKS)
  await vi.advanceTimersByTimeAsync(100)
  expect(await Promise.all(others)).toMatchObject(others.map(() => ({ endsAtMs: 7 })))
  expect(asked.count).toBe(END_ASKS)
})

test('knownEnd() asks END_ASKS times in END_ASKS_MS of a registry that does not answer, and gives up', async () => {
  const asked = new Asked()
  const all = Array.from({ length: 100 }, () => knownEnd(asked.env, 'silent'))
  const others = Promise.all(all.slice(-10))
  await vi.advanceTimersByTimeAsync(END_WAIT_MS + 100)
  expect(await others).toEqual(Array.from({ length: 10 }, () => undefined))
  expect(asked.count).toBeLessThanOrEqual(END_ASKS * (END_WAIT_MS / END_ASKS_MS + 1))
})

test('knownEnd() does not believe a failure', async () => {
  const asked = new Asked()
  const failed = knownEnd(asked.env, 'failing')
  asked.waiting.shift()?.reject(new Error('reset'))
  await expect(failed).rejects.toThrow('reset')
  const again = knownEnd(asked.env, 'failing')
  asked.answer(7)
  expect((await again)?.endsAtMs).toBe(7)
})
