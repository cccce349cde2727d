/** Digests of what a server says of itself: of the canonical text of an entry, so that white space and the order of keys do not count. Pure but for the hash. */
import type { Span } from '../../protocol/json/json-scan.ts'
import { canonicalJson, textDigest } from '../../protocol/policy/canonical-json.ts'
import { type EntryDigests, type ListedEntry, listedEntries } from '../../protocol/policy/list-cut.ts'
import { findPath, rootOf } from './json-view.ts'

/** The digest of a tool's entry, or of any other value at a span; undefined for one that could be read in two ways. */
export async function toolDigest(bytes: Uint8Array, span: Span): Promise<string | undefined> {
  const text = canonicalJson(bytes, span)
  return text === undefined ? undefined : textDigest(text)
}

/** An entry of a list with its digest. */
export interface DigestedEntry extends ListedEntry {
  readonly digest: string | undefined
}

/** All that an answer of a server lists; undefined when it cannot be read for certain. */
export async function digestedEntries(answer: Uint8Array): Promise<DigestedEntry[] | undefined> {
  const result = findPath(answer, rootOf(answer), 'result')
  const entries = result === undefined ? [] : listedEntries(answer, result[0])
  return entries === undefined
    ? undefined
    : Promise.all(entries.map(async (entry) => ({ ...entry, digest: await toolDigest(answer, entry.span) })))
}

/** The same as `listCuts` takes it. */
export function digestsAt(entries: readonly DigestedEntry[]): EntryDigests {
  return new Map(entries.flatMap(({ span, digest }) => (digest === undefined ? [] : [[span[0], digest] as const])))
}
