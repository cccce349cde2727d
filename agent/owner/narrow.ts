/** Narrows a link in the form in which somebody holds it, a share URL or a client token, and says what that makes of it. */
import { decodeBase32 } from '../../protocol/encoding/base32.ts'
import { CAVEAT_NONCE_BYTES, type CaveatWords } from '../../protocol/narrowing/caveat.ts'
import { derivedIds, readNarrowed } from '../../protocol/narrowing/chain.ts'
import { narrowCredential } from '../../protocol/narrowing/narrow.ts'
import { err, ok, type Result } from '../../protocol/result.ts'

/** A link that was narrowed, in the form of the one that it was made of. */
export interface NarrowedLink {
  /** By which owners know it, once it has been used. */
  readonly id: string
  /** Of the link that it was made of. */
  readonly parent: string
  /** URL of the share: with the secret in it, or the one that takes the token. */
  readonly url: string
  /** Absent when the URL is all. */
  readonly token?: string
}

interface Held {
  readonly credential: string
  /** Of the link that its owner has made. */
  readonly rootId: string
  readonly shown: (credential: string) => Pick<NarrowedLink, 'url' | 'token'>
}

const SHARE_URL = /^(https?:\/\/[^/\s]+\/s\/[a-z2-7]+\/k\/)([^/\s]+)(\/(?:mcp|sse))$/
const CLIENT_AUDIENCE = 'mcp-edge/client'
/** First bytes of a path key. */
const KEY_ID_BYTES = 12
/** What stands behind the public part of a credential, narrowed or not. */
const REST = /[.~].*/

const NO_LINK = 'This is no link of a share. Give a share URL (…/k/…/mcp) or a client token, whole and as you have got it.'

/** The link with one more caveat, or what is wrong with either, in a sentence. */
export async function narrowLink(link: string, words: CaveatWords): Promise<Result<NarrowedLink, string>> {
  const held = readHeld(link)
  if (held === undefined) return err(NO_LINK)
  const narrowed = await narrowCredential(held.credential, words, crypto.getRandomValues(new Uint8Array(CAVEAT_NONCE_BYTES)))
  if (!narrowed.ok) return err(`It cannot be narrowed: ${narrowed.error}.`)
  const caveats = readNarrowed(narrowed.value)?.caveats ?? []
  const ids = [held.rootId, ...(await derivedIds(held.rootId, caveats))]
  return ok({ id: ids.at(-1) ?? '', parent: ids.at(-2) ?? '', ...held.shown(narrowed.value) })
}

function readHeld(link: string): Held | undefined {
  const [, before, key, behind] = SHARE_URL.exec(link) ?? []
  if (before === undefined || key === undefined || behind === undefined) return readHeldToken(link.replace(/^Bearer\s+/i, ''))
  const bytes = decodeBase32(key.replace(REST, ''))
  if (bytes === undefined) return undefined
  const rootId = Buffer.from(bytes.subarray(0, KEY_ID_BYTES)).toString('hex')
  return { credential: key, rootId, shown: (credential) => ({ url: `${before}${credential}${behind}` }) }
}

/** Of client tokens only: those of agents and owners are not handed on. */
function readHeldToken(token: string): Held | undefined {
  const claims = readClaims(token.split('.')[1]?.replace(REST, '') ?? '')
  const { aud, jti, iss, share } = claims ?? {}
  if (aud !== CLIENT_AUDIENCE || typeof jti !== 'string' || typeof iss !== 'string' || typeof share !== 'string') return undefined
  return { credential: token, rootId: jti, shown: (credential) => ({ url: `${iss}/s/${share}/mcp`, token: credential }) }
}

function readClaims(payload: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}
