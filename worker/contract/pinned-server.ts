/** What Worker, Share and Registry say to each other of what a server offers, and of what of that its owner has accepted. Types and names, nothing that acts. */
import { RELAY_OWNER } from '../../protocol/frame.ts'
import type { PinKind, PinnedEntry } from '../../protocol/policy/pins.ts'

/** The principal in whose name the relay lists what a server offers: no link has such an id. */
export const RELAY_PRINCIPAL = RELAY_OWNER
/** The group of its clients without session. */
export const RELAY_GROUP = 'relay'

/** An entry as it is kept for the owner. */
export interface ServerEntry {
  readonly kind: PinKind
  /** Of a resource or template its URI; of instructions and serverInfo their kind. */
  readonly name: string
  /** Empty of an entry that could be read in two ways: nobody can accept it. */
  readonly digest: string
  /** Its canonical JSON, or the beginning of it. */
  readonly text: string
  /** A tool that says of itself that it only reads. */
  readonly isReadOnly: boolean
}

/** The eras in which a server is to be listed, and the process of the agent that is asked, or what stands for that of an upstream. */
export interface ListingTask {
  /** When it was given, in milliseconds since 1970, by which it is known: whoever was too slow for an earlier one must not end this. */
  readonly sinceMs: number
  readonly instance: string
  readonly eras: readonly ('legacy' | 'modern')[]
  /** Where agents serve different names: the sets of those that are there. */
  readonly sets?: readonly string[]
  /** It is no agent's: one of the eras is enough. */
  readonly isUpstream?: true
}

export type PinOrder =
  /** Asks whether the server is to be listed now: one Worker does it at a time. `awaitsAgent`: of one that is connecting, once it is there. */
  | { readonly op: 'begin'; readonly awaitsAgent?: true }
  /** All that the server offers. `cut`: kinds of which it offers more, which is too much to be kept. */
  | { readonly op: 'listed'; readonly task: ListingTask; readonly entries: readonly ServerEntry[]; readonly cut?: readonly PinKind[] }
  /** It has not answered. */
  | { readonly op: 'failed'; readonly task: ListingTask }
  /** What was held back from a client. Answered with a task where that was not known: the server is to be listed anew. */
  | { readonly op: 'seen'; readonly entries: readonly ServerEntry[] }

/** An entry, and whether the server offers it now as far as that is known. */
export interface KnownEntry extends ServerEntry {
  readonly isOffered: boolean
}

/** What a share keeps of its server for the owner. */
export interface KnownServer {
  readonly entries: readonly KnownEntry[]
  /** When it was listed last, in milliseconds since 1970. */
  readonly listedAtMs?: number
  readonly problem?: ListingProblem
}

/** Why not all of a server is listed. LISTING_TOO_LARGE: of these kinds the rest is held back. LISTING_FAILED: it has not answered, and will be asked again. */
export interface ListingProblem {
  readonly code: 'LISTING_TOO_LARGE' | 'LISTING_FAILED'
  readonly kinds: readonly PinKind[]
}

/** What an owner's catalogue tells of a server: as far as it is kept, and as its clients see it. */
export interface ServerAbout {
  /** serverInfo, as JSON text. */
  readonly serverInfo?: string
  /** Tools that it offers, without those that are held back. Absent while its list is not known whole. */
  readonly tools?: number
  /** Entries of any kind that are held back; absent for none. */
  readonly held?: number
}

/** What an owner asks about it. */
export interface ServerOrder {
  readonly op: 'server' | 'about'
}

/** What changes of a share's pins: the first ones, or more that are accepted in the place of others. */
export type PinChange =
  | { readonly first: string }
  /** What agents of sets of names list that were not listed before, each entry with its set. */
  | { readonly served: readonly { readonly set: string; readonly entries: readonly PinnedEntry[] }[] }
  | {
      readonly accepted: readonly { readonly kind: PinKind; readonly digest: string; readonly text: string }[]
      readonly replaced: readonly string[]
    }
