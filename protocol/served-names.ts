/** Which names an agent serves beside others of its share (`--serves`): patterns, and which set of them takes a name that several fit. Pure. */
import { matchesGlob, MAX_MATCHED_CHARS } from './policy/name-glob.ts'

/** Patterns of one agent: each is tried for every name that is called or listed. */
export const MAX_SERVED_PATTERNS = 32

/** Characters of one pattern, and of all of an agent's together, of which the relay keeps a copy with each link. */
export const MAX_SERVED_PATTERN_CHARS = 256
export const MAX_SERVED_CHARS = 1_024

/** Stands between patterns in the name of a set, and can stand in none. */
const BETWEEN = ','

/** Names the set of an agent that has no patterns: what no other set takes is its own. */
export const ALL_OTHER_NAMES = ''

/** Whether these may be the patterns of one agent: some, all short, without spaces and commas. */
export function areServedPatterns(patterns: readonly unknown[]): patterns is readonly string[] {
  return (
    patterns.length > 0 &&
    patterns.length <= MAX_SERVED_PATTERNS &&
    patterns.every((one) => typeof one === 'string' && one.length <= MAX_SERVED_PATTERN_CHARS && /^[^\s,]+$/.test(one)) &&
    patterns.join(BETWEEN).length <= MAX_SERVED_CHARS
  )
}

/** Names the set of these patterns: the same for the same patterns, in whatever order they were given. */
export function servedSet(patterns: readonly string[] = []): string {
  return [...new Set(patterns)].toSorted().join(BETWEEN)
}

/** The patterns of which a set is named. */
export function patternsOf(set: string): readonly string[] {
  return set === ALL_OTHER_NAMES ? [] : set.split(BETWEEN)
}

/** What a call goes by: the name of a tool or a prompt, or the URI of a resource, for which only patterns count that have a colon. */
export interface ServedName {
  readonly kind: 'name' | 'uri'
  readonly text: string
}

/**
 * The set that takes a name: the one with the pattern that spells most of it out, so that `git_log*` comes before `git_*`; of two alike the
 * first in the order of their names. Undefined where none fits.
 */
export function servingSet(name: ServedName, sets: Iterable<string>): string | undefined {
  if (name.text.length > MAX_MATCHED_CHARS) return undefined
  let best: { readonly set: string; readonly spelled: number } | undefined
  for (const set of sets) {
    const spelled = spelledBy(set, name)
    if (spelled === undefined || (best !== undefined && spelled < best.spelled)) continue
    if (best === undefined || spelled > best.spelled || set < best.set) best = { set, spelled }
  }
  return best?.set
}

/** The same of the sets of all agents of a share, where one without patterns takes what no other does. */
export function takingSet(name: ServedName, sets: readonly string[]): string | undefined {
  return servingSet(name, sets) ?? (sets.includes(ALL_OTHER_NAMES) ? ALL_OTHER_NAMES : undefined)
}

/** How many characters of a name the pattern of a set spells out that spells out most; undefined where none fits. */
function spelledBy(set: string, { kind, text }: ServedName): number | undefined {
  const fitting = patternsOf(set).filter((pattern) => (kind === 'name' || pattern.includes(':')) && matchesGlob(pattern, text))
  return fitting.length === 0 ? undefined : Math.max(...fitting.map((pattern) => pattern.replaceAll('*', '').length))
}
