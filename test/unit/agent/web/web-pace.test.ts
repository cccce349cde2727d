/** The pace of web exchanges over links that a test makes up: how much of their speed is used, and how long what comes behind has to wait. */
import { describe, expect, test } from 'vitest'
import { WEB_PACE_LEAST_BYTES, WEB_PACE_MEMORY_MS } from '../../../../agent/web-limits.ts'
import { WebPace } from '../../../../agent/web/web-pace.ts'
import { WEB_CHUNK_BYTES } from '../../../../protocol/web/web-limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

interface Path {
  /** Bytes a millisecond. */
  readonly rate: number
  /** There and back, of what has to wait for nothing, in milliseconds. */
  readonly wayMs: number
}

interface Run {
  /** Bytes that have arrived in the second half of the run. */
  readonly arrived: number
  /** How long something small that is sent in that half takes there and back, in milliseconds: each time before a frame is sent. */
  readonly waitsMs: readonly number[]
}

/** A link that takes bytes in their order, one after the other at its rate, for `forMs`; `change`: another from then on. */
function run(pace: WebPace, path: Path, forMs: number, change?: { readonly atMs: number; readonly path: Path }): Run {
  const marks: { readonly name: string; readonly atMs: number }[] = []
  let busyUntilMs = 0
  let arrived = 0
  const waitsMs: number[] = []
  const stepMs = 0.05
  for (let nowMs = 0; nowMs < forMs; nowMs += stepMs) {
    const { rate, wayMs } = change !== undefined && nowMs >= change.atMs ? change.path : path
    while (marks[0] !== undefined && marks[0].atMs <= nowMs) pace.came(marks.shift()?.name ?? '', nowMs)
    while (pace.hasRoom(nowMs)) {
      const before = pace.markBefore(nowMs)
      if (before !== undefined) marks.push({ name: before, atMs: Math.max(busyUntilMs, nowMs) + wayMs })
      if (nowMs >= forMs / 2) waitsMs.push(Math.max(0, busyUntilMs - nowMs) + wayMs)
      busyUntilMs = Math.max(busyUntilMs, nowMs) + WEB_CHUNK_BYTES / rate
      if (busyUntilMs >= forMs / 2 && busyUntilMs < forMs) arrived += WEB_CHUNK_BYTES
      pace.sent(WEB_CHUNK_BYTES, nowMs)
      const name = pace.markBehind(nowMs)
      if (name !== undefined) marks.push({ name, atMs: busyUntilMs + wayMs })
    }
  }
  return { arrived, waitsMs }
}

const MIB_PER_S = (1024 * 1024) / 1000

describe('a link', () => {
  test.each([
    ['on one machine', { rate: 200 * MIB_PER_S, wayMs: 0.4 }],
    ['of 100 Mbit/s, 20 ms', { rate: 12 * MIB_PER_S, wayMs: 20 }],
    ['of 20 Mbit/s, 40 ms', { rate: 2.5 * MIB_PER_S, wayMs: 40 }],
    ['of 1 Gbit/s, 100 ms', { rate: 120 * MIB_PER_S, wayMs: 100 }],
  ] as const)('%s is used, and what comes behind waits no longer than three times its way', (_what, path) => {
    verifies('promise.14.flow')
    const { arrived, waitsMs } = run(new WebPace(), path, 4000)
    expect(arrived / (path.rate * 2000)).toBeGreaterThan(0.85)
    // Of a short way one frame is more than that.
    const oneFrameMs = WEB_CHUNK_BYTES / path.rate
    expect(Math.max(...waitsMs)).toBeLessThan(3 * path.wayMs + 2 * oneFrameMs)
  })

  test('that has become slower holds up what comes behind only until that is known', () => {
    verifies('promise.14.flow')
    const slow = { rate: 2 * MIB_PER_S, wayMs: 20 }
    const { waitsMs } = run(new WebPace(), { rate: 50 * MIB_PER_S, wayMs: 20 }, 8000, { atMs: 1000, path: slow })
    expect(Math.max(...waitsMs.slice(-100))).toBeLessThan(3 * slow.wayMs + (2 * WEB_CHUNK_BYTES) / slow.rate)
  })
})

describe('WebPace', () => {
  test('lets little out before anything is known, and everything where marks never come back', () => {
    const pace = new WebPace()
    expect([pace.hasRoom(0), pace.markBefore(0)]).toEqual([true, '1'])
    pace.sent(WEB_PACE_LEAST_BYTES, 0)
    expect([pace.hasRoom(0), pace.hasHeard]).toEqual([false, false])
    expect([pace.markBehind(0), pace.markBehind(0), pace.markBefore(0)]).toEqual(['2', undefined, undefined])
    pace.giveUp()
    pace.sent(100 * WEB_PACE_LEAST_BYTES, 1)
    expect([pace.hasRoom(1), pace.markBehind(1), pace.markBefore(1e6)]).toEqual([true, undefined, undefined])
  })

  test('takes no mark that it has not sent, and none twice', () => {
    const pace = new WebPace()
    pace.markBefore(0)
    pace.sent(WEB_PACE_LEAST_BYTES, 0)
    pace.came('9', 1)
    pace.came('', 1)
    expect([pace.hasRoom(1), pace.hasHeard]).toEqual([false, false])
    const name = pace.markBehind(0) ?? ''
    pace.came(name, 10)
    expect([pace.hasRoom(10), pace.hasHeard]).toEqual([true, true])
    pace.came('1', 500)
    pace.sent(WEB_PACE_LEAST_BYTES, 500)
    expect(pace.hasRoom(500)).toBe(false)
  })

  test('finds the way anew each WEB_PACE_MEMORY_MS, for which nothing may be on its way', () => {
    const pace = new WebPace()
    pace.markBefore(0)
    pace.sent(1, 0)
    const lateMs = WEB_PACE_MEMORY_MS + 1
    pace.came('1', 1)
    // Too little for a mark, without which nothing would ever be sent again.
    expect([pace.hasRoom(lateMs), pace.markBefore(lateMs), pace.markRest(lateMs), pace.markRest(lateMs)]).toEqual([
      false,
      undefined,
      '2',
      undefined,
    ])
    pace.came('2', lateMs + 1)
    expect([pace.hasRoom(lateMs + 1), pace.markBefore(lateMs + 1)]).toEqual([true, '3'])
  })
})
