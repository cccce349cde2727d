/** Names the sessions of agents that poll, and finds their objects. A session's name is a secret, and of use with the token alone that it was made for. */
import { concat } from '../../protocol/splice.ts'
import { equalBytes, fromHex, mac, randomBytes, toHex } from '../access/secrets/secret.ts'
import { knownShareFacts } from '../access/share-id.ts'
import type { LongPollObject } from '../contract/objects.ts'
import type { Env } from '../env.ts'

const RANDOM_BYTES = 16
const MAC_BYTES = 16

/** Whose session it is: the share, and the link whose token its agent has shown. */
interface PolledBy {
  readonly share: string
  readonly link: string
}

/** `object`: the name of its object. */
export async function mintPollSession(key: CryptoKey, by: PolledBy): Promise<{ readonly id: string; readonly object: string }> {
  const random = randomBytes(RANDOM_BYTES)
  return { id: toHex(concat([random, await sign(key, by, random)])), object: toHex(random) }
}

/** The name of the object of a session; undefined when this relay never made it, or for somebody else. */
export async function readPollSession(key: CryptoKey, by: PolledBy, id: string): Promise<string | undefined> {
  const bytes = fromHex(id)
  if (bytes?.length !== RANDOM_BYTES + MAC_BYTES) return undefined
  const random = bytes.slice(0, RANDOM_BYTES)
  return equalBytes(await sign(key, by, random), bytes.subarray(RANDOM_BYTES)) ? toHex(random) : undefined
}

/** The object of this name, in the jurisdiction of the share, which must be one of ours. */
export function longPollStub(env: Env, share: string, object: string): DurableObjectStub<LongPollObject> {
  const { jurisdiction } = knownShareFacts(share)
  const namespace = jurisdiction === 'none' ? env.LONG_POLL : env.LONG_POLL.jurisdiction(jurisdiction)
  return namespace.getByName(object)
}

function sign(key: CryptoKey, { share, link }: PolledBy, random: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return mac(key, concat([new TextEncoder().encode(`${share} ${link} `), random]), MAC_BYTES)
}
