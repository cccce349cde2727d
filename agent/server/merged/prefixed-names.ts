/** Names of tools, prompts and tasks of several servers in one list: `<server>__<name>`. Pure. */
import { QUOTE } from '../../../protocol/json/json-skip.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { type Replacement, replacement } from '../../../protocol/splice.ts'

const BETWEEN = '__'

export interface SplitName {
  readonly server: string
  readonly name: string
}

/** Whose name it is, and as what that server knows it: no server's name has an underscore. Undefined without a prefix. */
export function splitName(text: string): SplitName | undefined {
  const at = text.indexOf(BETWEEN)
  return at < 1 ? undefined : { server: text.slice(0, at), name: text.slice(at + BETWEEN.length) }
}

/** Puts the prefix into a name that stands in a message; all else of it stays as it was written. */
export function withPrefix(bytes: Uint8Array, span: Span | undefined, server: string): Replacement[] {
  if (span === undefined || bytes[span[0]] !== QUOTE) return []
  return [replacement([span[0], span[0] + 1], `"${server}${BETWEEN}`)]
}

/** The reverse, for a name that was read as `split`. */
export function withoutPrefix(bytes: Uint8Array, span: Span, { server, name }: SplitName): Replacement {
  const prefix = Buffer.from(`"${server}${BETWEEN}`)
  const isPlain = prefix.equals(bytes.subarray(span[0], span[0] + prefix.length))
  return isPlain ? replacement([span[0], span[0] + prefix.length], '"') : replacement(span, JSON.stringify(name))
}
