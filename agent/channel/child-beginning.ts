/** Knows whether a child has been sent `initialize` and nothing else, and has not answered: while that is so another channel may take over its start. */
import type { Call, Notify, Respond } from '../../protocol/frame.ts'
import type { Child, ChildHandlers } from '../server/child.ts'
import type { Start } from '../server/given-up-starts.ts'
import { Opening } from '../server/opening.ts'
import type { ChannelContext } from './channel-context.ts'

export class ChildBeginning {
  readonly #child: Child
  readonly #context: Pick<ChannelContext, 'starts' | 'now'>
  readonly #owner: string | undefined
  /** `null` before it was sent anything; undefined once it was sent more, or has answered. */
  #start: Start | null | undefined = null

  constructor(child: Child, context: Pick<ChannelContext, 'starts' | 'now'>, owner: string | undefined) {
    this.#child = child
    this.#context = context
    this.#owner = owner
  }

  /** Whether it was sent `initialize` and nothing else. */
  get isUnderWay(): boolean {
    return Boolean(this.#start)
  }

  /** What is sent to a child that has answered nothing. */
  sent(frame: Call | Notify | Respond, body: Uint8Array): void {
    const { starts, now } = this.#context
    if (starts === undefined || this.#owner === undefined) return
    // A server is not told that its initialize is cancelled, nor twice of it when that comes again.
    if (frame.type === 'notify' ? frame.cancels !== undefined : this.#start && 'method' in frame && frame.method === 'initialize') return
    const opening = this.#start === null && body.length === frame.size ? Opening.of(body) : undefined
    if (opening === undefined) return this.end()
    this.#start = { owner: this.#owner, opening, sinceMs: now(), child: this.#child }
    starts.begin(this.#start)
  }

  /** It has answered or asked, or is gone. */
  end(): void {
    if (this.#start) this.drop(this.#start)
    this.#start = undefined
  }

  /** The start that may be taken over, as whoever ends the channel decides. */
  take(): Start | undefined {
    const start = this.#start ?? undefined
    this.#start = undefined
    return start
  }

  /** Nobody takes a start over that was taken. Always false. */
  drop(start: Start): false {
    this.#context.starts?.end(start)
    return false
  }

  /** Keeps a start that was taken for the client's next try; false where it cannot be kept. As `GivenUpStarts.giveUp`. */
  giveUp(start: Start, redirect: (heir: ChildHandlers) => void, stderr: (line: string) => void): boolean {
    return this.#context.starts?.giveUp(start, redirect, stderr) === true || this.drop(start)
  }
}
