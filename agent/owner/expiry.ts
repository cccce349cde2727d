/** Reads when something shall end: a time from now, or a date. Pure. */
import { usageError } from '../exit.ts'

/** The option as all commands have it. */
export const EXPIRES = '--expires <time>'
export const EXPIRES_TEXT = '12h, 3d, 2w from now, or 2026-12-04, the end of that day'

const UNITS_S = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const
/** The longest life that a relay gives, in days. */
const MAX_DAYS = 366
const SECOND_MS = 1000

const DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}))?$/

/**
 * Seconds from `now` on. `90m`, `12h`, `3d`, `2w`; `2026-12-04` is 23:59 of that day and `2026-12-04T18:00` that minute, both where
 * this machine is. The relay counts them from when it is asked: the end of a day is the middle of its last minute, so that it does not become the next
 * day on the way.
 *
 * @throws {AgentExit} for anything else, what is over, and more than 366 days.
 */
export function secondsUntil(text: string, now: Date): number {
  const seconds = readDuration(text) ?? readDate(text, now)
  if (seconds === undefined)
    throw usageError(`--expires ${text} is no time. Give one such as 12h, 3d, 2w, 2026-12-04 (the end of that day) or 2026-12-04T18:00`)
  if (seconds < 1) throw usageError(`--expires ${text} is over already. Give a time that is to come.`)
  if (seconds > MAX_DAYS * UNITS_S.d) throw usageError(`--expires ${text} is more than ${MAX_DAYS} days away, the longest life there is.`)
  return seconds
}

function readDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * UNITS_S[unit as keyof typeof UNITS_S]
}

function readDate(text: string, now: Date): number | undefined {
  const [, year, month, day, hour, minute] = DATE.exec(text) ?? []
  if (year === undefined) return undefined
  const [monthIndex, date] = [Number(month) - 1, Number(day)]
  const end =
    hour === undefined
      ? new Date(Number(year), monthIndex, date, 23, 59, 30)
      : new Date(Number(year), monthIndex, date, Number(hour), Number(minute))
  // A day that its month does not have would become one of the next.
  const isThere = end.getMonth() === monthIndex && end.getDate() === date && Number(hour ?? 0) < 24 && Number(minute ?? 0) < 60
  return isThere ? Math.ceil((end.getTime() - now.getTime()) / SECOND_MS) : undefined
}
