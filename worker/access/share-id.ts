/** Mints and verifies share ids, which say what the Worker must know of a share before it asks any object. */
import { decodeBase32, encodeBase32 } from '../../protocol/encoding/base32.ts'
import { concat } from '../../protocol/splice.ts'
import { equalBytes, mac } from './secrets/secret.ts'

export type Jurisdiction = 'none' | 'eu' | 'fedramp'

/** The facts that a share id says for as long as the share lives. */
export interface ShareIdFacts {
  /** Objects that carry the share: a power of two. */
  readonly lanes: number
  readonly jurisdiction: Jurisdiction
  /** It points at a server without an agent. */
  readonly isUpstream?: true
}

const VERSION = 1
/** In the order of their byte; never reorder. */
export const JURISDICTIONS = ['none', 'eu', 'fedramp'] as const satisfies readonly Jurisdiction[]

/** Random bytes of an id. */
export const SHARE_ID_RANDOM_BYTES = 10
/** Bit of the byte that says the jurisdiction. */
const UPSTREAM_BIT = 0x80
/** Of an id, the bytes that are not its MAC. */
export const SHARE_ID_PAYLOAD_BYTES = 2 + SHARE_ID_RANDOM_BYTES
const MAC_BYTES = 8
const MAX_LANES_LOG2 = 15
const SHARE_ID_CHARS = 32
/** Characters of an id that spell out whole bytes and hold the two that say something. */
const HEAD_CHARS = 8

/**
 * A new share id: 20 bytes in base32, which are version and lanes (a nibble each), whether it has an upstream (a bit) and jurisdiction, randomness, MAC.
 *
 * @throws {RangeError} when `lanes` is not a power of two up to 2^15 or `random` has not 10 bytes.
 */
export async function mintShareId(key: CryptoKey, facts: ShareIdFacts, random: Uint8Array): Promise<string> {
  const lanesLog2 = Math.log2(facts.lanes)
  if (!Number.isInteger(lanesLog2) || lanesLog2 < 0 || lanesLog2 > MAX_LANES_LOG2) throw new RangeError('lanes must be a power of two')
  if (random.length !== SHARE_ID_RANDOM_BYTES) throw new RangeError(`random must have ${SHARE_ID_RANDOM_BYTES} bytes`)
  const place = JURISDICTIONS.indexOf(facts.jurisdiction) | (facts.isUpstream === true ? UPSTREAM_BIT : 0)
  const head = Uint8Array.of((VERSION << 4) | lanesLog2, place)
  const payload = concat([head, random])
  return completeShareId(key, payload)
}

/** The id whose bytes without MAC these are. */
export async function completeShareId(key: CryptoKey, payload: Uint8Array): Promise<string> {
  return encodeBase32(concat([payload, await mac(key, payload, MAC_BYTES)]))
}

/** What an id says, or `undefined` when this relay never made it. Touches no object. */
export async function readShareId(key: CryptoKey, id: string): Promise<ShareIdFacts | undefined> {
  if (id.length !== SHARE_ID_CHARS) return undefined
  const bytes = decodeBase32(id)
  if (bytes === undefined) return undefined
  const payload = bytes.slice(0, SHARE_ID_PAYLOAD_BYTES)
  if (!equalBytes(await mac(key, payload, MAC_BYTES), bytes.subarray(SHARE_ID_PAYLOAD_BYTES))) return undefined
  return readHead(payload)
}

/**
 * What an id says that was found to be ours before. Costs no cryptography.
 *
 * @throws {RangeError} for what is no id.
 */
export function knownShareFacts(id: string): ShareIdFacts {
  const facts = readHead(decodeBase32(id.slice(0, HEAD_CHARS)) ?? new Uint8Array())
  if (facts === undefined) throw new RangeError('not a share id')
  return facts
}

/** Whether a share's id says that it points at a server without an agent; of a text that is no id, nothing. */
export function namesUpstream(id: string): boolean {
  const [, place = 0] = decodeBase32(id.slice(0, HEAD_CHARS)) ?? []
  return (place & UPSTREAM_BIT) !== 0
}

function readHead([head = 0, place = 0]: Uint8Array): ShareIdFacts | undefined {
  const jurisdiction = JURISDICTIONS[place & ~UPSTREAM_BIT]
  if (head >> 4 !== VERSION || jurisdiction === undefined) return undefined
  return { lanes: 2 ** (head & 15), jurisdiction, ...((place & UPSTREAM_BIT) === 0 ? {} : { isUpstream: true }) }
}
