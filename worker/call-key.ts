/** Keys of calls, notifications and responses: what makes a message that is sent twice count once. */
import { randomBytes, toHex } from './access/secret.ts'

const KEY_BYTES = 16

/** 32 lower-case hex digits (docs/protocol.md, Words). */
export function randomKey(): string {
  return toHex(randomBytes(KEY_BYTES))
}
