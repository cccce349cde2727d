/** What the holder of a link adds to it before handing it on: each caveat takes something away, and none can give. Pure. */
import { decodeBase64Url, encodeBase64Url } from '../encoding/base64url.ts'
import { readPolicy } from '../policy/policy.ts'
import { err, ok, type Result } from '../result.ts'
import { isObject } from '../json/json-object.ts'

/** 128 bits, so that two who narrow one link alike make two links, and nobody guesses the id of either. */
export const CAVEAT_NONCE_BYTES = 16
const MAX_NAME_CHARS = 100

export interface Caveat {
  /** For people: to whom it was given, or what for. */
  readonly name?: string
  /** End in milliseconds since 1970; the earliest of a chain counts. */
  readonly expiresAtMs?: number
  /** As JSON text; all policies of a chain must allow. */
  readonly policyText?: string
}

/** A caveat as its holder words it: `policy` as in the API, `exp` in seconds since 1970. */
export interface CaveatWords {
  readonly name?: string
  readonly exp?: number
  readonly policy?: unknown
}

const MEMBERS: ReadonlySet<string> = new Set(['nonce', 'name', 'exp', 'policy'])
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes of a new caveat, or what is wrong with its words. */
export function makeCaveat({ name, exp, policy }: CaveatWords, nonce: Uint8Array): Result<Uint8Array<ArrayBuffer>, string> {
  const words = {
    nonce: encodeBase64Url(nonce),
    ...(name === undefined ? {} : { name }),
    ...(exp === undefined ? {} : { exp }),
    ...(policy === undefined ? {} : { policy }),
  }
  const bytes = new TextEncoder().encode(JSON.stringify(words))
  const read = readCaveat(bytes)
  return read.ok ? ok(new Uint8Array(bytes)) : read
}

/**
 * What a caveat says. Refused is what has another member than the known ones, which a later relay might read as a bound
 * that this one would not keep, and any text but the one that `makeCaveat` writes for it.
 */
export function readCaveat(bytes: Uint8Array): Result<Caveat, string> {
  const value = parseCanonical(bytes)
  if (value === undefined) return err('a caveat must be a JSON object in its shortest form')
  const unknown = Object.keys(value).find((member) => !MEMBERS.has(member))
  if (unknown !== undefined) return err(`a caveat has no member ${JSON.stringify(unknown.slice(0, 40))}`)
  const { nonce, name, exp, policy } = value
  if (typeof nonce !== 'string' || decodeBase64Url(nonce)?.length !== CAVEAT_NONCE_BYTES)
    return err(`nonce must be ${CAVEAT_NONCE_BYTES} bytes in base64url`)
  if (name !== undefined && !isName(name)) return err(`name must be a text of 1 to ${MAX_NAME_CHARS} characters`)
  if (exp !== undefined && !(typeof exp === 'number' && Number.isSafeInteger(exp) && exp > 0))
    return err('exp must be in whole seconds since 1970')
  const read = policy === undefined ? undefined : readPolicy(policy)
  if (read?.ok === false) return read
  return ok({
    ...(name === undefined ? {} : { name }),
    ...(exp === undefined ? {} : { expiresAtMs: exp * 1000 }),
    ...(policy === undefined ? {} : { policyText: JSON.stringify(policy) }),
  })
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && name.length > 0 && name.length <= MAX_NAME_CHARS && !/\p{Cc}/u.test(name)
}

interface CaveatMembers {
  readonly nonce?: unknown
  readonly name?: unknown
  readonly exp?: unknown
  readonly policy?: unknown
}

function parseCanonical(bytes: Uint8Array): CaveatMembers | undefined {
  try {
    const text = utf8.decode(bytes)
    const value: unknown = JSON.parse(text)
    // A key that stands twice would be written once.
    return isObject(value) && JSON.stringify(value) === text ? value : undefined
  } catch {
    return undefined
  }
}
