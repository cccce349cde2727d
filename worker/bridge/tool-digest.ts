/** What names a tool as its server lists it, so that any change of it shows. Pure. */
import { canonicalJson, textDigest } from '../../protocol/policy/canonical-json.ts'
import type { Span } from '../../protocol/json-scan.ts'

/**
 * The digest of one entry of tools/list, which stands at a span of valid JSON: the whole entry as its server wrote it, whatever the order of
 * keys and the white space. Undefined for an entry that could be read in two ways.
 */
export async function toolDigest(bytes: Uint8Array, entry: Span): Promise<string | undefined> {
  const text = canonicalJson(bytes, entry)
  return text === undefined ? undefined : textDigest(text)
}
