/** Finds for servers of a file, whatever they are called there, the names by which they are served under one share; and reads which names of tools an agent serves. Pure. */
import { createHash } from 'node:crypto'
import { areServedPatterns, MAX_SERVED_CHARS, MAX_SERVED_PATTERN_CHARS, MAX_SERVED_PATTERNS } from '../../protocol/served-names.ts'
import { isServerName } from '../../protocol/server-names.ts'
import { usageError } from '../exit.ts'

const MAX_NAME_CHARS = 20
/** Digits of a digest that tell two names apart that would become the same. */
const DIGEST_DIGITS = 6

/**
 * For each name, all different, one that can be served: itself where it can, else what its letters and digits come to. No two become
 * the same, and no name that can be served is changed for another's sake.
 */
export function servedNames(names: readonly string[]): ReadonlyMap<string, string> {
  const served = new Map(names.filter(isServerName).map((name) => [name, name]))
  const taken = new Set(served.keys())
  for (const name of names) {
    if (served.has(name)) continue
    const made = madeName(name, taken)
    served.set(name, made)
    taken.add(made)
  }
  return served
}

function madeName(name: string, taken: ReadonlySet<string>): string {
  const plain = dashed(name).slice(0, MAX_NAME_CHARS).replace(/-+$/, '')
  if (isServerName(plain) && !taken.has(plain)) return plain
  // Of the name, and not a number: then the order of the servers in their file does not matter.
  for (let round = 0; ; round++) {
    const digest = createHash('sha256').update(`${round} ${name}`).digest('hex').slice(0, DIGEST_DIGITS)
    const made = [plain.slice(0, MAX_NAME_CHARS - DIGEST_DIGITS - 1).replace(/-+$/, ''), digest].filter((part) => part !== '').join('-')
    if (!taken.has(made)) return made
  }
}

/** `Größe_2 (neu)` is `grosse-2-neu`. */
function dashed(name: string): string {
  const letters = name.normalize('NFKD').replace(/ß/g, 'ss').replace(/\p{M}/gu, '').toLowerCase()
  return letters.replace(/[^a-z0-9]+/g, '-').replace(/^-+/, '')
}

/**
 * Each pattern once, of texts that may have several with commas between; undefined where there are none.
 *
 * @throws {AgentExit} that says what patterns there may be.
 */
export function readPatterns(serves: readonly string[]): readonly string[] | undefined {
  if (serves.length === 0) return undefined
  // No name has a comma.
  const patterns = serves.flatMap((text) => text.split(',').map((pattern) => pattern.trim())).filter((pattern) => pattern !== '')
  if (areServedPatterns(patterns)) return [...new Set(patterns)]
  throw usageError(
    `--serves takes up to ${MAX_SERVED_PATTERNS} patterns like git_*, without spaces, of ${MAX_SERVED_PATTERN_CHARS} characters each and ${MAX_SERVED_CHARS} in all.`,
  )
}
