/**
 * Credentials that their holders have narrowed: the public part of the root, caveats, and one tag. Each tag is made with
 * the one before as its key (HMAC-SHA-256, RFC 2104), so that a holder can add a caveat and nobody can take one off.
 */
import { decodeBase64Url, encodeBase64Url } from '../encoding/base64url.ts'
import { concat } from '../splice.ts'

/** Caveats of one credential: so often it was handed on. */
export const MAX_CAVEATS = 8
/** Characters of a narrowed credential: it stands in a URL or a header. */
export const MAX_NARROWED_CHARS = 2048
const TAG_BYTES = 32
/** In neither kind of credential, and safe in a URL's path (RFC 3986 §2.3) and in a bearer (RFC 6750 §2.1). */
const SEPARATOR = '~'

/** A narrowed credential in its parts. */
export interface NarrowedParts {
  /** What names the root and holds no secret. */
  readonly root: string
  /** At least one. */
  readonly caveats: readonly Uint8Array<ArrayBuffer>[]
  readonly tag: Uint8Array<ArrayBuffer>
}

export function isNarrowed(credential: string): boolean {
  return credential.includes(SEPARATOR)
}

/** The parts of a narrowed credential; undefined when it is not exactly what `writeNarrowed` writes, or too long. */
export function readNarrowed(credential: string): NarrowedParts | undefined {
  if (credential.length > MAX_NARROWED_CHARS) return undefined
  const [root = '', ...texts] = credential.split(SEPARATOR)
  const parts = texts.map(decodeBase64Url)
  const known = parts.filter((part) => part !== undefined)
  const tag = known.pop()
  if (root === '' || known.length + 1 !== parts.length || tag?.length !== TAG_BYTES) return undefined
  return known.length === 0 || known.length > MAX_CAVEATS ? undefined : { root, caveats: known, tag }
}

export function writeNarrowed({ root, caveats, tag }: NarrowedParts): string {
  return [root, ...caveats.map(encodeBase64Url), encodeBase64Url(tag)].join(SEPARATOR)
}

/** The tag behind these caveats, from the secret that the root's holder has (its signature), or from an earlier tag. */
export async function tagBehind(
  secret: Uint8Array<ArrayBuffer>,
  caveats: readonly Uint8Array<ArrayBuffer>[],
): Promise<Uint8Array<ArrayBuffer>> {
  let tag = secret
  for (const caveat of caveats) {
    const key = await crypto.subtle.importKey('raw', tag, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    tag = new Uint8Array(await crypto.subtle.sign('HMAC', key, caveat))
  }
  return tag
}

const ID_BYTES = 12

/**
 * The id of each link that the caveats make of the root's, one behind the other, 24 hex digits each: hashes of all that
 * stands before, so that whoever knows an id knows no tag, and two links never share one.
 */
export async function derivedIds(rootId: string, caveats: readonly Uint8Array[]): Promise<string[]> {
  const ids: string[] = []
  let before = new TextEncoder().encode(rootId)
  for (const caveat of caveats) {
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', concat([before, caveat])))
    ids.push(Array.from(hash.subarray(0, ID_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join(''))
    before = hash
  }
  return ids
}
