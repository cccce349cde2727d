/** Carries a session's call through its attempts: one, or with a server that wants input one more after each round. */
import { childNotificationVerdict, resultKind } from '../../bridge/legacy-to-modern.ts'
import { errorResponse } from '../../../protocol/errors.ts'
import { followingKey, randomKey } from '../../call-key.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../limits.ts'
import { log } from '../../log.ts'
import type { Caller } from '../../contract/rpc.ts'
import { decodeReturnAddress } from '../../contract/return-address.ts'
import type { CallWords } from '../response/event-ids.ts'
import { InputLeg } from './ask-client.ts'
import type { ClientMessage } from '../message.ts'
import { ResumedCall } from './resumed-call.ts'
import { reply, SessionAnswers, type WholeItem } from './answers.ts'
import { type Posted, SessionRequest } from './attempt.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { WholeAnswer } from '../call/whole-answer.ts'
import { type Carrier, isFinal, type Item } from '../call/item.ts'

/** A call whose client has come back for it. */
export interface LeftCall {
  readonly key: string
  readonly rawId: string
  readonly what: CallWords
}

/** What an attempt came to. `unmade`: whoever carried the call before has not come to make it. */
type Came =
  | { readonly kind: 'answer'; readonly item: WholeItem }
  | { readonly kind: 'asks'; readonly answer: Uint8Array }
  | { readonly kind: 'unmade' }

export class SessionCall implements Carrier {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #rawId: string
  readonly #what: CallWords
  readonly #request: SessionRequest
  readonly #answers: SessionAnswers
  readonly #leg: InputLeg
  readonly #items: AsyncGenerator<Item, void>
  #isBegun = false
  /** What comes first, until an attempt looks at it. */
  #first: Promise<Item | undefined> | undefined
  #inner: Carrier
  /** Of the attempt under way, and how many there were with it. */
  #key: string
  #attempts: number
  /** The answer of the attempt before that asks for input. */
  #asked: Uint8Array | undefined
  /** Attempts that another Worker has made are looked for. */
  #isResumed: boolean
  /** Whether its client may come back for it. */
  #mayReturn = (): boolean => false
  /** Bytes of answers put together here, that the Share has been told of. */
  #paidBytes = 0
  #isAnswered = false
  #isLingering = false
  #isOver = false

  private constructor(share: ShareClient, caller: Caller, { key, rawId, what }: LeftCall, origin: Posted | ResumedCall) {
    const { method, tool, attempt } = what
    const posted = origin instanceof ResumedCall ? undefined : origin
    this.#share = share
    this.#caller = caller
    this.#key = key
    this.#rawId = rawId
    this.#what = what
    this.#attempts = attempt
    this.#isResumed = posted === undefined
    this.#request = new SessionRequest(share, caller, posted)
    const isContinued = posted === undefined || posted.message.params['cursor'] !== undefined
    const answered = { rawId, method, ...(tool === undefined ? {} : { tool }), isContinued }
    this.#answers = new SessionAnswers(share, caller, answered, () => this.#request.server(this.#key))
    this.#leg = new InputLeg(share, caller, rawId, method)
    this.#inner = origin instanceof ResumedCall ? origin : this.#request.send(origin, key)
    this.#items = this.#guarded()
  }

  static make(share: ShareClient, caller: Caller, message: ClientMessage, delivery: 'stream' | 'single'): SessionCall {
    const { id, method } = message.facts
    const { name } = message.params
    const tool = method === 'tools/call' && typeof name === 'string' ? { tool: name } : {}
    const call = { key: randomKey(), rawId: id?.raw ?? 'null', what: { attempt: 1, method, ...tool } }
    return new SessionCall(share, caller, call, { message, delivery })
  }

  /** Goes on with a call that its client has left; `rest` brings what is left of the attempt that the client has seen. */
  static goOn(share: ShareClient, caller: Caller, call: LeftCall, rest: ResumedCall): SessionCall {
    const resumed = new SessionCall(share, caller, call, rest)
    resumed.letReturn(() => true)
    return resumed
  }

  /** The attempt under way. */
  get attempt(): Pick<LeftCall, 'key' | 'what'> {
    return { key: this.#key, what: { ...this.#what, attempt: this.#attempts } }
  }

  get isAsking(): boolean {
    return this.#leg.isAsking
  }

  /** Whether its client can come back when it leaves. */
  letReturn(mayReturn: () => boolean): void {
    this.#mayReturn = mayReturn
  }

  async next(): Promise<Item | undefined> {
    if (!this.#isBegun) {
      this.#isBegun = true
      this.#first = this.#inner.next()
      // Most calls: the answer comes at once, and is the client's as it is. All else goes through the attempts below.
      const first = await this.#first.catch(() => undefined)
      this.#isAnswered = first !== undefined && isFinal(first) && !isFromOtherEra(first)
      if (this.#isAnswered) return first
    }
    const { value } = await this.#items.next()
    return value ?? undefined
  }

  taken(bytes: number): void {
    const paid = Math.min(bytes, this.#paidBytes)
    this.#paidBytes -= paid
    if (bytes > paid) this.#inner.taken(bytes - paid)
  }

  linger(): void {
    this.#isLingering = true
    this.#inner.linger?.()
  }

  close(): void {
    const isLeft = !this.#isOver && !this.#isAnswered && this.#mayReturn()
    if (isLeft && this.#request.isTranslated) void this.#request.keep(this.#key).catch(() => undefined)
    this.#isOver = true
    this.#inner.close()
    this.#leg.close()
  }

  async *#guarded(): AsyncGenerator<Item, void> {
    try {
      for await (const item of this.#carry()) {
        this.#isAnswered = isFinal(item)
        yield item
      }
    } catch (error) {
      log('call.broken', { method: this.#what.method, error: error instanceof Error ? error.message : 'unknown' })
      yield { kind: 'failed', failure: { code: 'INTERNAL', executed: 'unknown' } }
    }
  }

  async *#carry(): AsyncGenerator<Item, void> {
    for (let goesOn = true; goesOn && !this.#isOver;) {
      const came = yield* this.#attempt()
      if (came === undefined) return
      if (came.kind === 'answer') {
        yield await this.#answers.translate(came.item)
        return
      }
      goesOn = yield* this.#again(came)
    }
  }

  /** Passes on what comes for one attempt, up to an answer that must be translated. */
  async *#attempt(): AsyncGenerator<Item, Came | undefined> {
    const answer = new WholeAnswer()
    const first = this.#first ?? this.#inner.next()
    this.#first = undefined
    for (let item = await first; item !== undefined; item = await this.#inner.next()) {
      this.#leg.settled()
      if (!isFromOtherEra(item)) {
        yield item
        continue
      }
      const { header, body } = item
      if (header.type === 'answer') {
        if (header.size > MAX_BRIDGED_ANSWER_BYTES) return yield reply(errorResponse(this.#rawId, { code: 'ANSWER_TOO_LARGE' }))
        const whole = answer.begin(header, body)
        if (whole !== undefined) return cameTo({ ...item, header })
        this.#inner.taken(body.length)
      } else if (header.type === 'chunk' && answer.owns(header)) {
        const whole = answer.goOn(header, body)
        this.#inner.taken(body.length)
        if (whole === undefined) continue
        this.#paidBytes += whole.body.length
        return cameTo({ ...item, ...whole })
      } else if (header.type === 'notification' && childNotificationVerdict(header.method) === 'drop') this.#inner.taken(body.length)
      else {
        const known = this.#isResumed && header.type === 'failed' ? await this.#knownOf(header.code) : undefined
        if (known !== undefined) return known
        yield item
      }
    }
    return undefined
  }

  /** What an attempt came to that the agent cannot tell of, when it has made none, or does not keep its answer. */
  async #knownOf(code: string): Promise<Came | undefined> {
    if (code !== 'EVENTS_LOST' && code !== 'ALREADY_EXECUTED') return undefined
    if (code === 'EVENTS_LOST' && this.#asked !== undefined) return { kind: 'unmade' }
    const kept = (await this.#share.keptCall(this.#caller, this.#key))?.call
    return kept?.asked === undefined ? undefined : { kind: 'asks', answer: kept.asked }
  }

  /** The child wants input: goes on with the attempt that was made with it, or has the client asked and makes one. False at the end. */
  async *#again(came: Exclude<Came, { readonly kind: 'answer' }>): AsyncGenerator<Item, boolean> {
    if (came.kind === 'asks') {
      this.#asked = came.answer
      if (this.#isResumed) await this.#request.find(this.#key)
      if (this.#mayReturn()) await this.#request.keep(this.#key, came.answer)
      this.#key = await followingKey(this.#key)
      this.#attempts++
      if (this.#isResumed) return yield* this.#follow()
    }
    return this.#asked !== undefined && (yield* this.#askClient(this.#asked))
  }

  /** Whoever carried the call before may have made the next attempt. */
  async *#follow(): AsyncGenerator<Item, boolean> {
    const rest = new ResumedCall(this.#share, this.#caller, this.#key, undefined, true)
    this.#inner.close()
    this.#inner = rest
    const isThere = await rest.open()
    if (!isThere) yield { kind: 'failed', failure: { code: 'CHANNEL_CLOSED', executed: 'unknown' } }
    return isThere
  }

  async *#askClient(answer: Uint8Array): AsyncGenerator<Item, boolean> {
    const { posted } = this.#request
    const server = await this.#request.server(this.#key)
    const outcome = yield* this.#leg.ask({ answer, round: this.#attempts - 1, key: this.#key, posted, server })
    if (outcome.kind === 'last' && outcome.item !== undefined) yield outcome.item
    if (outcome.kind === 'last' || posted === undefined || this.#isOver) return false
    this.#inner.close()
    this.#isResumed = false
    this.#inner = this.#request.send(posted, this.#key, outcome.retry)
    if (this.#isLingering) this.#inner.linger?.()
    return true
  }
}

/** Whether an item comes from a child of the other era. */
function isFromOtherEra(item: Item): item is Extract<Item, { kind: 'frame' }> {
  const address = item.kind === 'frame' && 'ra' in item.header ? decodeReturnAddress(item.header.ra) : undefined
  return address?.to === 'call' && address.isTranslated === true
}

function cameTo(item: WholeItem): Came {
  const asks = !item.header.failed && resultKind(item.body) === 'input_required'
  return asks ? { kind: 'asks', answer: item.body } : { kind: 'answer', item }
}
