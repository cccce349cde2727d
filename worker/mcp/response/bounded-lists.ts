/** Holds lists of a server back until they are whole, and takes out of them what their client may not see. */
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import { failedFrame } from '../../../protocol/failed-frame.ts'
import type { AgentFrame, Answer } from '../../../protocol/frame.ts'
import { type Replacement, splice } from '../../../protocol/splice.ts'
import { listCuts } from '../../../protocol/policy/list-cut.ts'
import { findPath, rootOf } from '../../bridge/json-view.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../limits.ts'
import type { Item } from '../call/item.ts'
import { WholeMessage } from '../call/whole-message.ts'
import { judgeFor } from '../policy/bounds.ts'

/** A frame as its client may see it. */
interface BoundedFrame {
  readonly header: AgentFrame
  readonly body: Uint8Array
  /** What must be taken out beside. */
  readonly edits?: readonly Replacement[]
}

/** An answer of which more must come. */
interface Held {
  readonly answer: WholeMessage<Answer>
  readonly edits: readonly Replacement[]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const UNREADABLE: Failure = { code: 'LIST_UNREADABLE', executed: 'yes' }
const TOO_LONG: Failure = { ...UNREADABLE, detail: 'it is longer than 8 MiB' }

export class BoundedLists {
  readonly #share: Pick<ShareClient, 'policies'>
  readonly #taken: (bytes: number) => void
  /** By channel and number. */
  readonly #held = new Map<string, Held>()
  /** Bytes of held parts, which were taken before the client could. */
  #paidBytes = 0

  /** `taken` pays for body bytes that are held. */
  constructor(share: Pick<ShareClient, 'policies'>, taken: (bytes: number) => void) {
    this.#share = share
    this.#taken = taken
  }

  /** The next item for the client, of those that `next` brings for a list. */
  async next(next: () => Promise<Item | undefined>): Promise<Item | undefined> {
    for (;;) {
      const item = await next()
      if (item === undefined || judgeFor(this.#share).isOpen) return item
      if (item.kind === 'response') return { ...item, text: this.text(item.text) }
      if (item.kind !== 'frame') return item
      const bounded = this.frame(item.header, item.body, item.edits)
      if (bounded !== undefined) return { ...item, ...bounded }
    }
  }

  /** A frame of a list's answer; undefined while more of that must come. `edits`: what was to be written into it. */
  frame(header: AgentFrame, body: Uint8Array, edits: readonly Replacement[] = []): BoundedFrame | undefined {
    if (header.type === 'answer') {
      if (header.failed) return { header, body, edits }
      const answer = new WholeMessage<Answer>()
      const whole = header.size > MAX_BRIDGED_ANSWER_BYTES ? undefined : answer.begin(header, body)
      if (whole !== undefined) return this.#cut(header, body, edits)
      this.#taken(body.length)
      if (header.size > MAX_BRIDGED_ANSWER_BYTES) return refused(header, TOO_LONG)
      this.#held.set(nameOf(header), { answer, edits })
      return undefined
    }
    const held = header.type === 'chunk' ? this.#held.get(nameOf(header)) : undefined
    if (held === undefined || header.type !== 'chunk') return { header, body, edits }
    const whole = held.answer.goOn(header, body)
    this.#taken(body.length)
    if (whole === undefined) return undefined
    this.#held.delete(nameOf(header))
    this.#paidBytes += whole.body.length
    return this.#cut(whole.header, whole.body, held.edits)
  }

  /** The same of a whole response, as text. */
  text(text: string, rawId = 'null'): string {
    if (judgeFor(this.#share).isOpen) return text
    const bytes = encoder.encode(text)
    const cuts = this.#cutsOf(bytes)
    if (cuts === undefined) return errorResponse(rawId, UNREADABLE)
    return cuts.length === 0 ? text : decoder.decode(splice(bytes, cuts))
  }

  /** Of body bytes that the client has taken, those that are not paid for yet. */
  unpaid(bytes: number): number {
    const paid = Math.min(bytes, this.#paidBytes)
    this.#paidBytes -= paid
    return bytes - paid
  }

  #cut(header: Answer, body: Uint8Array, edits: readonly Replacement[]): BoundedFrame {
    const cuts = this.#cutsOf(body)
    if (cuts === undefined) return refused(header, UNREADABLE)
    // What would have been written into an entry that is hidden now.
    const left = edits.filter(({ span }) => !cuts.some((cut) => span[0] >= cut.span[0] && span[1] <= cut.span[1]))
    return { header, body, edits: [...left, ...cuts] }
  }

  #cutsOf(bytes: Uint8Array): Replacement[] | undefined {
    const result = findPath(bytes, rootOf(bytes), 'result')
    return result === undefined ? [] : listCuts(bytes, result[0], judgeFor(this.#share))
  }
}

function nameOf({ ch, n }: { readonly ch: string; readonly n: number }): string {
  return `${ch} ${n}`
}

function refused({ ch, key, ra }: Answer, failure: Failure): BoundedFrame {
  return { header: failedFrame({ ch, key, ra }, failure), body: NO_BODY }
}

const NO_BODY = new Uint8Array(0)
