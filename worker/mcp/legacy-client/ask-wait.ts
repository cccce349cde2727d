/** Waits on a stream of the Share for a client's answers to one round of questions, which it posts to whatever Worker. */
import type { Failure } from '../../../protocol/errors.ts'
import { readClientAnswer } from '../../bridge/input/input-rounds.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { ShareStream } from '../../carry/share-stream.ts'
import { rawAskName } from '../../contract/ask-name.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import { within } from '../../within.ts'

/** `refused`: the client answered with an error. `over`: the session has ended. `replaced`: the client has come back, and another asks. */
export type InputOutcome =
  | { readonly kind: 'answers'; readonly answers: ReadonlyMap<number, string> }
  /** Its client may do nothing here any more. */
  | { readonly kind: 'cut'; readonly failure: Failure }
  | { readonly kind: 'refused' | 'cancelled' | 'over' | 'replaced' }

interface Questions {
  /** Key of the call that will be made with the answers. */
  readonly key: string
  /** The client's raw id of the call they are about. */
  readonly call: string
  readonly count: number
}

const encoder = new TextEncoder()

export class InputWait {
  readonly #key: string
  readonly #count: number
  readonly #answers = new Map<number, string>()
  readonly #outcome = Promise.withResolvers<InputOutcome>()
  readonly #stream: ShareStream

  private constructor(share: ShareClient, { principal, session }: Caller, { key, call, count }: Questions) {
    this.#key = key
    this.#count = count
    // What the client answers while the Share is reset is held back by the Worker that has it.
    this.#stream = new ShareStream(
      share,
      { kind: 'asking', principal, session, key, call },
      {
        onControl: (control) => this.#hear(control),
        onEnd: (code) => this.#outcome.resolve(outcomeOf(code, share.cutBy(code))),
        retries: Infinity,
      },
    )
  }

  /** Opens the wait for the answers before the first question is put. */
  static async open(share: ShareClient, caller: Caller, questions: Questions): Promise<InputWait> {
    const wait = new InputWait(share, caller, questions)
    if (!(await wait.#stream.open())) wait.close()
    return wait
  }

  /** The id of a question, as JSON text. */
  rawId(index: number): string {
    return rawAskName({ key: this.#key, index })
  }

  /** Waits for all answers; undefined when that takes longer. The wait stays open until `close`: the client may still cancel. */
  gather(ms: number): Promise<InputOutcome | undefined> {
    return within(ms, this.#outcome.promise)
  }

  /** Gives the wait up. */
  close(): void {
    this.#stream.close()
  }

  #hear(control: StreamControl): void {
    if (control.type === 'cancelled') this.#outcome.resolve({ kind: 'cancelled' })
    if (control.type !== 'told' || control.index >= this.#count) return
    const answer = readClientAnswer(encoder.encode(control.body))
    if (answer === undefined) return this.#outcome.resolve({ kind: 'refused' })
    this.#answers.set(control.index, answer)
    if (this.#answers.size === this.#count) this.#outcome.resolve({ kind: 'answers', answers: this.#answers })
  }
}

function outcomeOf(code: number, cut: Failure | undefined): InputOutcome {
  if (cut !== undefined) return { kind: 'cut', failure: cut }
  return { kind: code === STREAM_CLOSE.REPLACED ? 'replaced' : 'over' }
}
