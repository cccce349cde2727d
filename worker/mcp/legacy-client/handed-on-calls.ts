/** Calls of an HTTP+SSE session that the Worker of its stream makes, since they must be translated or wait for long, or were made in vain. */
import type { ShareClient } from '../../carry/share-client.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import type { StreamControl } from '../../contract/streams.ts'
import { Newest } from '../../newest.ts'
import { MAX_MADE_AGAIN } from '../../routing-limits.ts'
import { readPosted } from '../message.ts'
import type { ClientNames } from '../response/frame-writer.ts'
import type { MessageWriter } from '../response/message-writer.ts'
import { writeItems } from '../response/respond.ts'
import { SessionCall } from './call.ts'

/** Keep-alives that a stream must outlive behind what its client has surely had: with the first one the platform need not notice that the client is gone. */
const TAKEN_TICKS = 2

const encoder = new TextEncoder()

export class HandedOnCalls {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #messages: MessageWriter
  readonly #onAnswered: (keys: readonly string[]) => void
  /** Those under way, by key. */
  readonly #calls = new Map<string, SessionCall>()
  /** Keys of all: whoever has posted a call may post it again. */
  readonly #known = new Newest<true>(MAX_MADE_AGAIN)
  /** Keys of those that are answered, and how many keep-alives have followed. */
  readonly #answered = new Map<string, number>()
  /** Keys of those that were made before: what comes for these on the session's stream is of that try. */
  readonly #madeAgain = new Newest<true>(MAX_MADE_AGAIN)

  /** `onAnswered`: the answers of these calls have reached the client. */
  constructor(share: ShareClient, caller: Caller, messages: MessageWriter, onAnswered: (keys: readonly string[]) => void) {
    this.#share = share
    this.#caller = caller
    this.#messages = messages
    this.#onAnswered = onAnswered
  }

  isMadeAgain(key: string): boolean {
    return this.#madeAgain.get(key) === true
  }

  /** What clients call those under way. */
  names(): readonly ClientNames[] {
    return [...this.#calls.values()].map(({ names }) => names)
  }

  /** Makes a call, and writes what it brings. `takeOver`: what its client calls one that was announced. */
  make(
    { key, body, before, shown }: Extract<StreamControl, { type: 'translate' }>,
    takeOver: (key: string) => ClientNames | undefined,
  ): void {
    const isPostedAgain = (before === undefined || before === 'sent') && this.#known.get(key) === true
    const posted = readPosted(encoder.encode(body))
    const [message] = posted.ok ? posted.value.messages : []
    if (message === undefined || isPostedAgain) return
    this.#known.set(key, true)
    if (before !== undefined) this.#madeAgain.set(key, true)
    const names = before === undefined ? undefined : takeOver(key)
    const again = { ...(before === undefined ? {} : { before }), ...(names === undefined ? {} : { names }) }
    // Its stream may have been opened before its client had anything to show.
    const caller = shown === undefined ? this.#caller : { ...this.#caller, ...shown }
    const call = SessionCall.make(this.#share.fork(), caller, message, 'stream', { key, ...again })
    call.linger()
    this.#calls.set(key, call)
    void writeItems(call, this.#messages, false).finally(() => {
      this.#calls.delete(key)
      this.#answered.set(key, 0)
      call.close()
    })
  }

  /** A keep-alive has gone out: tells which answers have reached the client. */
  tick(): void {
    const taken: string[] = []
    for (const [key, ticks] of this.#answered) {
      if (ticks < TAKEN_TICKS) this.#answered.set(key, ticks + 1)
      else taken.push(key)
    }
    for (const key of taken) this.#answered.delete(key)
    if (taken.length > 0) this.#onAnswered(taken)
  }

  /** The stream has ended. */
  close(): void {
    for (const call of this.#calls.values()) call.close()
  }
}
