/** What can come for one call of a client, and what brings it. */
import type { ErrorCode, Failure } from '../../../protocol/errors.ts'
import type { AgentFrame } from '../../../protocol/frame.ts'
import type { Replacement } from '../../../protocol/splice.ts'

export type Item =
  | {
      readonly kind: 'frame'
      readonly header: AgentFrame
      readonly body: Uint8Array
      readonly restarted: boolean
      /** Of an answer or message that was translated: what must be written into it beside the client's own names. */
      readonly edits?: readonly Replacement[]
    }
  /** A whole JSON-RPC message that is not the answer. `owed`: body bytes that the client takes with it. */
  | { readonly kind: 'message'; readonly text: string; readonly owed?: number }
  /** The whole JSON-RPC response, in the client's id. */
  | { readonly kind: 'response'; readonly http: number; readonly text: string }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** `outcome`: how the log and the audit tell of it; absent: `ok`. */
  | { readonly kind: 'result'; readonly result: string; readonly outcome?: ErrorCode }
  | { readonly kind: 'initialized'; readonly answer: Uint8Array }

/** A whole JSON-RPC response that is sent with status 200. */
export function responseItem(text: string): Item {
  return { kind: 'response', http: 200, text }
}

/** Whether nothing can come after this item. */
export function isFinal(item: Item): boolean {
  if (item.kind !== 'frame') return item.kind !== 'message'
  return item.header.type === 'failed' || (item.header.type === 'answer' && item.header.size === item.body.length)
}

/** Brings the items of one call. */
export interface ItemSource {
  /** The next thing that came for this call; undefined when the wait was given up. */
  next(): Promise<Item | undefined>
  /** The client has taken body bytes: tells the Share when it is worth a message. */
  taken(bytes: number): void
  /** Ends the wait: the answer is complete, or nobody wants it any more. */
  close(): void
  /** Its response is open as a stream: from now on the Share need not stay awake for an answer that does not come soon. */
  linger?(): void
  /** Whether the client is being asked, and the call waits for that. */
  readonly isAsking?: boolean
}

/** Brings one item, which is the last. */
export class SoleItem implements ItemSource {
  #item: Item | undefined

  constructor(item: Item) {
    this.#item = item
  }

  next(): Promise<Item | undefined> {
    const item = this.#item
    this.#item = undefined
    return Promise.resolve(item)
  }

  taken(): void {}

  close(): void {}
}
