/** The members of a JSON object in bytes, each as it was sent: `JSON.parse` would hide that a key stands twice. */
import { walkObject } from '../members/object-members.ts'
import { readElements } from '../json/array-elements.ts'
import { BACKSLASH, QUOTE, ScanFault, skipSpace } from '../json/json-skip.ts'
import type { Span } from '../json/json-scan.ts'
import { foldKey } from '../members/routing-keys.ts'

/** More members than any object has that a policy looks at. */
const MAX_MEMBERS = 1024

export interface Member {
  readonly key: string
  /** Of the value. */
  readonly span: Span
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What `read` gives, or undefined where the bytes are not what it needs. */
export function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (fault) {
    // Of the scan, of bytes that are no UTF-8, of an escape that is none.
    if (fault instanceof ScanFault || fault instanceof TypeError || fault instanceof SyntaxError) return undefined
    throw fault
  }
}

/**
 * The value of the one member of this name, or undefined when there is none.
 *
 * @throws {ScanFault} when two keys could be read as this one, or one that is not it.
 */
export function memberNamed(members: readonly Member[], name: string): Span | undefined {
  const folded = foldKey(name)
  const alike = members.filter(({ key }) => foldKey(key) === folded)
  const [only] = alike
  if (only === undefined) return undefined
  if (alike.length > 1 || only.key !== name) throw new ScanFault('look_alike_key', name)
  return only.span
}

/**
 * A message's params; undefined without them.
 *
 * @throws {ScanFault} as `memberNamed` and `membersAt` do.
 */
export function messageParams(message: Uint8Array): Span | undefined {
  return memberNamed(membersAt(message, skipSpace(message, 0)), 'params')
}

/**
 * The value of a member of a message's params; undefined without it, and without params.
 *
 * @throws {ScanFault} as `memberNamed` and `membersAt` do.
 */
export function paramsMember(message: Uint8Array, name: string): Span | undefined {
  const params = messageParams(message)
  return params === undefined ? undefined : memberNamed(membersAt(message, params[0]), name)
}

/** @throws {ScanFault} when no whole object stands there, or one with more than MAX_MEMBERS members. */
export function membersAt(bytes: Uint8Array, start: number): Member[] {
  const members: Member[] = []
  const { close } = walkObject(bytes, start, (key, span) => {
    if (members.push({ key, span }) > MAX_MEMBERS) throw new ScanFault('too_many_members')
  })
  if (close === undefined) throw new ScanFault('not_json')
  return members
}

/** @throws {ScanFault} when no whole array stands there. */
export function elementsAt(bytes: Uint8Array, start: number): readonly Span[] {
  const { elements, isWhole } = readElements(bytes, start)
  if (!isWhole) throw new ScanFault('not_json')
  return elements
}

/** The value if it is a text. */
export function textAt(bytes: Uint8Array, span: Span): string | undefined {
  return bytes[span[0]] === QUOTE ? decodeText(bytes, span) : undefined
}

/** @throws {TypeError | SyntaxError | ScanFault} for what is no JSON text in UTF-8. */
function decodeText(bytes: Uint8Array, [from, to]: Span): string {
  const raw = utf8.decode(bytes.subarray(from, to))
  const value: unknown = bytes.subarray(from, to).includes(BACKSLASH) ? JSON.parse(raw) : raw.slice(1, -1)
  if (typeof value !== 'string') throw new ScanFault('not_json')
  return value
}
