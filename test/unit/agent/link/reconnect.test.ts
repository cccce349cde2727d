import { expect, test } from 'vitest'
import { Backoff } from '../../../../agent/link/backoff.ts'
import { RECONNECT_AWAITED_MAX_MS, RECONNECT_MAX_MS } from '../../../../agent/limits.ts'
import type { LinkEnd } from '../../../../agent/link/link.ts'
import { createLog } from '../../../../agent/log.ts'
import { Mask } from '../../../../agent/mask.ts'
import { keepConnected } from '../../../../agent/link/reconnect.ts'
import { GRACE_MS } from '../../../../protocol/limits.ts'

const UNREACHABLE: LinkEnd = { kind: 'unreachable', reason: 'ECONNREFUSED' }

function closed(livedMs: number): LinkEnd {
  return { kind: 'closed', code: 1006, reason: '', livedMs }
}

/** The pauses after each of these ends, on a clock that only they move. */
async function pausesAfter(ends: readonly LinkEnd[]): Promise<number[]> {
  const stop = new AbortController()
  const left = [...ends]
  const pauses: number[] = []
  let nowMs = 0
  await keepConnected({
    connect: () => {
      const end = left.shift()
      if (end === undefined) stop.abort()
      if (end?.kind === 'closed') nowMs += end.livedMs
      return Promise.resolve(end ?? UNREACHABLE)
    },
    backoff: new Backoff({ minMs: 1000, maxMs: RECONNECT_MAX_MS, random: () => 0.9999999 }),
    isFirstLane: true,
    maxRetries: 0,
    log: createLog({ level: 'error', json: false, mask: new Mask([]), write: () => {}, now: () => new Date(0) }),
    now: () => nowMs,
    pause: (ms) => {
      pauses.push(ms)
      nowMs += ms
      return Promise.resolve()
    },
    signal: stop.signal,
  })
  return pauses
}

test('keepConnected() doubles its pauses while there was never a link', async () => {
  expect(await pausesAfter(Array.from({ length: 8 }, () => UNREACHABLE))).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
})

test('keepConnected() comes back within the time that the relay waits for it, however short its links were', async () => {
  const pauses = await pausesAfter(Array.from({ length: 12 }, () => closed(100)))
  expect(Math.max(...pauses)).toBe(RECONNECT_AWAITED_MAX_MS)
  expect(RECONNECT_AWAITED_MAX_MS).toBeLessThan(GRACE_MS)
})

test('keepConnected() takes its time again when the relay waits no longer', async () => {
  const ends = [...Array.from({ length: 6 }, () => closed(100)), ...Array.from({ length: 4 }, () => UNREACHABLE)]
  expect(await pausesAfter(ends)).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000, 10_000, 10_000, 60_000, 60_000])
})

test('keepConnected() starts over after a link that lived', async () => {
  expect(await pausesAfter([UNREACHABLE, UNREACHABLE, closed(5000), UNREACHABLE])).toEqual([1000, 2000, 1000, 2000])
})
