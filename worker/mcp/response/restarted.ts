/** Marks the first result after a restart: the server was started anew under the same session. */
import { findMember } from '../../../protocol/json/json-scan.ts'
import { CLOSE_OBJECT, OPEN_OBJECT } from '../../../protocol/json/json-skip.ts'
import { type Replacement, replacement } from '../../../protocol/splice.ts'
import { rootOf } from '../../bridge/json-view.ts'
import { isNullAt } from '../../../protocol/members/object-members.ts'

/** Key of a result's `_meta` (MCP, basic, `_meta`): the child has lost what it kept in memory. */
export const RESTARTED_KEY = 'mcp-edge/restarted'

/** What writes the mark into an answer; nothing for an answer without a result object, or one that is not whole. */
export function restartedMark(answer: Uint8Array): Replacement[] {
  const result = findMember(answer, rootOf(answer), 'result')
  if (result === undefined || answer[result[0]] !== OPEN_OBJECT) return []
  const meta = findMember(answer, result[0], '_meta')
  if (meta !== undefined && answer[meta[0]] === OPEN_OBJECT) return [insertMember(answer, meta[0], `"${RESTARTED_KEY}":true`)]
  if (meta === undefined) return [insertMember(answer, result[0], `"_meta":{"${RESTARTED_KEY}":true}`)]
  // Serialisers that write every member write an absent one as null.
  return isNullAt(answer, meta) ? [replacement(meta, `{"${RESTARTED_KEY}":true}`)] : []
}

/** Writes a member in front of the others of the object that opens at `open`. */
function insertMember(bytes: Uint8Array, open: number, member: string): Replacement {
  let next = open + 1
  while ([0x20, 0x09, 0x0a, 0x0d].includes(bytes[next] ?? 0)) next++
  return replacement([open, open + 1], bytes[next] === CLOSE_OBJECT ? `{${member}` : `{${member},`)
}
