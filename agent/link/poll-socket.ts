/**
 * In place of a WebSocket where none gets through: a poll waits for what the relay sends, and what is sent goes out in batches. Its law: messages
 * keep their order, and each comes once, however often a request has to be made again.
 */
import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { PONG } from '../../protocol/handshake.ts'
import { POLL_IDLE_MS } from '../../protocol/limits.ts'
import { decodeBatch, type Batch, type PolledMessage, UnackedMessages } from '../../protocol/long-poll.ts'
import { SOON_MS } from '../limits.ts'
import type { LinkSocket } from './link-socket.ts'
import type { PollAnswer, PollRequests } from './poll-requests.ts'

export interface PollTimes {
  /** How long a poll waits at the relay. */
  readonly pollTimeoutMs: number
  /** Pause before a request is made again that has failed. */
  readonly pollRetryMs: number
}

/** No close was heard (RFC 6455 §7.4.1). */
const ABNORMAL = 1006

export class PollSocket extends EventEmitter implements LinkSocket {
  readyState: number = WebSocket.OPEN
  readonly #requests: Pick<PollRequests, 'poll' | 'post'>
  readonly #session: string
  readonly #times: PollTimes
  readonly #cut = new AbortController()
  readonly #unsent = new UnackedMessages()
  /** What is to be told of messages that have gone out, by their numbers. */
  readonly #waiting: { readonly number: number; readonly sent: () => void }[] = []
  /** Numbers of the last message that was given to this socket, and of the last that came. */
  #given = 0
  #taken = 0
  #isPosting = false
  /** Of the close that was asked for here, once it has gone out. */
  #closing: { readonly code: number; readonly reason: string } | undefined

  constructor(requests: Pick<PollRequests, 'poll' | 'post'>, session: string, times: PollTimes) {
    super()
    this.#requests = requests
    this.#session = session
    this.#times = times
    void this.#pollOn()
  }

  get bufferedAmount(): number {
    return this.#unsent.bytes
  }

  send(data: Uint8Array | string, sent?: () => void): void {
    if (this.readyState !== WebSocket.OPEN) return
    this.#push(typeof data === 'string' ? { kind: 'text', text: data } : { kind: 'binary', data })
    if (sent !== undefined) this.#waiting.push({ number: this.#given, sent })
  }

  close(code: number, reason: string): void {
    if (this.readyState !== WebSocket.OPEN) return
    this.readyState = WebSocket.CLOSING
    this.#closing = { code, reason }
    this.#push({ kind: 'close', code, reason })
  }

  terminate(): void {
    this.#end(ABNORMAL, '')
  }

  #push(message: PolledMessage): void {
    this.#given++
    this.#unsent.push(message)
    if (!this.#isPosting) void this.#postAll()
  }

  async #postAll(): Promise<void> {
    this.#isPosting = true
    for (let batch = this.#unsent.batch(); batch !== undefined; batch = this.#unsent.batch()) {
      const { body, upto } = batch
      const isTaken = await this.#insist(async (signal) => {
        const answer = await this.#requests.post(this.#session, body, signal)
        return answer.kind === 'nothing' ? true : this.#refused(answer)
      })
      if (isTaken === undefined) return
      this.#unsent.acknowledge(upto)
      while ((this.#waiting[0]?.number ?? Infinity) <= upto) this.#waiting.shift()?.sent()
    }
    this.#isPosting = false
    if (this.#closing !== undefined) this.#end(this.#closing.code, this.#closing.reason)
  }

  async #pollOn(): Promise<void> {
    while (this.#isThere) {
      const fromMs = performance.now()
      const batch = await this.#insist((signal) => this.#poll(signal))
      if (batch === undefined) return
      if (batch !== 'nothing') this.#take(batch)
      // A relay that has nothing to say lives; what answers so at once is something on the way.
      else if (performance.now() - fromMs < Math.min(SOON_MS, this.#times.pollTimeoutMs)) await this.#pause()
      else this.#emit({ kind: 'text', text: PONG })
    }
  }

  async #poll(signal: AbortSignal): Promise<Batch | 'nothing' | undefined> {
    const answer = await this.#requests.poll(this.#session, this.#taken, this.#times.pollTimeoutMs, signal)
    if (answer.kind === 'nothing') return 'nothing'
    const batch = answer.kind === 'body' ? decodeBatch(answer.body) : undefined
    return batch?.ok === true ? batch.value : this.#refused(answer)
  }

  #take({ first, messages }: Batch): void {
    for (const [index, message] of messages.entries()) {
      const number = first + index
      if (number <= this.#taken) continue
      if (number > this.#taken + 1) return this.#end(ABNORMAL, 'messages of the relay are missing')
      this.#taken = number
      if (message.kind === 'close') return this.#end(message.code, message.reason)
      this.#emit(message)
    }
  }

  #emit(message: Exclude<PolledMessage, { readonly kind: 'close' }>): void {
    if (!this.#isThere) return
    const isBinary = message.kind === 'binary'
    this.emit('message', isBinary ? Buffer.from(message.data.buffer) : Buffer.from(message.text), isBinary)
  }

  /** What the relay itself refuses is the end of the link; anything else may be better the next time. */
  #refused(answer: PollAnswer): undefined {
    if (answer.kind !== 'refused') throw new Error('what answers is not the relay')
    if (answer.code === undefined) throw new Error(`HTTP ${answer.status}`)
    this.#end(ABNORMAL, answer.code)
    return undefined
  }

  /** Asks until there is an answer; undefined once the link has ended, which it has for the relay too when nothing gets through for POLL_IDLE_MS. */
  async #insist<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const { signal } = this.#cut
    let failingMs: number | undefined
    while (!signal.aborted) {
      try {
        return await ask(signal)
      } catch (error) {
        const nowMs = performance.now()
        // A connection that was kept may have been closed in the same moment.
        if (failingMs === undefined) failingMs = nowMs
        else if (nowMs - failingMs < POLL_IDLE_MS) await this.#pause()
        else this.#end(ABNORMAL, `polling fails: ${error instanceof Error ? error.message : 'unknown'}`)
      }
    }
    return undefined
  }

  #pause(): Promise<void> {
    return delay(this.#times.pollRetryMs, undefined, { signal: this.#cut.signal }).catch(() => {})
  }

  get #isThere(): boolean {
    return this.readyState === WebSocket.OPEN || this.readyState === WebSocket.CLOSING
  }

  #end(code: number, reason: string): void {
    if (!this.#isThere) return
    this.readyState = WebSocket.CLOSED
    this.#cut.abort()
    this.emit('close', code, Buffer.from(reason))
  }
}
