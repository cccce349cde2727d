/** Keys of calls, notifications and responses: what makes a message that is sent twice count once. */
import { randomBytes, toHex } from './access/secrets/secret.ts'

const KEY_BYTES = 16

const encoder = new TextEncoder()

/** 32 lower-case hex digits (docs/protocol.md, Words). */
export function randomKey(): string {
  return toHex(randomBytes(KEY_BYTES))
}

/**
 * The key of a session's call, which says whether its answer must be looked at before its client gets it, as that of a list: its last digit is
 * odd then. A client that comes back for a call words its event id as it likes, but not the key, under which it is known.
 */
export function callKey(isInspected: boolean): string {
  return marked(randomKey(), isInspected)
}

/** Whether the answer to what is called under a key of `callKey`, or one that follows from it, must be looked at. */
export function isInspectedKey(key: string): boolean {
  return Number.parseInt(key.slice(-1), 16) % 2 === 1
}

function marked(key: string, isInspected: boolean): string {
  const last = Number.parseInt(key.slice(-1), 16)
  return `${key.slice(0, -1)}${((last & ~1) | (isInspected ? 1 : 0)).toString(16)}`
}

/**
 * The key under which a call is made again with what its client was asked for. It follows from the key before, so that
 * whoever goes on with the call finds what was made of it, and nothing is made twice.
 */
export async function followingKey(key: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(`following ${key}`))
  return marked(toHex(new Uint8Array(digest).subarray(0, KEY_BYTES)), isInspectedKey(key))
}
