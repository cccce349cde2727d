/** Reads messages of servers that write every member of one class, unused ones as `null`: such a member counts as absent. Pure. */
import { scanMessage, type MessageFacts, type ScanError } from '../json/json-scan.ts'
import { CLOSE_OBJECT, COMMA, OPEN_OBJECT, skipSpace } from '../json/json-skip.ts'
import { cutMembers, isNullAt, walkObject } from './object-members.ts'
import type { Result } from '../result.ts'
import { concat } from '../splice.ts'

interface Member {
  readonly key: string
  readonly isNull: boolean
}

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
  const members: Member[] = []
  const open = skipSpace(bytes, 0)
  walkObject(bytes, open, (key, value) => members.push({ key, isNull: isNullAt(bytes, value) }))
  const absent = members.filter((member) => meansNothing(member, members)).map(({ key }) => key)
  if (absent.length === 0) return bytes
  const { kept, end } = cutMembers(bytes, open, (key) => absent.includes(key))
  if (end.close === undefined) return bytes
  const pieces = kept.flatMap((span, index) => [index === 0 ? OPEN : COMMA_BYTE, bytes.subarray(...span)])
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
