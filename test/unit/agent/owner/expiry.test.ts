import { expect, test } from 'vitest'
import { secondsUntil } from '../../../../agent/owner/expiry.ts'
import { localTime } from '../../../../agent/owner/table.ts'

/** A Sunday afternoon, where this machine is. */
const NOW = new Date(2026, 10, 29, 15, 30, 0)

test.each([
  ['45s', 45],
  ['90m', 5400],
  ['12h', 43_200],
  ['3d', 259_200],
  ['2w', 1_209_600],
  ['366d', 366 * 86_400],
])('secondsUntil() takes %s for %i seconds', (text, seconds) => {
  expect(secondsUntil(text, NOW)).toBe(seconds)
})

test('secondsUntil() takes a date for the end of that day, and a time for that minute, where this machine is', () => {
  expect(secondsUntil('2026-11-29', NOW)).toBe((8 * 60 + 29) * 60 + 30)
  expect(secondsUntil('2026-11-29T15:31', NOW)).toBe(60)
  expect(secondsUntil('2026-11-29 16:30', NOW)).toBe(3600)
  expect(secondsUntil('2026-12-04', NOW)).toBe((new Date(2026, 11, 4, 23, 59, 30).getTime() - NOW.getTime()) / 1000)
})

test.each([0, 400, 29_000])(
  'secondsUntil() gives the day and the minute that were said, to a relay that is asked %i ms later',
  (laterMs) => {
    const asked = new Date(NOW.getTime() + 200)
    const endOf = (text: string): Date => new Date(asked.getTime() + laterMs + secondsUntil(text, asked) * 1000)
    expect(localTime(endOf('2026-12-04'))).toBe('2026-12-04 23:59')
    expect(localTime(endOf('2026-12-04T18:00'))).toBe('2026-12-04 18:00')
  },
)

test.each([
  '',
  '3',
  'd',
  '3x',
  '-3d',
  '1.5d',
  '3 d',
  'friday',
  '2026-02-30',
  '2026-13-01',
  '2026-12-04T24:00',
  '2026-12-04T10:60',
  '26-12-04',
])('secondsUntil() refuses %j and shows what it takes', (text) => {
  expect(() => secondsUntil(text, NOW)).toThrow(
    expect.objectContaining({ code: 'USAGE', exit: 1, message: expect.stringMatching(/^--expires .*2026-12-04/) as string }),
  )
})

test.each([
  ['0d', /is over already/],
  ['2026-11-28', /is over already/],
  ['2026-11-29T15:30', /is over already/],
  ['367d', /366 days/],
  ['2028-01-01', /366 days/],
])('secondsUntil() refuses %s: no relay would give it', (text, message) => {
  expect(() => secondsUntil(text, NOW)).toThrow(message)
})
