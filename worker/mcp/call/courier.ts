/** Brings one call to the Share and back what belongs to it: over RPC or its stream, and again after a break. */
import { waitUntil } from 'cloudflare:workers'
import type { Failure } from '../../../protocol/errors.ts'
import { failureOf } from '../../../protocol/failed-frame.ts'
import type { AgentFrame } from '../../../protocol/frame.ts'
import { decodeAgentFrame } from '../../../protocol/frame-codec.ts'
import { agentNews } from '../../carry/away.ts'
import { keepUnlessTaken, takeRefusals } from '../../carry/refusal-tally.ts'
import { ItemQueue } from '../../carry/item-queue.ts'
import { type ShareClient } from '../../carry/share-client.ts'
import type { Held } from '../../contract/trust/approvals.ts'
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import type { KnownGrant } from '../../carry/known-grants.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import { MOVE_AFTER_MS, RETRY_MS } from '../../limits.ts'
import { log } from '../../log.ts'
import { pause } from '../../within.ts'
import { judgeFor } from '../policy/bounds.ts'
import { LoggedCall } from './call-log.ts'
import { goesOnAlone } from './call-request.ts'
import { CallStream, type TryVerdict } from './call-stream.ts'
import { isFinal, type Item, type ItemSource } from './item.ts'
import { changesHeard } from './list-changes.ts'
import { OwnerWait } from './owner-wait.ts'
import { LISTENER_BEHIND } from './listener-behind.ts'
import { ListingRecorder } from './listing-recorder.ts'
import type { News, SeveralOffer, Turns } from './renewal.ts'
import { boundedStandbyItem } from './standby-answer.ts'
import { CallTries, type NextTry, TAKES_TOO_LITTLE } from './tries.ts'
import { type CallRenewed, PassRefused } from '../../carry/pass-refused.ts'
import { isRetryable } from '../../carry/reset-error.ts'

export class Courier implements ItemSource {
  readonly #share: ShareClient
  #request: CallRequest
  readonly #turns: Turns
  #body: Uint8Array
  readonly #tries: CallTries
  readonly #items = new ItemQueue<Item>()
  readonly #recorder: ListingRecorder | undefined
  readonly #running: Promise<void>
  readonly #stream: CallStream
  #isLingering = false
  /** A try waits for its answer over RPC. */
  #isCalling = false
  #mover: ReturnType<typeof setTimeout> | undefined
  #restarted = false
  /** Digest of what the share keeps of such an answer. */
  #listed: string | undefined
  /** Of a call that its owner must allow first. */
  #owner: OwnerWait | undefined
  /** Its client has gone, and the call is on its way. */
  #isLeft = false
  /** The answer is there, or nothing more is tried. */
  #isDone = false
  readonly #logged = new LoggedCall()
  #failure: Failure | undefined

  constructor(share: ShareClient, request: CallRequest, body: Uint8Array, turns: Turns = {}, tries = new CallTries()) {
    this.#turns = turns
    this.#tries = tries
    this.#share = share
    this.#request = request
    this.#body = body
    this.#recorder = ListingRecorder.of(share, request)
    this.#stream = new CallStream(share, {
      call: () => (this.#tries.isResend ? { ...this.#request, isResend: true } : this.#request),
      onFrame: (header, received) => this.#putFrame(header, received),
      onControl: (control) => changesHeard(control, this.#request, this.#body).forEach((text) => this.#put({ kind: 'message', text })),
      ...(turns.onLag === undefined ? {} : { onLag: () => this.#fallBehind() }),
      opened: () => this.#opened(),
      ended: (code) => this.#ended(code),
      missing: () => this.#broken(),
    })
    this.#running = this.#run()
  }

  next(): Promise<Item | undefined> {
    return this.#items.next()
  }

  taken(bytes: number): void {
    this.#stream.taken(bytes)
  }

  linger(): void {
    this.#isLingering = true
    if (this.#isCalling) this.#moveLater()
  }

  close(): void {
    if (!this.#isDone && goesOnAlone(this.#request)) {
      this.#isLeft = true
      waitUntil(this.#running.then(() => this.#failure && this.#share.abandon(this.#request, this.#failure)))
    }
    this.#items.end()
    this.#owner?.close()
    this.#stream.close(this.#isDone ? undefined : STREAM_CLOSE.LEFT)
    // The Share learns by its stream that a session has no client that knows of it.
    if (this.#request.method === 'initialize' && this.#isCalling && !this.#stream.isOpen)
      waitUntil(this.#stream.read().catch(() => undefined))
  }

  /** Whether its owner must have allowed it. */
  get isHeld(): boolean {
    return this.#request.hold !== undefined
  }

  /** Whether another try may be made: nobody waits for the answer of a call that was closed, unless it goes on by itself. */
  get #goesOn(): boolean {
    return !this.#items.isOver || this.#isLeft
  }

  async #run(): Promise<void> {
    const { principal } = this.#request
    while (this.#goesOn) {
      const verdict = await this.#attempt()
      if (verdict === 'done') break
      const failure = this.#tries.end(verdict, Date.now())
      if (failure !== undefined && this.#failed(failure) === 'done') break
      if (verdict === 'wait') await pause(RETRY_MS)
      else if (typeof verdict !== 'string')
        await agentNews(this.#share, verdict.away, { principal, isResend: this.#tries.isResend }, verdict.maxMs, () => this.#goesOn)
    }
    this.#isDone = true
    this.#logged.end(this.#share.id, this.#request)
  }

  async #attempt(): Promise<TryVerdict> {
    try {
      return await this.#try()
    } catch (error) {
      if (isRetryable(error)) return this.#broken()
      if (error instanceof PassRefused) return this.#failed(error.failure)
      log('call.broken', { method: this.#request.method, error: error instanceof Error ? error.message : 'unknown' })
      return this.#failed({ code: 'INTERNAL', executed: 'unknown' })
    }
  }

  async #try(): Promise<TryVerdict> {
    this.#stream.begin()
    const refused = takeRefusals(this.#share.id)
    const called = this.#share.call({ ...this.#tried(), ...refused }, this.#body, (grant) => this.#judge(grant))
    if (refused !== undefined) keepUnlessTaken(this.#share.id, refused, called)
    this.#isCalling = true
    if (this.#isLingering) this.#moveLater()
    const outcome = await called.finally(() => {
      this.#isCalling = false
      if (this.#mover !== undefined) clearTimeout(this.#mover)
    })
    switch (outcome.kind) {
      case 'again':
      case 'pending':
        return outcome.kind
      case 'repeat':
        return this.#tries.repeat(Date.now())
      case 'stream':
        ;({ restarted: this.#restarted, listed: this.#listed } = outcome)
        return this.#readDueStream()
      case 'moved':
        return 'isHandedOn' in this.#request && this.#items.isOver ? 'done' : this.#stream.read()
      case 'replaced':
        this.close()
        return 'done'
      case 'state_refused':
      case 'failed':
        return this.#failed(outcome.kind === 'failed' ? outcome.failure : { code: 'STATE_REFUSED' })
      case 'away':
        // A probe must have its 503 as a status: as an error in a stream it would be taken for a verdict (see AGENT_AWAY).
        return this.#decided(this.#tries.away(outcome, this.#request.method === 'server/discover', this.#share, Date.now()))
      case 'held':
        return this.#awaitOwner(outcome)
      case 'standby':
        return this.#endedWith(await boundedStandbyItem(outcome, this.#request, judgeFor(this.#share)))
      case 'stale':
      case 'bridge':
      case 'spread':
      case 'join':
      case 'native':
        return this.#hearNews(outcome)
      default:
        this.#putOutcome(outcome)
        return 'done'
    }
  }

  /** Nothing was sent, and the call is made again when its owner has decided. */
  async #awaitOwner({ id }: Held): Promise<TryVerdict> {
    this.#tries.held()
    this.#owner ??= new OwnerWait(this.#share)
    if (this.#items.isOver) this.#owner.close()
    const ended = await this.#owner.wait(id, this.#request)
    return ended === 'again' ? 'pending' : this.#endedWith(ended)
  }

  /** What its client may do has changed. What is named for that is named in later tries as well. */
  #judge(grant: KnownGrant): ReturnType<CallRenewed> {
    const checked = this.#turns.judge?.(grant) ?? {}
    if (!('code' in checked)) this.#request = { ...this.#request, ...checked }
    return checked
  }

  /** The request, with what the Share must know of the tries before. */
  #tried(): CallRequest {
    const before = this.#tries.begin(Date.now())
    return before === undefined ? this.#request : { ...this.#request, ...before, ...(this.#isLeft ? { isLeft: true } : {}) }
  }

  #decided(decision: NextTry | Extract<Item, { readonly kind: 'failed' }>): TryVerdict {
    return typeof decision === 'string' || decision.kind === 'news' ? decision : this.#endedWith(decision)
  }

  #broken(): TryVerdict {
    this.#share.renew()
    return this.#decided(this.#tries.broken(Date.now()))
  }

  async #hearNews(news: News | SeveralOffer): Promise<TryVerdict> {
    if (!this.#goesOn) return 'done'
    const sent = { request: this.#request, body: this.#body }
    const isOfSeveral = news.kind === 'spread' || news.kind === 'join'
    const renewal = await (isOfSeveral ? this.#turns.several?.(news, sent) : this.#turns.renew?.(news))
    if (renewal?.kind === 'call') {
      ;({ request: this.#request, body: this.#body } = renewal)
      return 'renewed'
    }
    return this.#endedWith(this.#tries.endedBy(renewal?.item ?? { kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } }))
  }

  /** Moves a call that waits long to a stream, so that the Share may sleep. The RPC then ends with `moved`, which reads on. */
  #moveLater(): void {
    this.#mover = setTimeout(() => void this.#stream.read().catch(() => undefined), MOVE_AFTER_MS)
  }

  /** Reads a stream on which the answer is to come. One that is settled without it was opened too late. */
  async #readDueStream(): Promise<TryVerdict> {
    const verdict = await this.#stream.read()
    return verdict === 'done' && !this.#isDone && !this.#items.isOver ? this.#broken() : verdict
  }

  #opened(): 'wanted' | 'left' | 'done' {
    if (this.#items.isOver) return this.#isDone ? 'done' : 'left'
    this.#tries.reached()
    return 'wanted'
  }

  #ended(code: number): TryVerdict {
    // The client has come back for it elsewhere.
    if (code === STREAM_CLOSE.REPLACED) this.close()
    if (code === STREAM_CLOSE.SETTLED) this.#stream.settle()
    if (code === STREAM_CLOSE.OVERDUE) this.#endOverdue()
    const cut = this.#share.cutBy(code)
    if (cut !== undefined) return this.#failed(cut)
    if (this.#items.isOver || this.#isDone || code === STREAM_CLOSE.SETTLED) return 'done'
    if (code === STREAM_CLOSE.AGAIN) return 'again'
    return code === STREAM_CLOSE.REPEAT ? this.#tries.repeat(Date.now()) : this.#broken()
  }

  /** The client of a session can come back for the rest. */
  #endOverdue(): void {
    if ('session' in this.#request && this.#request.delivery === 'stream') this.#items.end()
    else this.#failed(TAKES_TOO_LITTLE)
  }

  #fallBehind(): void {
    this.#put(LISTENER_BEHIND)
    this.#turns.onLag?.()
  }

  #failed(failure: Failure): 'done' {
    // Where its client is to sign in only the relay knows.
    return this.#endedWith({ kind: 'failed', failure: failure.challenge === undefined ? failure : this.#share.told(failure) })
  }

  #endedWith(item: Item): 'done' {
    this.#put(item)
    return 'done'
  }

  #putOutcome(outcome: CallOutcome): void {
    if (outcome.kind === 'frame') {
      ;({ restarted: this.#restarted, listed: this.#listed } = outcome)
      const frame = decodeAgentFrame(outcome.frame)
      if (frame.ok) this.#putFrame(frame.value.header, frame.value.body)
    } else if (outcome.kind === 'result' || outcome.kind === 'initialized') this.#put(outcome)
  }

  #putFrame(header: AgentFrame, body: Uint8Array): void {
    this.#recorder?.record(header, body, this.#request, this.#listed)
    if (header.type === 'failed' && header.challenge !== undefined) return void this.#failed(failureOf(header))
    this.#put({ kind: 'frame', header, body, restarted: this.#restarted })
  }

  #put(item: Item): void {
    if (isFinal(item)) this.#isDone = true
    this.#logged.came(item)
    if (item.kind === 'failed') this.#failure = item.failure
    this.#items.put(item)
  }
}
