/** Makes the ids of sessions (MCP 2025-11-25, basic/transports, session management). */
import { encodeBase32 } from '../access/base32.ts'
import { randomBytes } from '../access/secret.ts'

export const SESSION_HEADER = 'mcp-session-id'
/** 128 bits: a session id must not be guessed, even though it is no credential. */
const SESSION_ID_BYTES = 16

export function newSessionId(): string {
  return encodeBase32(randomBytes(SESSION_ID_BYTES))
}
