/** Takes one call to the Share and brings back what belongs to it, whichever way it comes: RPC, socket, or after a retry. */
import type { AgentFrame } from '../../protocol/frame.ts'
import { decodeAgentFrame } from '../../protocol/frame-codec.ts'
import type { Failure } from '../../protocol/errors.ts'
import { MAX_CALL_TRIES, MOVE_AFTER_MS, TAKEN_EVERY_BYTES } from '../limits.ts'
import { log } from '../log.ts'
import { type CallOutcome, type CallRequest, STREAM_CLOSE, type StreamControl } from '../share/contract.ts'
import { isRetryable, type ShareClient } from './share-client.ts'
import { uploadRest } from './upload.ts'

export type Item =
  | { readonly kind: 'frame'; readonly header: AgentFrame; readonly body: Uint8Array; readonly restarted: boolean }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'result'; readonly result: string }
  | { readonly kind: 'initialized'; readonly answer: Uint8Array }

/** Whether nothing can come after this item. */
export function isFinal(item: Item): boolean {
  return item.kind !== 'frame' || item.header.type === 'failed' || (item.header.type === 'answer' && item.header.size === item.body.length)
}

export class Courier {
  readonly #share: ShareClient
  readonly #request: CallRequest
  readonly #body: Uint8Array
  readonly #items: Item[] = []
  #wake: (() => void) | undefined
  #socket: WebSocket | undefined
  #moveTimer: ReturnType<typeof setTimeout> | null = null
  #takenBytes = 0
  #isEager = false
  #restarted = false
  #isOver = false

  constructor(share: ShareClient, request: CallRequest, body: Uint8Array) {
    this.#share = share
    this.#request = request
    this.#body = body
    void this.#run()
  }

  /** The next thing that came for this call; undefined when the wait was given up. */
  async next(): Promise<Item | undefined> {
    while (this.#items.length === 0 && !this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    return this.#items.shift()
  }

  /** The client has taken body bytes: tells the Share when it is worth a message. */
  taken(bytes: number): void {
    this.#takenBytes += bytes
    if (!this.#isEager && this.#takenBytes < TAKEN_EVERY_BYTES) return
    this.#socket?.send(JSON.stringify({ type: 'taken', bytes: this.#takenBytes } satisfies StreamControl))
    this.#takenBytes = 0
  }

  /** Ends the wait: the answer is complete, or nobody wants it any more. */
  close(): void {
    this.#isOver = true
    clearTimeout(this.#moveTimer)
    this.#socket?.close(1000)
    this.#socket = undefined
    this.#wake?.()
  }

  async #run(): Promise<void> {
    for (let tries = 1; !this.#isOver; tries++) {
      try {
        if (await this.#try()) return
      } catch (error) {
        if (!isRetryable(error) || tries >= MAX_CALL_TRIES) {
          log('call.broken', { method: this.#request.method, error: error instanceof Error ? error.message : 'unknown' })
          this.#put({ kind: 'failed', failure: { code: 'INTERNAL', executed: 'unknown' } })
          return
        }
      }
    }
  }

  /** One attempt; false when the call must be made again, with the same key. */
  async #try(): Promise<boolean> {
    const reply = this.#share.call(this.#request)
    if (this.#request.size > this.#request.body.length) void uploadRest(this.#share, this.#request.key, this.#body)
    const moved = this.#request.method === 'initialize' ? undefined : this.#moveLater()
    const outcome = await reply
    clearTimeout(this.#moveTimer)
    if (outcome.kind === 'again') return false
    if (outcome.kind === 'stream') {
      this.#restarted = outcome.restarted
      return this.#stream()
    }
    if (outcome.kind === 'moved') return (await moved?.promise) ?? true
    this.#putOutcome(outcome)
    return true
  }

  /** A call that waits long moves to a socket, so that the Share may sleep. */
  #moveLater(): { readonly promise: Promise<boolean> } {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    // Whoever does not move never looks at this promise.
    promise.catch(() => undefined)
    this.#moveTimer = setTimeout(() => {
      this.#stream().then(resolve, reject)
    }, MOVE_AFTER_MS)
    return { promise }
  }

  /** Reads the call's socket to its end; false when the call must be made again. */
  async #stream(): Promise<boolean> {
    const socket = await this.#share.open({ kind: 'call', key: this.#request.key })
    if (socket === undefined) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.#hear(data)
      else this.#putFrame(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener('close', ({ code }) => {
      this.#socket = undefined
      // SETTLED: the RPC has the outcome. Any other end without an answer means that the Share was reset.
      resolve(this.#isOver || code === STREAM_CLOSE.SETTLED)
    })
    socket.accept()
    this.#socket = socket
    return promise
  }

  #hear(text: string): void {
    const control = JSON.parse(text) as StreamControl
    if (control.type !== 'sync') return
    this.#isEager = true
    if (this.#takenBytes > 0) this.taken(0)
  }

  #putOutcome(outcome: CallOutcome): void {
    if (outcome.kind === 'frame') {
      this.#restarted = outcome.restarted
      this.#putFrame(outcome.frame)
    } else if (outcome.kind === 'failed') this.#put({ kind: 'failed', failure: outcome.failure })
    else if (outcome.kind === 'result' || outcome.kind === 'initialized') this.#put(outcome)
  }

  #putFrame(bytes: Uint8Array): void {
    const frame = decodeAgentFrame(bytes)
    if (frame.ok) this.#put({ kind: 'frame', ...frame.value, restarted: this.#restarted })
  }

  #put(item: Item): void {
    this.#items.push(item)
    this.#wake?.()
  }
}
