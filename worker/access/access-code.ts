/** Mints and reads access codes, by which a person whom an owner has invited proves itself, once. Whether one was used is for the registry to say. */
import { concat } from '../../protocol/splice.ts'
import { decodeBase32, encodeBase32 } from '../../protocol/encoding/base32.ts'
import { equalBytes, hashSecret, mac, randomBytes } from './secrets/secret.ts'

/** 80 bits, and a MAC by which a guess is known without asking the registry. Together 24 characters. */
const RANDOM_BYTES = 10
const MAC_BYTES = 5
const CODE_CHARS = 24
/** Characters between two dashes. */
const GROUP = /.{4}(?=.)/g

export interface AccessCode {
  /** What the person is told: six groups of four characters. */
  readonly text: string
  /** What is kept of it: SHA-256. */
  readonly hash: Uint8Array<ArrayBuffer>
}

export async function mintAccessCode(key: CryptoKey, share: string): Promise<AccessCode> {
  const random = randomBytes(RANDOM_BYTES)
  const code = encodeBase32(concat([random, await sign(key, share, random)]))
  return { text: code.replace(GROUP, '$&-'), hash: await hashSecret(code) }
}

/** The hash of a code that this relay has made for this share; undefined for any other text. Case, dashes and spaces do not count: people type it. */
export async function readAccessCode(key: CryptoKey, share: string, text: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const code = text.toLowerCase().replace(/[\s-]/g, '')
  const bytes = code.length === CODE_CHARS ? decodeBase32(code) : undefined
  if (bytes === undefined) return undefined
  const isOurs = equalBytes(bytes.subarray(RANDOM_BYTES), await sign(key, share, bytes.slice(0, RANDOM_BYTES)))
  return isOurs ? hashSecret(code) : undefined
}

function sign(key: CryptoKey, share: string, random: Uint8Array): Promise<Uint8Array> {
  return mac(key, concat([new TextEncoder().encode(`code\n${share}\n`), random]), MAC_BYTES)
}
