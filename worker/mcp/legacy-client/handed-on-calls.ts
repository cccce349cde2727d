/** Calls of an HTTP+SSE session that the Worker of its stream makes, since they must be translated or wait for long, or were made in vain. */
import { waitUntil } from 'cloudflare:workers'
import type { ShareClient } from '../../carry/share-client.ts'
import type { Caller, KeepOrder } from '../../contract/share-rpc.ts'
import type { StreamControl } from '../../contract/streams.ts'
import { Newest } from '../../newest.ts'
import { MAX_MADE_AGAIN, MAX_POSTED_BYTES } from '../../routing-limits.ts'
import { readPosted } from '../message.ts'
import type { ClientNames } from '../response/frame-writer.ts'
import type { MessageWriter } from '../response/message-writer.ts'
import { writeItems } from '../response/respond.ts'
import { SessionCall } from './call.ts'

/** Keep-alives that a stream must outlive behind what its client has surely had: with the first one the platform need not notice that the client is gone. */
const TAKEN_TICKS = 2

/** A call, and what the Share needs to hand it on once more; undefined where its client begins anew. */
interface UnderWay {
  readonly call: SessionCall
  readonly order: KeepOrder | undefined
}

const encoder = new TextEncoder()

export class HandedOnCalls {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #messages: MessageWriter
  readonly #onAnswered: (keys: readonly string[]) => void
  /** Those under way, by key. */
  readonly #calls = new Map<string, UnderWay>()
  /** Keys of all: whoever has posted a call may post it again. */
  readonly #known = new Newest<true>(MAX_MADE_AGAIN)
  /** Those that are answered, by key, and how many keep-alives have followed. */
  readonly #answered = new Map<string, { readonly order: KeepOrder | undefined; readonly ticks: number }>()
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
    return [...this.#calls.values()].map(({ call }) => call.names)
  }

  /** Makes a call, and writes what it brings. `takeOver`: what its client calls one that was announced. */
  make(
    { key, body, before, shown }: Extract<StreamControl, { type: 'translate' }>,
    takeOver: (key: string) => ClientNames | undefined,
  ): void {
    const isPostedAgain = (before === undefined || before === 'sent') && this.#known.get(key) === true
    const posted = readPosted(encoder.encode(body))
    const [message] = posted.ok ? posted.value.messages : []
    if (message === undefined) return
    if (isPostedAgain) return this.#tellTaken(key)
    this.#known.set(key, true)
    if (before !== undefined) this.#madeAgain.set(key, true)
    const names = before === undefined ? undefined : takeOver(key)
    const again = { ...(before === undefined ? {} : { before }), ...(names === undefined ? {} : { names }) }
    // Its stream may have been opened before its client had anything to show.
    const caller = shown === undefined ? this.#caller : { ...this.#caller, ...shown }
    const call = SessionCall.make(this.#share.fork(), caller, message, 'stream', { key, ...again })
    call.linger()
    const order = message.facts.method === 'initialize' ? undefined : { ...caller, key, request: message.bytes }
    this.#calls.set(key, { call, order })
    void writeItems(call, this.#messages, false).finally(() => {
      this.#calls.delete(key)
      this.#answered.set(key, { order, ticks: 0 })
      this.#forgetLarge()
      call.close()
    })
  }

  /** A keep-alive has gone out: tells which answers have reached the client. */
  tick(): void {
    const taken: string[] = []
    for (const [key, { order, ticks }] of this.#answered) {
      if (ticks < TAKEN_TICKS) this.#answered.set(key, { order, ticks: ticks + 1 })
      else taken.push(key)
    }
    for (const key of taken) this.#answered.delete(key)
    if (taken.length > 0) this.#onAnswered(taken)
  }

  /** The stream has ended: the Share, which may have slept since it has handed them on, hands on once more what its client may not have had. */
  close(): void {
    for (const { order } of [...this.#calls.values(), ...this.#answered.values()])
      if (order !== undefined) waitUntil(this.#share.keepCall(order).catch(() => undefined))
    for (const { call } of this.#calls.values()) call.close()
    this.#answered.clear()
  }

  /** One that the Share has handed on once more, though its answer has reached the client. */
  #tellTaken(key: string): void {
    if (!this.#calls.has(key) && !this.#answered.has(key)) this.#onAnswered([key])
  }

  /** Requests whose answers may be on their way are kept within MAX_POSTED_BYTES, the newest first. */
  #forgetLarge(): void {
    let bytes = 0
    for (const [key, { order, ticks }] of [...this.#answered].toReversed()) {
      bytes += order?.request.length ?? 0
      if (bytes > MAX_POSTED_BYTES) this.#answered.set(key, { order: undefined, ticks })
    }
  }
}
