/** Reads the small JSON bodies of the owner's API: at most 16 KiB, and every wrong member is named. */
import { type Access, readPolicy } from '../../protocol/policy/policy.ts'
import { readRateLimits } from '../../protocol/policy/rate-limits.ts'
import { err, ok, type Result } from '../../protocol/result.ts'

export type Members = Readonly<Record<string, unknown>>

export interface BodyFault {
  readonly code: 'BODY_INVALID' | 'REQUEST_TOO_LARGE' | 'UNSUPPORTED_MEDIA_TYPE'
  readonly detail?: string
}

/** The API's bodies have a handful of short members. */
const MAX_BODY_BYTES = 16 * 1024

/** How much of an unknown name is shown, in UTF-16 units: enough to find the typing error. */
const SHOWN_CHARS = 64

/** The members of a JSON object. An empty body is an empty object; a member not in `known` is refused, since it is a typing error. */
export async function readMembers(request: Request, known: readonly string[]): Promise<Result<Members, BodyFault>> {
  const bytes = await readCapped(request.body)
  if (bytes === undefined) return err({ code: 'REQUEST_TOO_LARGE' })
  if (bytes.length === 0) return ok({})
  const mediaType = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') return err({ code: 'UNSUPPORTED_MEDIA_TYPE' })
  const value = parse(bytes)
  if (!isMembers(value)) return err({ code: 'BODY_INVALID', detail: 'It is not a JSON object.' })
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown === undefined) return ok(value)
  return err({
    code: 'BODY_INVALID',
    detail: `It has a member ${quoted(unknown)}, which this call does not know; the known ones are: ${known.join(', ')}.`,
  })
}

/** A name that a caller has made up, as JSON, so that no control character is left, and its beginning only. */
function quoted(name: string): string {
  return JSON.stringify(name.length > SHOWN_CHARS ? `${name.slice(0, SHOWN_CHARS)}…` : name)
}

/** A member that is a text without control characters, or absent. */
export function textMember(members: Members, name: string, maxChars: number): Result<string | undefined, string> {
  const value = members[name]
  if (value === undefined) return ok(undefined)
  const isText = typeof value === 'string' && value.length > 0 && value.length <= maxChars && !/\p{Cc}/u.test(value)
  return isText ? ok(value) : err(`${name} must be a text of 1 to ${maxChars} characters.`)
}

/** A member that is a whole number between 1 and `max`, or absent. */
export function countMember(members: Members, name: string, max: number): Result<number | undefined, string> {
  const value = members[name]
  if (value === undefined) return ok(undefined)
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max
  return isCount ? ok(value) : err(`${name} must be a whole number from 1 to ${max}.`)
}

/** A member that is true or false, or absent. */
export function flagMember(members: Members, name: string): Result<boolean | undefined, string> {
  const value = members[name]
  return value === undefined || typeof value === 'boolean' ? ok(value) : err(`${name} must be true or false.`)
}

/**
 * A member that is a policy, as JSON text, or absent. `access`: what it is where the policy does not say; without it, a policy
 * that does not say allows everything.
 */
export function policyMember(members: Members, name: string, access?: Access): Result<string | undefined, string> {
  const value = members[name]
  if (value === undefined) return ok(undefined)
  const policy = readPolicy(value)
  if (!policy.ok) return err(`${policy.error}.`)
  if (policy.value.hold.length > 0) return err(`${name}.hold cannot be used yet; deny the tools instead.`)
  return ok(JSON.stringify(access === undefined ? value : { access, ...(value as object) }))
}

/** A member that is limits, as JSON text, or absent. Without any member they limit nothing. */
export function limitsMember(members: Members, name: string): Result<string | undefined, string> {
  const value = members[name]
  if (value === undefined) return ok(undefined)
  const limits = readRateLimits(value)
  return limits.ok ? ok(JSON.stringify(value)) : err(`${limits.error}.`)
}

/** A member that is one of a few words or numbers, or absent. */
export function choiceMember<Word extends string | number>(
  members: Members,
  name: string,
  words: readonly Word[],
): Result<Word | undefined, string> {
  return members[name] === undefined ? ok(undefined) : wordMember(members, name, words)
}

/** The same, but never absent. */
export function wordMember<Word extends string | number>(members: Members, name: string, words: readonly Word[]): Result<Word, string> {
  const word = words.find((candidate) => candidate === members[name])
  return word === undefined ? err(`${name} must be one of: ${words.join(', ')}.`) : ok(word)
}

async function readCapped(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array | undefined> {
  const kept = new Uint8Array(MAX_BODY_BYTES)
  let length = 0
  if (body !== null) {
    for await (const chunk of body) {
      if (length + chunk.length > MAX_BODY_BYTES) return undefined
      kept.set(chunk, length)
      length += chunk.length
    }
  }
  return kept.subarray(0, length)
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined
  }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
