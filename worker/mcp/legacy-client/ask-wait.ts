/** One round of questions to a session's client: waits on a socket for its answers, which it posts to whatever Worker. */
import { readClientAnswer } from '../../bridge/input-rounds.ts'
import { REATTACH_MS } from '../../limits.ts'
import { rawAskName } from '../../contract/ask-name.ts'
import type { Caller } from '../../contract/rpc.ts'
import { STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import { within } from '../../within.ts'
import { isRetryable, type ShareClient } from '../../carry/share-client.ts'

/** `refused`: the client answered with an error. `over`: the session has ended. `replaced`: the client has come back, and another asks. */
export type InputOutcome =
  | { readonly kind: 'answers'; readonly answers: ReadonlyMap<number, string> }
  | { readonly kind: 'refused' | 'cancelled' | 'over' | 'replaced' }

interface Questions {
  /** Key of the call that will be made with the answers. */
  readonly key: string
  /** The client's raw id of the call they are about. */
  readonly call: string
  readonly count: number
}

const encoder = new TextEncoder()

export class InputExchange {
  readonly #share: ShareClient
  readonly #target: { readonly kind: 'asking'; readonly key: string; readonly call: string } & Caller
  readonly #count: number
  readonly #answers = new Map<number, string>()
  readonly #outcome = Promise.withResolvers<InputOutcome>()
  #socket: WebSocket | undefined
  #isOver = false

  private constructor(share: ShareClient, { principal, session }: Caller, { key, call, count }: Questions) {
    this.#share = share
    this.#target = { kind: 'asking', principal, session, key, call }
    this.#count = count
  }

  /** Opens the wait for the answers before the first question is put. */
  static async open(share: ShareClient, caller: Caller, questions: Questions): Promise<InputExchange> {
    const exchange = new InputExchange(share, caller, questions)
    await exchange.#attach().catch((error: unknown) => {
      if (!isRetryable(error)) throw error
      share.renew()
      return exchange.#attach()
    })
    return exchange
  }

  /** The id of a question, as JSON text. */
  rawId(index: number): string {
    return rawAskName({ key: this.#target.key, index })
  }

  /** Waits for all answers; undefined when that takes longer. The wait stays open until `close`: the client may still cancel. */
  gather(ms: number): Promise<InputOutcome | undefined> {
    return within(ms, this.#outcome.promise)
  }

  /** Gives the wait up. */
  close(): void {
    this.#isOver = true
    this.#socket?.close(1000)
    this.#socket = undefined
    this.#outcome.resolve({ kind: 'over' })
  }

  async #attach(): Promise<void> {
    const socket = await this.#share.open(this.#target)
    if (socket === undefined) return this.#outcome.resolve({ kind: 'over' })
    if (this.#isOver) return socket.close(1000)
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.#hear(JSON.parse(data) as StreamControl)
    })
    socket.addEventListener('close', ({ code }) => {
      if (code === STREAM_CLOSE.ENDED) this.#outcome.resolve({ kind: 'over' })
      else if (code === STREAM_CLOSE.REPLACED) this.#outcome.resolve({ kind: 'replaced' })
      else this.#attachSoon()
    })
    socket.accept()
    this.#socket = socket
  }

  /** The Share was reset: what the client answers meanwhile is held back by the Worker that has it. */
  #attachSoon(): void {
    if (this.#isOver) return
    setTimeout(() => {
      if (this.#isOver) return
      // The stub of an object that was reset stays broken.
      this.#share.renew()
      this.#attach().catch(() => this.#attachSoon())
    }, REATTACH_MS)
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
