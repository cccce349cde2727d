/** Narrows a credential for whoever its holder hands it on to. Needs no relay, and no secret but the credential itself. */
import { decodeBase32, encodeBase32 } from '../encoding/base32.ts'
import { decodeBase64Url } from '../encoding/base64url.ts'
import { err, ok, type Result } from '../result.ts'
import { type CaveatWords, makeCaveat } from './caveat.ts'
import { isNarrowed, MAX_CAVEATS, MAX_NARROWED_CHARS, type NarrowedParts, readNarrowed, tagBehind, writeNarrowed } from './chain.ts'

/** Bytes of a path key, and how many of them, the first, are no secret. */
const PATH_KEY_BYTES = 32
const PATH_KEY_PUBLIC_BYTES = 16
/** Of a token, HS256 (RFC 7518 §3.2); fewer are of one that was cut off. */
const SIGNATURE_BYTES = 32

/**
 * The credential with one caveat more. `credential`: a client token or the key of a share URL, narrowed before or not; `nonce`:
 * CAVEAT_NONCE_BYTES random bytes. Errors say what is wrong, for who narrows.
 */
export async function narrowCredential(credential: string, words: CaveatWords, nonce: Uint8Array): Promise<Result<string, string>> {
  const caveat = makeCaveat(words, nonce)
  if (!caveat.ok) return caveat
  const parts = readCredential(credential)
  if (parts === undefined) return err('this is neither a client token nor the key of a share URL')
  if (parts.caveats.length >= MAX_CAVEATS) return err(`a link can be narrowed ${MAX_CAVEATS} times`)
  const tag = await tagBehind(parts.tag, [caveat.value])
  const text = writeNarrowed({ root: parts.root, caveats: [...parts.caveats, caveat.value], tag })
  return text.length > MAX_NARROWED_CHARS ? err(`the link would have more than ${MAX_NARROWED_CHARS} characters: say less`) : ok(text)
}

/** The root of a credential, what it was narrowed by, and the secret that the next tag is made with. */
function readCredential(credential: string): NarrowedParts | undefined {
  if (isNarrowed(credential)) return readNarrowed(credential)
  const [head, payload, signature, ...more] = credential.split('.')
  if (head !== undefined && payload !== undefined && signature !== undefined && more.length === 0) {
    const tag = decodeBase64Url(signature)
    return tag?.length !== SIGNATURE_BYTES ? undefined : { root: `${head}.${payload}`, caveats: [], tag }
  }
  const bytes = decodeBase32(credential)
  if (bytes?.length !== PATH_KEY_BYTES) return undefined
  return { root: encodeBase32(bytes.subarray(0, PATH_KEY_PUBLIC_BYTES)), caveats: [], tag: bytes.slice(PATH_KEY_PUBLIC_BYTES) }
}
