/** Keys of calls, notifications and responses: what makes a message that is sent twice count once. */
import { randomBytes, toHex } from './access/secret.ts'

const KEY_BYTES = 16

const encoder = new TextEncoder()

/** 32 lower-case hex digits (docs/protocol.md, Words). */
export function randomKey(): string {
  return toHex(randomBytes(KEY_BYTES))
}

/**
 * The key under which a call is made again with what its client was asked for. It follows from the key before, so that
 * whoever goes on with the call finds what was made of it, and nothing is made twice.
 */
export async function followingKey(key: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(`following ${key}`))
  return toHex(new Uint8Array(digest).subarray(0, KEY_BYTES))
}
