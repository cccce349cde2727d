/** Makes the ids of sessions (MCP 2025-11-25, basic/transports, session management). */
import { encodeBase32 } from '../../protocol/encoding/base32.ts'
import { randomBytes } from '../access/secrets/secret.ts'
import { isLegacyRevision, LEGACY_REVISIONS } from '../bridge/revision.ts'

export const SESSION_HEADER = 'mcp-session-id'
/** 128 bits: a session id must not be guessed, even though it is no credential. */
const SESSION_ID_BYTES = 16

/** Ends the id of a session whose client has proposed a revision that we do not know. Ids are base32 otherwise. */
const UNKNOWN_MARK = '-newer'

/** `proposed` is the revision for which the client asks in initialize, if it names one. */
export function newSessionId(proposed?: string): string {
  const id = encodeBase32(randomBytes(SESSION_ID_BYTES))
  return proposed === undefined || isLegacyRevision(proposed) ? id : `${id}${UNKNOWN_MARK}`
}

/**
 * The revision by which a request is read: what its MCP-Protocol-Version header names. What a client newer than we are has
 * agreed on with its server is theirs, so in its session a revision that we do not know counts as the newest with a handshake.
 */
export function revisionOf(header: string | undefined, session: string | undefined): string | undefined {
  const isAgreed = header !== undefined && session?.endsWith(UNKNOWN_MARK) === true && !isLegacyRevision(header)
  return isAgreed ? LEGACY_REVISIONS[0] : header
}
