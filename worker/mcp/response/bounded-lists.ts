/** Holds lists of a server, and what it says of itself, back until they are whole, and takes out of them what their client may not see. */
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import { failedFrame } from '../../../protocol/failed-frame.ts'
import type { AgentFrame, Answer } from '../../../protocol/frame.ts'
import { type Replacement, splice } from '../../../protocol/splice.ts'
import type { ServerEntry } from '../../contract/pinned-server.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../limits.ts'
import type { Item } from '../call/item.ts'
import { PaidBytes } from '../call/paid-bytes.ts'
import { WholeMessage } from '../call/whole-message.ts'
import { type Bounding, judgeFor, policyJudgeFor } from '../policy/bounds.ts'
import { type BoundedAnswer, boundedAnswer, boundedServer, policyEdits } from '../policy/pinned-answer.ts'

/** A frame as its client may see it. */
export interface BoundedFrame {
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
const TOO_LONG: Failure = { code: 'LIST_UNREADABLE', executed: 'yes', detail: 'it is longer than 8 MiB' }
/** What the members of a result are put into to be read as a response. */
const [HEAD, TAIL] = ['{"jsonrpc":"2.0","id":0,"result":', '}']

export class BoundedLists {
  readonly #share: Bounding
  readonly #taken: (bytes: number) => void
  readonly #onHeld: (held: readonly ServerEntry[]) => void
  /** By channel and number. */
  readonly #held = new Map<string, Held>()
  /** Bytes of held parts, which were taken before the client could. */
  readonly #paid = new PaidBytes()

  /** `taken` pays for body bytes that are held. `onHeld`: the server offers what was not accepted, so that what was known of its lists may be wrong. */
  constructor(share: Bounding, taken: (bytes: number) => void, onHeld: (held: readonly ServerEntry[]) => void) {
    this.#share = share
    this.#taken = taken
    this.#onHeld = onHeld
  }

  /** The next item for the client, of those that `next` brings for a list. */
  async next(next: () => Promise<Item | undefined>): Promise<Item | undefined> {
    for (;;) {
      const item = await next()
      if (item === undefined || judgeFor(this.#share).isOpen) return item
      if (item.kind === 'response') return { ...item, text: await this.text(item.text) }
      if (item.kind === 'result') return this.#result(item.result)
      if (item.kind === 'initialized') return this.initialized(item.answer)
      if (item.kind !== 'frame') return item
      const bounded = await this.frame(item.header, item.body, item.edits)
      if (bounded !== undefined) return { ...item, ...bounded }
    }
  }

  /** A frame of a list's answer; undefined while more of that must come. `edits`: what was to be written into it. */
  frame(header: AgentFrame, body: Uint8Array, edits: readonly Replacement[] = []): BoundedFrame | undefined | Promise<BoundedFrame> {
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
    this.#paid.passed(whole.body.length)
    return this.#cut(whole.header, whole.body, held.edits)
  }

  /** The same of a whole response of the relay's own, as text, whose lists were bounded by pins before they were translated. */
  async text(text: string, rawId = 'null'): Promise<string> {
    if (judgeFor(this.#share).isOpen) return text
    const bytes = encoder.encode(text)
    const cuts = policyEdits(bytes, policyJudgeFor(this.#share))
    if ('code' in cuts) return errorResponse(rawId, cuts)
    const server = await boundedServer(bytes, judgeFor(this.#share))
    if ('code' in server) return errorResponse(rawId, server)
    this.#note(server.held)
    const edits = [...cuts, ...server.edits]
    return edits.length === 0 ? text : decoder.decode(splice(bytes, edits))
  }

  /** The answer of a child that serves all to its own initialize, or why it is withheld. */
  async initialized(answer: Uint8Array): Promise<Extract<Item, { readonly kind: 'initialized' | 'failed' }>> {
    const server = await boundedServer(answer, judgeFor(this.#share))
    if ('code' in server) return { kind: 'failed', failure: server }
    this.#note(server.held)
    return { kind: 'initialized', answer: splice(answer, server.edits) }
  }

  async #result(result: string): Promise<Item> {
    const bytes = encoder.encode(`${HEAD}${result}${TAIL}`)
    const server = await boundedServer(bytes, judgeFor(this.#share))
    if ('code' in server) return { kind: 'failed', failure: server }
    this.#note(server.held)
    return { kind: 'result', result: decoder.decode(splice(bytes, server.edits)).slice(HEAD.length, -TAIL.length) }
  }

  /** Of body bytes that the client has taken, those that are not paid for yet. */
  unpaid(bytes: number): number {
    return this.#paid.unpaid(bytes)
  }

  #note(held: readonly ServerEntry[]): void {
    if (held.length > 0) this.#onHeld(held)
  }

  #cut(header: Answer, body: Uint8Array, edits: readonly Replacement[]): BoundedFrame | Promise<BoundedFrame> {
    const judge = judgeFor(this.#share)
    if (judge.pins !== undefined) return boundedAnswer(body, judge).then((bounded) => this.#boundFrame(header, body, edits, bounded))
    const cuts = policyEdits(body, judge)
    return this.#boundFrame(header, body, edits, 'code' in cuts ? cuts : { edits: cuts, held: [] })
  }

  #boundFrame(header: Answer, body: Uint8Array, edits: readonly Replacement[], bounded: BoundedAnswer | Failure): BoundedFrame {
    if ('code' in bounded) return refused(header, bounded)
    const { edits: cuts, held, refusal } = bounded
    this.#note(held)
    if (refusal !== undefined) return refused(header, refusal)
    // What would have been written into an entry that is hidden now.
    const left = edits.filter(({ span }) => !cuts.some((cut) => span[0] >= cut.span[0] && span[1] <= cut.span[1]))
    return { header, body, edits: [...left, ...cuts] }
  }
}

function nameOf({ ch, n }: { readonly ch: string; readonly n: number }): string {
  return `${ch} ${n}`
}

function refused({ ch, key, ra }: Answer, failure: Failure): BoundedFrame {
  return { header: failedFrame({ ch, key, ra }, failure), body: NO_BODY }
}

const NO_BODY = new Uint8Array(0)
