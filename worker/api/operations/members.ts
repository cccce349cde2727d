/** The members that bodies of the API are made of. A wrong one is told in words that go on behind its name: what it must be. */
import * as v from 'valibot'
import { type Access, ACCESSES, readPolicy } from '../../../protocol/policy/policy.ts'
import { readRateLimits } from '../../../protocol/policy/rate-limits.ts'
import type { Result } from '../../../protocol/result.ts'
import { MAX_LIFE_S, MAX_NAME_CHARS } from '../credentials.ts'

/** Holds no control character. */
const PRINTABLE = /^\P{Cc}*$/u

/** How much of an unknown name is shown, in UTF-16 units: enough to find the typing error. */
const SHOWN_CHARS = 64

/** A JSON object with these members and no others: another one is a typing error. */
export function bodyOf<const Entries extends v.ObjectEntries>(entries: Entries) {
  const known = Object.keys(entries)
  return v.strictObject(entries, ({ expected, input, path }) => {
    if (expected === 'Object') return 'It is not a JSON object'
    if (expected === 'never')
      return known.length === 0
        ? `It has a member ${quoted(input)}, and this call takes none`
        : `It has a member ${quoted(input)}, which this call does not know; the known ones are: ${known.join(', ')}`
    return `is missing: it ${wantedOf(entries[String(path?.[0].key)])}`
  })
}

/** A text of 1 to `maxChars` UTF-16 units without control characters. */
export function text(maxChars: number) {
  const wanted = `must be a text of 1 to ${maxChars} characters`
  return v.pipe(v.string(wanted), v.nonEmpty(wanted), v.maxLength(maxChars, wanted), v.regex(PRINTABLE, wanted))
}

/** A whole number from 1 to `max`. */
export function count(max: number) {
  const wanted = `must be a whole number from 1 to ${max}`
  return v.pipe(v.number(wanted), v.integer(wanted), v.minValue(1, wanted), v.maxValue(max, wanted))
}

/** What an owner calls a share, a token, a person or another owner. */
export function name() {
  return text(MAX_NAME_CHARS)
}

/** How long something shall last. */
export function life() {
  return v.pipe(count(MAX_LIFE_S), v.description('Seconds from now.'))
}

export function flag() {
  return v.boolean('must be true or false')
}

/** One of a few words or numbers. */
export function choice<const Word extends string | number>(words: readonly Word[]) {
  return v.picklist(words, `must be one of: ${words.join(', ')}`)
}

const patterns = v.array(v.string())
const nameRule = v.object({ allow: v.exactOptional(patterns), deny: v.exactOptional(patterns) })

/** A policy, as owners write it; each member is optional. What `readPolicy` takes it to say is what holds. */
export const Policy = v.pipe(
  v.object({
    access: v.exactOptional(v.picklist(ACCESSES)),
    tools: v.exactOptional(nameRule),
    prompts: v.exactOptional(nameRule),
    resources: v.exactOptional(nameRule),
    arguments: v.exactOptional(v.array(v.string())),
    hold: v.exactOptional(patterns),
    web: v.exactOptional(v.boolean()),
  }),
  v.description(
    'What may be done. Names are patterns in which * stands for anything; a rule on arguments is like "read_file(path^=/home/me)"; calls of tools in hold wait for the owner. With access read a web app may be read; a policy on tools, prompts, resources or arguments opens it with web true only, and web false shuts it.',
  ),
)
export type Policy = v.InferOutput<typeof Policy>

const rate = v.pipe(v.string(), v.regex(/^\d+\/(second|minute|hour|day)$/))

/** Limits, as owners write them; each member is optional. */
export const Limits = v.pipe(
  v.object({
    calls: v.exactOptional(rate),
    bytes: v.exactOptional(v.pipe(v.string(), v.regex(/^\d+([KMG]i?B|B)?\/(second|minute|hour|day)$/))),
    seconds: v.exactOptional(rate),
    concurrent: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  }),
  v.description('How much may be used, like {"calls": "10/minute", "bytes": "10MB/day", "seconds": "600/day", "concurrent": 4}.'),
)
export type Limits = v.InferOutput<typeof Limits>

/** Where a server is that is shared without an agent. What is wrong with it in particular is said by whoever knows this relay. */
export const Upstream = bodyOf({
  url: v.pipe(
    v.string('must be a text'),
    v.description('Like https://mcp.example.com/mcp; at a public address. Its query may hold a key.'),
  ),
  headers: v.exactOptional(
    v.pipe(v.record(v.string(), v.string('must be a text')), v.description('Told the server with each request, and shown to nobody.')),
  ),
})
export type Upstream = v.InferOutput<typeof Upstream>

/** The same as its owner sees it. */
export const upstreamFacts = v.pipe(
  v.object({ url: v.string(), headers: v.array(v.string()) }),
  v.description('The URL without its query, and the names of the headers.'),
)
export type UpstreamFacts = v.InferOutput<typeof upstreamFacts>

/**
 * A policy, read as JSON text. `access`: what it is where the policy does not say; without it, a policy that does not say allows
 * everything. `member`: what it is called.
 */
export function policy(access?: Access, member = 'policy') {
  return readBy('Policy', (value) => {
    const read = readPolicy(value)
    if (!read.ok) return { ok: false, error: read.error.replace(/^policy/, member) }
    return { ok: true, value: JSON.stringify(access === undefined ? value : { access, ...(value as object) }) }
  })
}

/** Limits, read as JSON text. Without any member they limit nothing. `member`: what they are called. */
export function limits(member = 'limits') {
  return readBy('Limits', (value) => {
    const read = readRateLimits(value)
    return read.ok ? { ok: true, value: JSON.stringify(value) } : { ok: false, error: read.error.replace(/^limits/, member) }
  })
}

/** A member that has a reader of its own, whose error is a sentence by itself. `described`: the schema that tells others what it takes. */
function readBy(described: string, read: (value: unknown) => Result<string, string>) {
  return v.pipe(
    v.unknown(),
    v.metadata({ described }),
    v.rawTransform<unknown, string>(({ dataset, addIssue, NEVER }) => {
      const made = read(dataset.value)
      if (made.ok) return made.value
      addIssue({ message: made.error })
      return NEVER
    }),
  )
}

/** A name that a caller has made up, as JSON, so that no control character is left, and its beginning only. */
function quoted(member: unknown): string {
  const whole = String(member)
  return JSON.stringify(whole.length > SHOWN_CHARS ? `${whole.slice(0, SHOWN_CHARS)}…` : whole)
}

/** What a member must be, in its own words. */
function wantedOf(member: unknown): string {
  const words = typeof member === 'object' && member !== null && 'message' in member ? member.message : undefined
  return typeof words === 'string' ? words : 'must be there'
}

/** What the kinds of a server's entries are called. */
export const ENTRY_KINDS = ['tools', 'prompts', 'resources', 'resource_templates', 'ui', 'instructions', 'server_info'] as const

/** Why not all that a server offers is listed. */
export const listingProblem = v.object({
  code: v.picklist(['LISTING_TOO_LARGE', 'LISTING_FAILED']),
  message: v.string(),
  kinds: v.array(v.picklist(ENTRY_KINDS)),
})
