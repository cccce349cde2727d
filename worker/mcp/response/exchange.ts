/** One call of a POST as its response sees it: what brings its items, and what its client calls it. */
import type { ItemSource } from '../call/item.ts'
import type { EventIds } from './event-ids.ts'
import type { ClientNames, Resumable } from './frame-writer.ts'

export interface Exchange extends ItemSource {
  readonly names: ClientNames
  /** Of an initialize request: the revision that the client asked for. */
  readonly revision?: string | undefined
  /** Of a stream that its client may leave and come back to. */
  readonly events?: StreamEvents | undefined
  /** What ends with a client that has gone before there was a response. */
  readonly gone?: (() => void) | undefined
  /** Of a request without session: what its client's leaving means, and how errors show in the status. */
  readonly modern?: { readonly cancel: () => void }
}

export interface StreamEvents {
  /** Ids for what comes now; undefined where names are too long for an id. */
  readonly ids: () => EventIds | undefined
  /** For a client that takes events without data: the id of the first one, if it can have one, and how long the stream may be quiet. */
  readonly prime?: { readonly id: () => string | undefined; readonly quietMs: number }
  /** Of a stream that goes on with an earlier one: the last message seen there, if any was. */
  readonly goesOn?: { readonly seen: Resumable['seen'] }
}
