/** The form of the ledger's entries. Data only: no I/O. */

export const REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const
export type Revision = (typeof REVISIONS)[number]

/** Revisions that begin with initialize. */
export const LEGACY: readonly Revision[] = REVISIONS.slice(0, 4)
/** Revisions of Streamable HTTP with sessions. */
export const STREAMABLE: readonly Revision[] = REVISIONS.slice(1, 4)
/** Revisions whose client names its revision in a header. */
export const WITH_VERSION_HEADER: readonly Revision[] = REVISIONS.slice(2, 4)
export const MODERN: readonly Revision[] = ['2026-07-28']

/** A run that is no vitest test: a scenario of the official suite, a row of the matrix, a rule of the chaos verdict. */
export type Run = `conformance: ${string}` | `matrix: ${string}` | `chaos: ${string}`

interface More {
  /** Where the entry holds for other revisions than its section. */
  readonly revisions?: readonly Revision[]
  /** Why nobody needs to see it: it binds another party, or we refuse it. Such an entry needs no test. */
  readonly notOurs?: string
  /** What happens instead. Its test is a `test.fails`. */
  readonly knownFailure?: string
  readonly provedBy?: readonly Run[]
}

export interface Requirement extends More {
  /** In our own words: what must be seen, from outside. */
  readonly seen: string
  /** How the specification says it, `MUST NOT` and `SHOULD NOT` included; the promises of the design have none. */
  readonly level?: 'MUST' | 'SHOULD'
}

export interface Section {
  readonly title: string
  /** Revision and page with anchor, or the promise's number in docs/design.md. */
  readonly said: readonly string[]
  /** Empty for what is ours and holds for all. */
  readonly revisions: readonly Revision[]
  /** By their stable ids. */
  readonly requirements: Readonly<Record<string, Requirement>>
}

export function must(seen: string, more: More = {}): Requirement {
  return { seen, level: 'MUST', ...more }
}

export function should(seen: string, more: More = {}): Requirement {
  return { seen, level: 'SHOULD', ...more }
}

/** A sentence of our own promises. */
export function promised(seen: string, more: More = {}): Requirement {
  return { seen, ...more }
}
