/** The attempts of a session's call: one, or with a server that wants input another after each round of it. */
import type { Answer } from '../../../protocol/frame.ts'
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import { childNotificationVerdict, resultKind } from '../../bridge/legacy-to-modern.ts'
import { begunTask, needsTasks, type TaskState } from '../../bridge/tasks.ts'
import { followingKey } from '../../call-key.ts'
import { type ShareClient } from '../../carry/share-client.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { decodeReturnAddress } from '../../contract/return-address.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../limits.ts'
import { log } from '../../log.ts'
import { Courier } from '../call/courier.ts'
import { type Item, type ItemSource, responseItem } from '../call/item.ts'
import { PaidBytes } from '../call/paid-bytes.ts'
import { WholeMessage } from '../call/whole-message.ts'
import type { CallWords } from '../response/event-ids.ts'
import { SessionAnswers, type WholeItem } from './answers.ts'
import { ClientInput } from './ask-client.ts'
import { NO_INPUT, refusedItem, type SessionRequest } from './request.ts'
import { ResumedCall } from './resumed-call.ts'
import { PassRefused } from '../../carry/pass-refused.ts'
import type { ModernServer } from './known-modern-servers.ts'
import { outcomeOf, TaskRun } from './task-run.ts'

/** One attempt: its key in the agent, and what its event ids say of it. */
export interface Attempt {
  readonly key: string
  readonly what: CallWords
}

/** The first attempt, and how far it has come. */
interface FirstAttempt {
  readonly attempt: Attempt
  readonly rawId: string
  /** What brings its items, and the first one, which has come already. */
  readonly source: ItemSource
  readonly first: Item
  /** Another Worker has made it, and may have made others. */
  readonly isResumed: boolean
  readonly isLingering: boolean
  /** Whether the client can come back for the call. */
  readonly mayReturn: () => boolean
}

/** What an attempt came to. `unmade`: the Worker that had the call has not made it. */
type Came =
  | { readonly kind: 'answer'; readonly item: WholeItem }
  | { readonly kind: 'asks'; readonly answer: Uint8Array }
  | { readonly kind: 'unmade' }

export class CallAttempts {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #request: SessionRequest
  readonly #rawId: string
  readonly #mayReturn: () => boolean
  readonly #answers: SessionAnswers
  readonly #input: ClientInput
  readonly #items: AsyncGenerator<Item, void>
  #current: Attempt
  #source: ItemSource
  /** What has come of the first attempt, until that is looked at. */
  #first: Item | undefined
  /** The answer of the attempt before that asks for input. */
  #asked: Uint8Array | undefined
  /** Another Worker had the call: an attempt that it has made is looked for before one is made here. */
  #isResumed: boolean
  /** Bytes that the Share was told of as taken when answers were assembled here, before the client takes them. */
  readonly #paid = new PaidBytes()
  #isLingering: boolean
  /** The server was told that its client knows of tasks. */
  #isOfTask = false
  #isOver = false

  constructor(share: ShareClient, caller: Caller, request: SessionRequest, begun: FirstAttempt) {
    const { attempt, rawId } = begun
    const { method, tool } = attempt.what
    this.#share = share
    this.#caller = caller
    this.#request = request
    this.#rawId = rawId
    this.#mayReturn = begun.mayReturn
    this.#current = attempt
    this.#source = begun.source
    this.#first = begun.first
    this.#isResumed = begun.isResumed
    this.#isLingering = begun.isLingering
    const isContinued = request.posted === undefined || typeof request.posted.message.params['cursor'] === 'string'
    const answered = { rawId, method, ...(tool === undefined ? {} : { tool }), isContinued }
    this.#answers = new SessionAnswers(share, caller, answered, () => request.server(this.#current.key))
    this.#input = new ClientInput(share, caller, rawId, method)
    this.#items = this.#guarded()
  }

  /** The attempt under way. */
  get current(): Attempt {
    return this.#current
  }

  get isAsking(): boolean {
    return this.#input.isAsking
  }

  async next(): Promise<Item | undefined> {
    const { value } = await this.#items.next()
    return value ?? undefined
  }

  taken(bytes: number): void {
    const unpaid = this.#paid.unpaid(bytes)
    if (unpaid > 0) this.#source.taken(unpaid)
  }

  linger(): void {
    this.#isLingering = true
    this.#source.linger?.()
  }

  close(): void {
    this.#isOver = true
    this.#source.close()
    this.#input.close()
  }

  async *#guarded(): AsyncGenerator<Item, void> {
    try {
      yield* this.#all()
    } catch (error) {
      if (error instanceof PassRefused) return yield { kind: 'failed', failure: error.failure }
      log('call.broken', { method: this.#current.what.method, error: error instanceof Error ? error.message : 'unknown' })
      yield { kind: 'failed', failure: { code: 'INTERNAL', executed: 'unknown' } }
    }
  }

  async *#all(): AsyncGenerator<Item, void> {
    for (let goesOn = true; goesOn && !this.#isOver;) {
      const came = yield* this.#attempt()
      if (came === undefined) return
      if (came.kind === 'answer' && !(came.item.header.failed && needsTasks(came.item.body) && !this.#isOfTask)) {
        yield* this.#end(came.item)
        return
      }
      goesOn = came.kind === 'answer' ? yield* this.#remakeAsTask(came.item) : yield* this.#again(came)
    }
  }

  /** The last answer; where a task was begun with it, what becomes of that. */
  async *#end(item: WholeItem): AsyncGenerator<Item, void> {
    const begun = item.header.failed || resultKind(item.body) !== 'other' ? undefined : begunTask(item.body)
    const server = begun === undefined ? undefined : await this.#request.server(this.#current.key)
    if (begun === undefined || server === undefined) yield await this.#answers.translate(item)
    else yield* this.#awaitTask(item, new TaskRun(this.#share, this.#caller, server, begun.task), server)
  }

  /** The tool is run only as a task, of which its client knows nothing: the call is made again by a client that does. */
  async *#remakeAsTask(refused: WholeItem): AsyncGenerator<Item, boolean> {
    const { key, what } = this.#current
    if (this.#isResumed) await this.#request.find(key)
    const { posted } = this.#request
    const next = await followingKey(key)
    const made = posted === undefined ? undefined : this.#request.call(posted, next, NO_INPUT)
    if (made === undefined || 'code' in made) {
      yield made === undefined ? await this.#answers.translate(refused) : refusedItem(this.#rawId, made)
      return false
    }
    this.#isOfTask = true
    this.#current = { key: next, what: { ...what, attempt: what.attempt + 1 } }
    this.#take(made)
    return true
  }

  #take({ request, body, turns }: Exclude<ReturnType<SessionRequest['call']>, Failure>): void {
    this.#source.close()
    this.#source = new Courier(this.#share, request, body, turns)
    if (this.#isLingering) this.#source.linger?.()
  }

  /** Waits for a task that is run for the client, and asks the client what it wants to know. */
  async *#awaitTask(begun: WholeItem, run: TaskRun, server: ModernServer): AsyncGenerator<Item, void> {
    this.#source.taken(begun.body.length)
    const { posted } = this.#request
    for (let round = 1; ; round++) {
      const state = await run.next(() => this.#isOver)
      if (state?.status !== 'input_required') return yield await this.#outcomeOf(begun, state)
      const outcome = yield* this.#input.ask({ answer: state.answer, round, key: this.#current.key, posted, server })
      if (outcome.kind === 'last') {
        await run.cancel()
        if (outcome.item !== undefined) yield outcome.item
        return
      }
      await run.give(outcome.retry.answers)
      this.#input.settled()
    }
  }

  /** What the call would have been answered without a task. */
  #outcomeOf(begun: WholeItem, state: TaskState | undefined): Item | Promise<Item> {
    const { status, outcome } = state ?? {}
    if (status === 'cancelled') return responseItem(errorResponse(this.#rawId, { code: 'CANCELLED', executed: 'yes' }))
    if (outcome === undefined) return responseItem(errorResponse(this.#rawId, { code: 'RESULT_UNMAPPABLE', at: 'status' }))
    const answer = outcomeOf(begun, outcome, status === 'failed')
    this.#paid.passed(answer.body.length)
    return this.#answers.translate(answer)
  }

  /** Passes on what comes for one attempt, up to an answer that must be translated. */
  async *#attempt(): AsyncGenerator<Item, Came | undefined> {
    const answer = new WholeMessage<Answer>()
    const first = this.#first
    this.#first = undefined
    for (let item = first ?? (await this.#source.next()); item !== undefined; item = await this.#source.next()) {
      this.#input.settled()
      if (!isFromOtherEra(item)) {
        yield item
        continue
      }
      const { header, body } = item
      if (header.type === 'answer') {
        if (header.size > MAX_BRIDGED_ANSWER_BYTES) return yield responseItem(errorResponse(this.#rawId, { code: 'ANSWER_TOO_LARGE' }))
        const whole = answer.begin(header, body)
        if (whole !== undefined) return cameTo({ ...item, header })
        this.#source.taken(body.length)
      } else if (header.type === 'chunk' && answer.owns(header)) {
        const whole = answer.goOn(header, body)
        this.#source.taken(body.length)
        if (whole === undefined) continue
        this.#paid.passed(whole.body.length)
        return cameTo({ ...item, ...whole })
      } else if (header.type === 'notification' && childNotificationVerdict(header.method) === 'drop') this.#source.taken(body.length)
      else {
        const known = this.#isResumed && header.type === 'failed' ? await this.#knownOf(header.code) : undefined
        if (known !== undefined) return known
        yield item
      }
    }
    return undefined
  }

  /** What an attempt came to of which the agent knows nothing, or of which it does not keep the answer. */
  async #knownOf(code: string): Promise<Came | undefined> {
    if (code !== 'EVENTS_LOST' && code !== 'ALREADY_EXECUTED') return undefined
    if (code === 'EVENTS_LOST' && this.#asked !== undefined) return { kind: 'unmade' }
    const kept = (await this.#share.keptCall(this.#caller, this.#current.key))?.call
    return kept?.asked === undefined ? undefined : { kind: 'asks', answer: kept.asked }
  }

  /** The child wants input: goes on with the attempt that was made with it, or has the client asked and makes one. False at the end. */
  async *#again(came: Exclude<Came, { readonly kind: 'answer' }>): AsyncGenerator<Item, boolean> {
    if (came.kind === 'asks') {
      const { key, what } = this.#current
      this.#asked = came.answer
      if (this.#isResumed) await this.#request.find(key)
      if (this.#mayReturn()) await this.#request.keep(key, came.answer)
      this.#current = { key: await followingKey(key), what: { ...what, attempt: what.attempt + 1 } }
      if (this.#isResumed) return yield* this.#follow()
    }
    return this.#asked !== undefined && (yield* this.#askClient(this.#asked))
  }

  /** Goes on with the next attempt, which the Worker that had the call may have made. */
  async *#follow(): AsyncGenerator<Item, boolean> {
    const rest = new ResumedCall(this.#share, this.#caller, { key: this.#current.key }, undefined, true)
    this.#source.close()
    this.#source = rest
    const isThere = await rest.open()
    if (!isThere) yield { kind: 'failed', failure: { code: 'CHANNEL_CLOSED', executed: 'unknown' } }
    return isThere
  }

  async *#askClient(answer: Uint8Array): AsyncGenerator<Item, boolean> {
    const { posted } = this.#request
    const { key, what } = this.#current
    const server = await this.#request.server(key)
    const outcome = yield* this.#input.ask({ answer, round: what.attempt - 1, key, posted, server })
    if (outcome.kind === 'last' && outcome.item !== undefined) yield outcome.item
    if (outcome.kind === 'last' || posted === undefined || this.#isOver) return false
    const ofTask = this.#isOfTask ? ({ isOfTask: true } as const) : {}
    const retry = { ...outcome.retry, ...ofTask, ...(this.#isResumed ? ({ isRemade: true } as const) : {}) }
    this.#isResumed = false
    const made = this.#request.call(posted, key, retry)
    if ('code' in made) {
      yield refusedItem(this.#rawId, made)
      return false
    }
    this.#take(made)
    return true
  }
}

/** Whether an item comes from a child of the other era. */
export function isFromOtherEra(item: Item): item is Extract<Item, { kind: 'frame' }> {
  const address = item.kind === 'frame' && 'ra' in item.header ? decodeReturnAddress(item.header.ra) : undefined
  return address?.to === 'call' && address.isTranslated === true
}

function cameTo(item: WholeItem): Came {
  const asks = !item.header.failed && resultKind(item.body) === 'input_required'
  return asks ? { kind: 'asks', answer: item.body } : { kind: 'answer', item }
}
