/** What an owner has accepted of all that a server says of itself, by digest: whatever is new or has changed is held back. Pure. */
import { ALL_OTHER_NAMES } from '../served-names.ts'
import { isObject } from '../json/json-object.ts'

/** The lists of a server, named as in its answers, and what else of it is pinned: contents of `ui://` resources, instructions, serverInfo. */
export const PIN_KINDS = ['instructions', 'serverInfo', 'tools', 'prompts', 'resourceTemplates', 'ui', 'resources'] as const
export type PinKind = (typeof PIN_KINDS)[number]

/** Entries of a server that can be pinned: as a JSON text some 120 KiB, which goes to each isolate that serves it. */
export const MAX_PINS = 2_500

/** Bytes of the pins of all servers of a share: they are in one row, with its policies, which may have 2 MB (Durable Objects, limits). */
export const MAX_PINS_BYTES = 1_500_000

/** Sets of names of which a first listing is trusted: more than a share ever has at a time, since patterns are changed now and then. */
export const MAX_PINNED_SETS = 64

/** Characters of instructions and serverInfo that are kept to stand in for changed ones; longer ones are left out once they change. */
export const MAX_PINNED_TEXT_CHARS = 16 * 1024

/**
 * Accepted digests, each that of an entry's canonical JSON. A kind that is absent is not pinned: before the first listing none is, and
 * afterwards one that an earlier relay has left so, because there were too many of it.
 */
export type Pins = { readonly [Kind in PinKind]?: readonly string[] } & {
  /** JSON texts that stand in for changed ones. */
  readonly texts?: { readonly instructions?: string; readonly serverInfo?: string }
  /** Sets of names (`servedSet`) whose agents were listed a first time, which was trusted; absent: that of agents without patterns. */
  readonly served?: readonly string[]
}

/** An entry as far as pins look at it. `digest`: undefined for one that could be read in two ways, which nobody can accept. */
export interface PinnedEntry {
  readonly kind: PinKind
  readonly digest: string | undefined
  /** Of instructions and serverInfo: as the server wrote it. */
  readonly text: string
}

/** Pinning is on, and nothing is pinned yet: the first listing is trusted. */
export const NOTHING_PINNED = '{}'

export class PinSet {
  readonly #pins: Pins
  readonly #sets = new Map<PinKind, ReadonlySet<string>>()

  constructor(pins: Pins) {
    this.#pins = pins
    for (const kind of PIN_KINDS) {
      const digests = pins[kind]
      if (digests !== undefined) this.#sets.set(kind, new Set(digests))
    }
  }

  /** Whether nothing is held back. */
  get isEmpty(): boolean {
    return this.#sets.size === 0
  }

  /** Whether entries of a kind are held back until they are accepted. */
  pins(kind: PinKind): boolean {
    return this.#sets.has(kind)
  }

  accepts(kind: PinKind, digest: string | undefined): boolean {
    const accepted = this.#sets.get(kind)
    return accepted === undefined || (digest !== undefined && accepted.has(digest))
  }

  /** What stands in for changed instructions or another serverInfo, as JSON text. */
  textFor(kind: 'instructions' | 'serverInfo'): string | undefined {
    return this.#pins.texts?.[kind]
  }
}

/** Pins as they are kept. What is no JSON object is of a later relay, perhaps: then nothing is accepted. */
export function readPins(text: string): Pins {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Told below.
  }
  return Object.fromEntries(PIN_KINDS.map((kind) => [kind, []]))
}

/** What is pinned when a server is listed for the first time: as much of it as can be, in the order of the kinds. The rest is held back. */
export function firstPins(entries: readonly PinnedEntry[]): Pins {
  let room = MAX_PINS
  const pins: { [Kind in PinKind]?: readonly string[] } = {}
  for (const kind of PIN_KINDS) {
    const digests = digestsOf(entries.filter((entry) => entry.kind === kind)).slice(0, room)
    room -= digests.length
    pins[kind] = digests
  }
  return { ...pins, texts: textsOf(entries) }
}

/**
 * Pins with more entries accepted. `replaced`: digests that these take the place of. Undefined when that would be more than MAX_PINS. A kind
 * that is not pinned stays so.
 */
export function withAccepted(pins: Pins, accepted: readonly PinnedEntry[], replaced: readonly string[]): Pins | undefined {
  const gone = new Set(replaced)
  const merged: { [Kind in PinKind]?: readonly string[] } = {}
  let count = 0
  for (const kind of PIN_KINDS) {
    const before = pins[kind]
    if (before === undefined) continue
    const more = digestsOf(accepted.filter((entry) => entry.kind === kind))
    const digests = [...new Set([...before.filter((digest) => !gone.has(digest) || more.includes(digest)), ...more])]
    count += digests.length
    merged[kind] = digests
  }
  const { served } = pins
  const texts = { ...pins.texts, ...textsOf(accepted) }
  return count > MAX_PINS ? undefined : { ...merged, texts, ...(served === undefined ? {} : { served }) }
}

/** Sets of names that were listed. */
export function listedSets({ served = [ALL_OTHER_NAMES] }: Pins): readonly string[] {
  return served
}

/** Those of the sets of names of which nothing was listed yet. */
export function unlistedSets(pins: Pins, sets: readonly string[]): string[] {
  return sets.filter((set) => !listedSets(pins).includes(set))
}

/** Pins with what these sets list for the first time. Undefined when that would be too much, or too many sets. */
export function withServedSets(pins: Pins, sets: readonly string[], entries: readonly PinnedEntry[]): Pins | undefined {
  const served = [...listedSets(pins), ...sets]
  return served.length > MAX_PINNED_SETS ? undefined : withAccepted({ ...pins, served }, entries, [])
}

function digestsOf(entries: readonly PinnedEntry[]): string[] {
  return [...new Set(entries.flatMap(({ digest }) => digest ?? []))]
}

function textsOf(entries: readonly PinnedEntry[]): NonNullable<Pins['texts']> {
  const textOf = (kind: 'instructions' | 'serverInfo'): { readonly [Kind in typeof kind]?: string } => {
    const text = entries.find((entry) => entry.kind === kind && entry.digest !== undefined)?.text
    return text === undefined || text.length > MAX_PINNED_TEXT_CHARS ? {} : { [kind]: text }
  }
  return { ...textOf('instructions'), ...textOf('serverInfo') }
}
