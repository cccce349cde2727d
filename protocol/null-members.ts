/** Reads messages of servers that write every member of one class, unused ones as `null`: such a member counts as absent. Pure. */
import { scanMessage, type MessageFacts, type ScanError, type Span } from './json-scan.ts'
import { CLOSE_OBJECT, COLON, COMMA, OPEN_OBJECT, QUOTE, readPlainKey, ScanFault, skipSpace, skipString, skipValue } from './json-skip.ts'
import type { Result } from './result.ts'
import { concat } from './splice.ts'

interface Member {
  readonly key: string | undefined
  /** From the key's quote to the end of the value. */
  readonly span: Span
  readonly isNull: boolean
}

const NULL = new TextEncoder().encode('null')
const [OPEN, COMMA_BYTE, CLOSE] = [OPEN_OBJECT, COMMA, CLOSE_OBJECT].map((byte) => Uint8Array.of(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
]

/** As `scanMessage`, of a message without the members that are null and mean nothing. `bytes` is what was scanned: the same, where there are none. */
export function scanWithoutNulls(message: Uint8Array): { readonly bytes: Uint8Array; readonly scanned: Result<MessageFacts, ScanError> } {
  const scanned = scanMessage(message)
  const mayHold = scanned.ok ? scanned.value.mayHoldNulls === true : scanned.error === 'not_a_message'
  const bytes = mayHold ? withoutNullMembers(message) : message
  return { bytes, scanned: bytes === message ? scanned : scanMessage(bytes) }
}

/** The other members stand as they were. */
function withoutNullMembers(bytes: Uint8Array): Uint8Array {
  const members = readMembers(bytes)
  const kept = members.filter((member) => !meansNothing(member, members))
  if (kept.length === members.length) return bytes
  const pieces = kept.flatMap(({ span }, index) => [index === 0 ? OPEN : COMMA_BYTE, bytes.subarray(...span)])
  return concat(kept.length === 0 ? [OPEN, CLOSE] : [...pieces, CLOSE])
}

function meansNothing({ key, isNull }: Member, members: readonly Member[]): boolean {
  if (!isNull || members.filter((member) => member.key === key).length > 1) return false
  const has = (name: string): boolean => members.some((member) => member.key === name && !member.isNull)
  switch (key) {
    case 'method':
    case 'params':
    case 'error':
      return true
    case 'result':
      // Alone it is an answer whose result is null.
      return has('method') || has('error')
    case 'id':
      // In an error it says that the request could not be read.
      return has('method') || !has('error')
    default:
      return false
  }
}

/** The members of the object; none where it is malformed. */
function readMembers(bytes: Uint8Array): Member[] {
  const members: Member[] = []
  try {
    let at = skipSpace(bytes, skipSpace(bytes, 0) + 1)
    while (bytes[at] === QUOTE) {
      const keyEnd = skipString(bytes, at)
      const colon = skipSpace(bytes, keyEnd)
      if (bytes[colon] !== COLON) return []
      const from = skipSpace(bytes, colon + 1)
      const end = skipValue(bytes, from)
      members.push({ key: readPlainKey(bytes, at, keyEnd), span: [at, end], isNull: isNullAt(bytes, from, end) })
      at = skipSpace(bytes, end)
      if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1)
    }
  } catch (fault) {
    if (!(fault instanceof ScanFault)) throw fault
    return []
  }
  return members
}

function isNullAt(bytes: Uint8Array, from: number, end: number): boolean {
  return end - from === NULL.length && NULL.every((byte, index) => bytes[from + index] === byte)
}
