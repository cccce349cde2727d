/** Verifies credentials that their holders have narrowed: what they came from, and what was taken away on the way. */
import { encodeBase32, decodeBase32 } from '../../protocol/encoding/base32.ts'
import { encodeBase64Url } from '../../protocol/encoding/base64url.ts'
import { type Caveat, readCaveat } from '../../protocol/narrowing/caveat.ts'
import { derivedIds, readNarrowed, tagBehind } from '../../protocol/narrowing/chain.ts'
import { concat } from '../../protocol/splice.ts'
import type { RelayKeys } from './secrets/keys.ts'
import { signPathKey } from './path-key.ts'
import { equalBytes, mac } from './secrets/secret.ts'

/** A narrowed credential that was made of one of ours, and of nothing else. */
export interface Narrowing {
  /** The whole credential that it was made of: what that one is good for is to be verified. */
  readonly root: string
  readonly caveats: readonly Caveat[]
  /** Ids of the links that the caveats have made of the root's. */
  readonly ids: (rootId: string) => Promise<string[]>
}

const SIGNATURE_BYTES = 32
const encoder = new TextEncoder()

/** A bearer token that was narrowed; undefined when its tag is not the one that its parts make, or a caveat cannot be read. */
export async function readNarrowedToken({ jwt }: RelayKeys, token: string): Promise<Narrowing | undefined> {
  return readNarrowing(token, async (root) => {
    const signature = await mac(jwt, encoder.encode(root), SIGNATURE_BYTES)
    return { secret: signature, whole: `${root}.${encodeBase64Url(signature)}` }
  })
}

/** The same of the key of a path. */
export async function readNarrowedKey({ pathKey }: RelayKeys, share: string, key: string): Promise<Narrowing | undefined> {
  return readNarrowing(key, async (root) => {
    const payload = decodeBase32(root)
    if (payload === undefined) return undefined
    const secret = await signPathKey(pathKey, share, payload)
    return { secret, whole: encodeBase32(concat([payload, secret])) }
  })
}

interface Root {
  /** What only its holder and this relay know of it: its signature. */
  readonly secret: Uint8Array<ArrayBuffer>
  readonly whole: string
}

async function readNarrowing(credential: string, rootOf: (root: string) => Promise<Root | undefined>): Promise<Narrowing | undefined> {
  const parts = readNarrowed(credential)
  const root = parts === undefined ? undefined : await rootOf(parts.root)
  if (parts === undefined || root === undefined) return undefined
  if (!equalBytes(await tagBehind(root.secret, parts.caveats), parts.tag)) return undefined
  const caveats: Caveat[] = []
  for (const bytes of parts.caveats) {
    const caveat = readCaveat(bytes)
    if (!caveat.ok) return undefined
    caveats.push(caveat.value)
  }
  return { root: root.whole, caveats, ids: (rootId) => derivedIds(rootId, parts.caveats) }
}
