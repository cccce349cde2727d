/** Takes one call to the Share and brings back what belongs to it, whichever way it comes: RPC, socket, or after a retry. */
import { waitUntil } from 'cloudflare:workers'
import { decodeAgentFrame } from '../../../protocol/frame-codec.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { MAX_BREAKS, MAX_CALL_TRIES, MOVE_AFTER_MS, RETRY_MS } from '../../limits.ts'
import { GRACE_MS } from '../../../protocol/limits.ts'
import { log } from '../../log.ts'
import { pause } from '../../within.ts'
import type { Away, CallOutcome, CallRequest } from '../../contract/rpc.ts'
import { STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import type { Standby } from '../../contract/listings.ts'
import { agentNews, isWorthWaiting, AGENT_AWAY } from '../../carry/away.ts'
import { ItemQueue } from '../../carry/item-queue.ts'
import { changesWanted, listenMessages } from './list-changes.ts'
import { ListTap } from './list-tap.ts'
import { type Carrier, isFinal, type Item } from './item.ts'
import { isRetryable, type ShareClient } from '../../carry/share-client.ts'
import { standbyAnswer } from './standby-answer.ts'
import { TakenBytes } from '../../carry/taken-bytes.ts'
import { uploadRest } from '../../carry/upload.ts'

/** What an attempt came to: `again` at once, or `wait` a while first, or until there is news of agents. */
type Verdict = 'done' | 'again' | 'wait' | Away

/** What the Share knows better than the Worker that called. */
export type News = Extract<CallOutcome, { readonly kind: 'stale' | 'bridge' | 'native' }>

/** What to do, now that the news are known: send another request, or answer without one. */
export type Renewal =
  | { readonly kind: 'call'; readonly request: CallRequest; readonly body: Uint8Array }
  | { readonly kind: 'item'; readonly item: Item }

export type Renew = (news: News) => Promise<Renewal>

export class Courier implements Carrier {
  readonly #share: ShareClient
  #request: CallRequest
  readonly #renew: Renew | undefined
  #body: Uint8Array
  readonly #running: Promise<void>
  readonly #items = new ItemQueue<Item>()
  #socket: WebSocket | undefined
  /** The call's socket, from the request for it to its end. One on its way when the Share says `again` may find the next try. */
  #streaming: Promise<Verdict> | undefined
  #hasStreamEnded = false
  /** Since when it is not known whether the agent has the call. */
  #brokenAtMs: number | undefined
  /** Tries in a row that broke off. */
  #breaks = 0
  /** Since when the call waits for an agent to come back. */
  #awaySinceMs: number | undefined
  readonly #firstSentMs = Date.now()
  readonly #taken = new TakenBytes()
  #isRetry = false
  #isLingering = false
  /** A try waits for its answer over RPC. */
  #isCalling = false
  #mover: ReturnType<typeof setTimeout> | undefined
  #restarted = false
  readonly #tap: ListTap | undefined
  /** Digest of what the share keeps of such an answer. */
  #listed: string | undefined
  /** Its client has gone, and the call is on its way. */
  #isLeft = false
  /** The answer is there, or nothing more is tried. */
  #isDone = false

  constructor(share: ShareClient, request: CallRequest, body: Uint8Array, renew?: Renew) {
    this.#renew = renew
    this.#share = share
    this.#request = request
    this.#body = body
    this.#tap = ListTap.of(share, request)
    this.#running = this.#run()
  }

  next(): Promise<Item | undefined> {
    return this.#items.next()
  }

  taken(bytes: number): void {
    this.#taken.add(bytes, this.#socket)
  }

  linger(): void {
    this.#isLingering = true
    if (this.#isCalling) this.#moveLater()
  }

  close(): void {
    // A call of a session goes on without its client. One that no agent has got yet would be lost with us.
    const goesOn = !this.#isDone && 'session' in this.#request && this.#request.delivery === 'stream'
    if (goesOn && this.#request.method !== 'initialize') {
      this.#isLeft = true
      waitUntil(this.#running)
    }
    this.#items.end()
    this.#socket?.close(1000)
    this.#socket = undefined
  }

  async #run(): Promise<void> {
    for (let tries = 1; !this.#items.isOver || this.#isLeft;) {
      const triedMs = Date.now()
      const verdict = await this.#attempt()
      if (verdict === 'done') break
      // A call that was resent is asked for at each return of its agent, however many there are.
      if (this.#brokenAtMs !== undefined && Date.now() - triedMs >= RETRY_MS) tries = 0
      if (verdict === 'wait') await pause(RETRY_MS)
      else if (verdict !== 'again') await agentNews(this.#share, verdict, this.#brokenAtMs !== undefined)
      else if (++tries > MAX_CALL_TRIES) {
        this.#fail({ code: 'INTERNAL', executed: this.#brokenAtMs === undefined ? 'no' : 'unknown' })
        break
      }
    }
    this.#isDone = true
  }

  async #attempt(): Promise<Verdict> {
    try {
      return await this.#try()
    } catch (error) {
      if (isRetryable(error)) return this.#broken()
      log('call.broken', { method: this.#request.method, error: error instanceof Error ? error.message : 'unknown' })
      this.#fail({ code: 'INTERNAL', executed: 'unknown' })
      return 'done'
    }
  }

  async #try(): Promise<Verdict> {
    if (this.#hasStreamEnded) this.#streaming = undefined
    const reply = this.#share.call(this.#tried())
    if (this.#request.size > this.#request.body.length) void uploadRest(this.#share, this.#request.key, this.#body)
    this.#isCalling = true
    if (this.#isLingering) this.#moveLater()
    const outcome = await reply.finally(() => {
      this.#isCalling = false
      if (this.#mover !== undefined) clearTimeout(this.#mover)
    })
    switch (outcome.kind) {
      case 'again':
        return 'again'
      case 'repeat':
        return this.#repeat()
      case 'stream':
        this.#restarted = outcome.restarted
        this.#listed = outcome.listed
        return this.#stream()
      case 'moved':
        return this.#stream()
      case 'replaced':
        this.close()
        return 'done'
      case 'state_refused':
        this.#fail({ code: 'STATE_REFUSED' })
        return 'done'
      case 'failed':
        this.#fail(outcome.failure)
        return 'done'
      case 'away':
        return this.#away(outcome)
      case 'standby':
        this.#putStandby(outcome)
        return 'done'
      case 'stale':
      case 'bridge':
      case 'native':
        return this.#hearNews(outcome)
      default:
        this.#putOutcome(outcome)
        return 'done'
    }
  }

  /** A call that waits long moves to a socket, so that the Share may sleep. What it meets there is read by `moved`. */
  #moveLater(): void {
    this.#mover = setTimeout(() => void this.#stream().catch(() => undefined), MOVE_AFTER_MS)
  }

  /** The request, with what the Share must know of the tries before. */
  #tried(): CallRequest {
    if (!this.#isRetry) {
      this.#isRetry = true
      return this.#request
    }
    const resend = this.#brokenAtMs === undefined ? {} : { isResend: true, ageMs: Date.now() - this.#firstSentMs }
    return { ...this.#request, ...resend, ...(this.#isLeft ? { isLeft: true } : {}), isRetry: true }
  }

  async #hearNews(news: News): Promise<Verdict> {
    const renewal = await this.#renew?.(news)
    if (renewal?.kind === 'call') {
      this.#request = renewal.request
      this.#body = renewal.body
      return 'again'
    }
    this.#put(renewal?.item ?? { kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } })
    return 'done'
  }

  /**
   * The agent is away. One that may be running the call is waited for, and if it stays away nobody knows; one that was
   * here a moment ago is given time to come back.
   */
  #away(away: Away): Verdict {
    const nowMs = Date.now()
    if (this.#brokenAtMs !== undefined) {
      if (nowMs - this.#brokenAtMs < GRACE_MS) return away
      this.#fail({ code: 'AGENT_LOST', executed: 'unknown' })
      return 'done'
    }
    this.#awaySinceMs ??= nowMs
    // A probe must have its 503 as a status: as an error in a stream it would be taken for a verdict (see AGENT_AWAY).
    if (this.#request.method !== 'server/discover' && isWorthWaiting(away, nowMs - this.#awaySinceMs, this.#share)) return away
    this.#fail(AGENT_AWAY)
    return 'done'
  }

  /** The agent is lost, and another may run the call once more. */
  #repeat(): Verdict {
    this.#brokenAtMs ??= Date.now()
    return 'again'
  }

  /** The Share was reset under the call: whether it reached the agent is not known. */
  #broken(): Verdict {
    this.#brokenAtMs ??= Date.now()
    this.#share.renew()
    this.#breaks++
    if (this.#breaks === 1) return 'again'
    // It may be that every try breaks; one that was heard from in between starts anew.
    if (this.#breaks <= MAX_BREAKS) return 'wait'
    this.#fail({ code: 'AGENT_LOST', executed: 'unknown' })
    return 'done'
  }

  /** Reads the call's socket to its end; there is one at a time, whoever asks first. */
  #stream(): Promise<Verdict> {
    if (this.#streaming === undefined) {
      this.#hasStreamEnded = false
      const streaming = this.#readStream().finally(() => {
        if (this.#streaming === streaming) this.#hasStreamEnded = true
      })
      this.#streaming = streaming
    }
    return this.#streaming
  }

  async #readStream(): Promise<Verdict> {
    const socket = await this.#share.open({ kind: 'call', key: this.#request.key })
    if (socket === undefined) return this.#broken()
    const { promise, resolve } = Promise.withResolvers<Verdict>()
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.#hear(data)
      else this.#putFrame(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener('close', ({ code }) => {
      if (this.#socket === socket) this.#socket = undefined
      // The client has come back for it elsewhere.
      if (code === STREAM_CLOSE.REPLACED) this.close()
      // Nothing waited for it: whatever is to stream after that needs another.
      if (code === STREAM_CLOSE.SETTLED) this.#streaming = undefined
      if (this.#items.isOver || code === STREAM_CLOSE.SETTLED) resolve('done')
      else if (code === STREAM_CLOSE.AGAIN) resolve('again')
      else resolve(code === STREAM_CLOSE.REPEAT ? this.#repeat() : this.#broken())
    })
    socket.accept()
    if (this.#items.isOver) {
      socket.close(1000)
      return 'done'
    }
    this.#breaks = 0
    this.#socket = socket
    return promise
  }

  #fail(failure: Failure): void {
    this.#put({ kind: 'failed', failure })
  }

  #hear(text: string): void {
    const control = JSON.parse(text) as StreamControl
    if (control.type === 'changed') this.#putChanges(control.methods)
    if (control.type === 'sync') this.#taken.sync(this.#socket)
  }

  /** The server that is listened to was started anew. */
  #putChanges(methods: readonly string[]): void {
    const { method, rawId } = this.#request
    if (method !== 'subscriptions/listen') return
    for (const text of listenMessages(changesWanted(methods, this.#body), rawId)) this.#put({ kind: 'message', text })
  }

  #putOutcome(outcome: CallOutcome): void {
    if (outcome.kind === 'frame') {
      this.#restarted = outcome.restarted
      this.#listed = outcome.listed
      this.#putFrame(outcome.frame)
    } else if (outcome.kind === 'result' || outcome.kind === 'initialized') this.#put(outcome)
  }

  #putFrame(bytes: Uint8Array): void {
    const frame = decodeAgentFrame(bytes)
    if (!frame.ok) return
    this.#tap?.see(frame.value.header, frame.value.body, this.#request, this.#listed)
    this.#put({ kind: 'frame', ...frame.value, restarted: this.#restarted })
  }

  #putStandby(standby: Standby): void {
    const { rawId, method, revision } = this.#request
    const era = 'session' in this.#request ? 'legacy' : 'modern'
    const text = standbyAnswer(standby, { rawId, method, era, ...(revision === undefined ? {} : { revision }) })
    this.#put(text === undefined ? { kind: 'failed', failure: AGENT_AWAY } : { kind: 'reply', http: 200, text })
  }

  #put(item: Item): void {
    if (isFinal(item)) this.#isDone = true
    this.#items.put(item)
  }
}
