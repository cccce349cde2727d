/** What limits are, as owners write them, and how they are read: every wrong member is named. Pure. */
import { err, ok, type Result } from '../result.ts'

/** `count` in a unit of time: at once, and then evenly; of a day, until it ends in UTC. */
export interface Rate {
  readonly count: number
  readonly per: RateUnit
}

export type RateUnit = (typeof RATE_UNITS)[number]
const RATE_UNITS = ['second', 'minute', 'hour', 'day'] as const

/** How much may be used. Each member that is absent bounds nothing. */
export interface RateLimits {
  readonly calls?: Rate
  /** Bodies of requests and answers. */
  readonly bytes?: Rate
  /** Run time of calls, all added up; `count` in milliseconds. */
  readonly seconds?: Rate
  /** Calls under way at once. */
  readonly concurrent?: number
}

/** Members that are used up and come back with time. */
export const RATE_MEMBERS = ['calls', 'bytes', 'seconds'] as const
export type RateMember = (typeof RATE_MEMBERS)[number]

/** The most of a rate, in calls, bytes or milliseconds: so much times the milliseconds of an hour is counted exactly. */
const MAX_RATE = 1_000_000_000
/** The same for a day, which is counted without its milliseconds. */
const MAX_DAY_RATE = 1_000_000_000_000
/** Calls that may be allowed at once: more than one link's clients may have waiting. */
const MAX_CONCURRENT = 1_000
const SECOND_IN_MS = 1000

const RATE_TEXT = /^(\d{1,13})([KMG]i?B|B)?\/(second|minute|hour|day)$/
const BYTES_OF: Readonly<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
const LIMIT_MEMBERS: ReadonlySet<string> = new Set([...RATE_MEMBERS, 'concurrent'])

/** The limits that a JSON value spells. The error names the member and says what it must be. */
export function readRateLimits(value: unknown): Result<RateLimits, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return err('limits must be an object')
  const members = value as Readonly<Record<string, unknown>>
  const unknown = Object.keys(members).find((name) => !LIMIT_MEMBERS.has(name))
  if (unknown !== undefined)
    return err(`limits has a member ${JSON.stringify(unknown.slice(0, 40))}; the known ones are: ${[...LIMIT_MEMBERS].join(', ')}`)
  const read: { -readonly [Member in keyof RateLimits]: RateLimits[Member] } = {}
  for (const member of RATE_MEMBERS) {
    if (members[member] === undefined) continue
    const rate = readRate(member, members[member])
    if (!rate.ok) return rate
    read[member] = rate.value
  }
  const { concurrent } = members
  if (concurrent === undefined) return ok(read)
  if (typeof concurrent !== 'number' || !Number.isInteger(concurrent) || concurrent < 1 || concurrent > MAX_CONCURRENT)
    return err(`limits.concurrent must be a whole number from 1 to ${MAX_CONCURRENT}`)
  return ok({ ...read, concurrent })
}

function readRate(member: RateMember, value: unknown): Result<Rate, string> {
  const example = member === 'bytes' ? '"10MB/day"' : '"10/minute"'
  const [, digits, unit, word] = (typeof value === 'string' ? RATE_TEXT.exec(value) : undefined) ?? []
  const per = RATE_UNITS.find((known) => known === word)
  if (digits === undefined || per === undefined || (unit !== undefined && member !== 'bytes'))
    return err(`limits.${member} must be like ${example}, per second, minute, hour or day`)
  const scale = member === 'seconds' ? SECOND_IN_MS : (BYTES_OF[unit ?? 'B'] ?? 1)
  const count = Number(digits) * scale
  const most = per === 'day' ? MAX_DAY_RATE : MAX_RATE
  if (count < 1 || count > most) return err(`limits.${member} must be from 1 to ${most / (member === 'seconds' ? scale : 1)} per ${per}`)
  return ok({ count, per })
}
