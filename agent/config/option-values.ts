/** Reads times, numbers and choices as options give them. Pure. */
import { usageError } from '../exit.ts'

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
/** Longest time that Node's timers take; beyond it they fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * `90s`, `30m`, `1h`, `250ms` in milliseconds; a bare number is seconds.
 *
 * @throws {AgentExit} that names the option, for anything else, less than `leastMs` or more than 24 days.
 */
export function durationMs(option: string, text: string, leastMs: number): number {
  const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? []
  const ms = digits === undefined ? Number.NaN : Math.round(Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS])
  if (!(ms >= leastMs && ms <= MAX_TIMER_MS))
    throw usageError(`${option} ${text} must be a time such as 90s, 30m or 1h${leastMs === 0 ? ', or 0' : ''}, of at most 24 days.`)
  return ms
}

/** @throws {AgentExit} that names the option, for anything but a whole number within bounds. */
export function wholeNumber(option: string, text: string, least: number, most = 1_000_000_000): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most)) throw usageError(`${option} ${text} must be a whole number from ${least} to ${most}.`)
  return value
}

/** @throws {AgentExit} that names the option, for anything that is not allowed. */
export function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === text)
  if (found === undefined) throw usageError(`${option} ${text} must be one of: ${allowed.join(', ')}.`)
  return found
}
