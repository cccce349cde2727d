import { expect, test } from 'vitest'
import { Backoff } from '../../../../agent/link/backoff.ts'
import { DIAL_MS, FIRST_REDIAL_MS, RECONNECT_AWAITED_MAX_MS, RECONNECT_MAX_MS } from '../../../../agent/limits.ts'
import type { LinkEnd } from '../../../../agent/link/link.ts'
import { keepConnected } from '../../../../agent/link/reconnect.ts'
import type { LogFields } from '../../../../agent/log.ts'
import type { ProblemCode } from '../../../../protocol/errors.ts'
import { AWAY_WAIT_MS } from '../../../../worker/limits.ts'
import { CLOSE } from '../../../../protocol/handshake.ts'
import { GRACE_MS } from '../../../../protocol/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { SILENT_LOG } from '../silent-log.ts'

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
    log: SILENT_LOG,
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
  verifies('promise.10.retries')
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

test('keepConnected() gives the first try after a link was lost less time, so that the second is in time for the calls that wait', async () => {
  const stop = new AbortController()
  const ends = [UNREACHABLE, closed(100), UNREACHABLE, UNREACHABLE, closed(0), closed(5000)]
  const given: number[] = []
  await keepConnected({
    connect: (dialMs) => {
      const end = ends[given.push(dialMs) - 1]
      if (end === undefined) stop.abort()
      return Promise.resolve(end ?? UNREACHABLE)
    },
    backoff: new Backoff({ minMs: 1000, maxMs: RECONNECT_MAX_MS, random: () => 0 }),
    isFirstLane: true,
    maxRetries: 0,
    log: SILENT_LOG,
    now: () => 0,
    pause: () => Promise.resolve(),
    signal: stop.signal,
  })
  expect(given).toEqual([DIAL_MS, DIAL_MS, FIRST_REDIAL_MS, DIAL_MS, DIAL_MS, DIAL_MS, FIRST_REDIAL_MS])
  expect(FIRST_REDIAL_MS).toBeLessThan(AWAY_WAIT_MS / 2)
})

test('keepConnected() starts over after a link that lived', async () => {
  expect(await pausesAfter([UNREACHABLE, UNREACHABLE, closed(5000), UNREACHABLE])).toEqual([1000, 2000, 1000, 2000])
})

async function run(end: LinkEnd, { isFirstLane = true, maxRetries = 0, log = SILENT_LOG } = {}): Promise<number> {
  const stop = new AbortController()
  let attempts = 0
  await keepConnected({
    connect: () => {
      if (++attempts === 5) stop.abort()
      return Promise.resolve(end)
    },
    backoff: new Backoff({ minMs: 1000, maxMs: RECONNECT_MAX_MS, random: () => 0 }),
    isFirstLane,
    maxRetries,
    log,
    now: () => 0,
    pause: () => Promise.resolve(),
    signal: stop.signal,
  })
  return attempts
}

test.each<[number, ProblemCode, number, string]>([
  [401, 'UNAUTHORIZED', 3, 'TOKEN_REFUSED'],
  [403, 'HOST_REFUSED', 3, 'TOKEN_REFUSED'],
  [404, 'SHARE_NOT_FOUND', 6, 'SHARE_GONE'],
  [410, 'SHARE_EXPIRED', 6, 'SHARE_GONE'],
  [426, 'LINK_VERSION_REFUSED', 4, 'VERSION_MISMATCH'],
])('keepConnected() ends for good after HTTP %d of the relay, and passes on what it says', async (status, code, exit, name) => {
  const end: LinkEnd = { kind: 'refused', status, code, detail: 'why' }
  await expect(run(end)).rejects.toMatchObject({ exit, code: name, message: expect.stringContaining('The relay says: why') as string })
})

test.each([401, 403, 404, 407, 410, 426])(
  'keepConnected() dials on after an HTTP %d that the relay has not written, and logs who has',
  async (status) => {
    verifies('promise.4.foreign-refusals')
    const lines: unknown[] = []
    const log = { ...SILENT_LOG, warn: (event: string, fields?: LogFields) => void lines.push([event, fields]) }
    const end: LinkEnd = { kind: 'refused', status, detail: '', contentType: 'text/html', server: 'wall' }
    expect(await run(end, { log })).toBe(5)
    const fields = {
      reason: `HTTP ${status}`,
      contentType: 'text/html',
      server: 'wall',
      meaning: expect.stringContaining('not the relay') as string,
    }
    expect(lines[0]).toMatchObject(['link.lost', fields])
  },
)

test.each([
  [CLOSE.REPLACED, 'REPLACED', 5],
  [CLOSE.NAME_REFUSED, 'NAME_REFUSED', 5],
  [CLOSE.SHARE_GONE, 'SHARE_GONE', undefined],
])('keepConnected() ends for good after close %d with %s on the first lane; dials again on another: %s', async (code, exitCode, again) => {
  const end: LinkEnd = { kind: 'closed', code, reason: '', livedMs: 1 }
  await expect(run(end)).rejects.toMatchObject({ exit: 6, code: exitCode })
  const other = run(end, { isFirstLane: false })
  if (again === undefined) await expect(other).rejects.toMatchObject({ code: exitCode })
  else expect(await other).toBe(again)
})

test.each([true, false])(
  'keepConnected() ends for good on any lane when its token is revoked, as when it is refused: %s',
  async (isFirstLane) => {
    const end: LinkEnd = { kind: 'closed', code: CLOSE.TOKEN_REVOKED, reason: '', livedMs: 1 }
    const message = expect.stringContaining('revoked') as string
    await expect(run(end, { isFirstLane })).rejects.toMatchObject({ exit: 3, code: 'TOKEN_REFUSED', message })
  },
)

test('keepConnected() gives up after --max-retries failures in a row, and says what the last one was', async () => {
  const given = run({ kind: 'refused', status: 500, detail: 'busy' }, { maxRetries: 2 })
  await expect(given).rejects.toMatchObject({ exit: 4, message: 'The relay could not be reached in 3 attempts: HTTP 500 busy.' })
})
