/** Finds out which call a line answers that was too long to keep, from its first and last bytes. Pure. */
import { scanTornId } from '../../protocol/json/json-scan.ts'

/** An answer: before `result` or `error` stands nothing but the other two members. */
const ANSWER_HEAD = /^\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)\s*,\s*){0,2}"(?:result|error)"\s*:/

/**
 * Some SDKs write the id last. In valid JSON a text that ends so can only be a member of the outermost object: the
 * quote after the comma would otherwise close a string, and then a name cannot follow.
 */
const ID_AT_END = /[,{]\s*"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/

/** The JSON text of the id that an answer has, or undefined where the line is no answer or neither end shows it. */
export function oversizedAnswerId(head: Uint8Array, tail: Uint8Array): string | undefined {
  const atStart = scanTornId(head)
  if (atStart !== undefined || !ANSWER_HEAD.test(latin1(head))) return atStart
  const atEnd = ID_AT_END.exec(latin1(tail))?.[1]
  return atEnd === undefined ? undefined : Buffer.from(atEnd, 'latin1').toString('utf8')
}

/** One character a byte, so that a cut character is no matter. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
