/** A session's call as its response sees it: made at once, and mostly over with the first item that comes. */
import { waitUntil } from 'cloudflare:workers'
import { callKey, isInspectedKey } from '../../call-key.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import type { MadeBefore } from '../../contract/streams.ts'
import { Courier } from '../call/courier.ts'
import { isFinal, type Item, type ItemSource, SoleItem } from '../call/item.ts'
import { CallTries, TAKES_TOO_LITTLE } from '../call/tries.ts'
import type { ClientMessage } from '../message.ts'
import { isInspected } from '../policy/message-verdict.ts'
import { heldFrom } from '../pinning/held-entries.ts'
import { BoundedLists } from '../response/bounded-lists.ts'
import { type CallWords, EventIds } from '../response/event-ids.ts'
import type { Exchange, StreamEvents } from '../response/exchange.ts'
import { type ClientNames, clientNames } from '../response/frame-writer.ts'
import { type Attempt, CallAttempts, isFromOtherEra } from './attempts.ts'
import { type PostedRequest, refusedItem, SessionRequest } from './request.ts'
import type { ResumedCall } from './resumed-call.ts'
import { BegunTask, NamedTask, OwnTasks, type TaskRole, taskRole } from './task-sources.ts'

/** A call whose client has come back for it. */
interface LeftCall extends Attempt {
  readonly names: ClientNames
  /** What its stream is begun with, and goes on with. */
  readonly events: Omit<StreamEvents, 'ids'>
}

/** A call that the Share has handed on from the Worker of a post. */
interface HandedOn {
  /** With which it came, and was charged. */
  readonly key: string
  /** It was made under that key. */
  readonly before?: MadeBefore
  /** What its client calls it, and how far it has come. */
  readonly names?: ClientNames
}

export class SessionCall implements Exchange {
  readonly names: ClientNames
  /** Of initialize: the revision that the client asked for. */
  readonly revision: string | undefined
  /** A session of which nobody was told ends at once. */
  readonly gone: (() => void) | undefined
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #request: SessionRequest
  readonly #first: Attempt
  /** Brings what comes for the first attempt. */
  #source: ItemSource
  /** Of a request whose answer is looked at: keeps back what the client may not see. */
  readonly #lists: BoundedLists | undefined
  /** Whether another Worker has made the call. */
  readonly #isResumed: boolean
  /** What goes on with the call where its first item is not the end. */
  #attempts: CallAttempts | undefined
  #events: StreamEvents | undefined
  /** Ids of the latest attempt for which some were asked. */
  #ids: { readonly key: string; readonly ids: EventIds | undefined } | undefined
  /** How the request is about tasks. */
  readonly #role: TaskRole | undefined
  #isAnswered = false
  #isLingering = false
  #isOver = false

  private constructor(
    share: ShareClient,
    caller: Caller,
    first: Attempt,
    names: ClientNames,
    origin: PostedRequest | ItemSource,
    before?: MadeBefore,
  ) {
    this.#share = share
    this.#caller = caller
    this.#first = first
    this.names = names
    // By the key: what a client that has come back says of its call is its own word.
    const onHeld = heldFrom(share, caller.session)
    this.#lists = isInspectedKey(first.key) ? new BoundedLists(share, (bytes) => this.#taken(bytes), onHeld) : undefined
    this.#isResumed = 'next' in origin || before === 'sent'
    if ('next' in origin) {
      this.#request = new SessionRequest(share, caller)
      // Whether a task was asked for its client does not say when it comes back.
      this.#source = first.what.method === 'tools/call' ? new BegunTask(origin, share, caller, first.what.tool) : origin
      return
    }
    const { protocolVersion } = origin.message.params
    const isInitialize = first.what.method === 'initialize'
    if (isInitialize && typeof protocolVersion === 'string') this.revision = protocolVersion
    if (isInitialize) this.gone = () => this.#forsake()
    this.#request = new SessionRequest(share, caller, origin)
    this.#role = taskRole(origin.message)
    this.#source = this.#role === 'names' ? new NamedTask(share, caller, origin, first.key) : this.#sourceOf(origin, before)
  }

  #sourceOf(posted: PostedRequest, before: MadeBefore | undefined): ItemSource {
    const { key, what } = this.#first
    const made = this.#request.call(posted, key)
    if ('code' in made) return new SoleItem(refusedItem(this.names.rawId, made))
    const courier = new Courier(this.#share, made.request, made.body, made.turns, CallTries.behind(before, Date.now()))
    if (this.#role === undefined) return courier
    return this.#role === 'lists'
      ? new OwnTasks(courier, this.#share, this.#caller)
      : new BegunTask(courier, this.#share, this.#caller, what.tool)
  }

  /** Takes a request to the Share. `single`: its client can take nothing but the answer. */
  static make(
    share: ShareClient,
    caller: Caller,
    message: ClientMessage,
    delivery: PostedRequest['delivery'],
    handedOn?: HandedOn,
  ): SessionCall {
    const { id, method, requestToken } = message.facts
    const { name } = message.params
    const what: CallWords = { attempt: 1, method, ...(method === 'tools/call' && typeof name === 'string' ? { tool: name } : {}) }
    const named = { rawId: id?.raw ?? 'null', ...(requestToken === undefined ? {} : { rawToken: requestToken.raw }) }
    const { key: chargedAs, before, names = clientNames(named) } = handedOn ?? {}
    const posted = { message, delivery, ...(chargedAs === undefined ? {} : { chargedAs }) }
    // By its key it is known that it was made, whoever makes it.
    const key = chargedAs ?? callKey(isInspected(message))
    return new SessionCall(share, caller, { key, what }, names, posted, before)
  }

  /** Goes on with a call that its client has left; `rest` brings what is left of the attempt that the client has seen. */
  static goOn(share: ShareClient, caller: Caller, { key, what, names, events }: LeftCall, rest: ResumedCall): SessionCall {
    const call = new SessionCall(share, caller, { key, what }, names, rest)
    call.#events = { ids: () => call.#currentIds(), ...events }
    return call
  }

  /** Lets its client leave and come back. `quietMs` is for clients that take events without data: how long the stream may be quiet. */
  letReturn(quietMs: number | undefined): this {
    // Whoever asks for tasks can ask again, and what is asked of another session goes on in that.
    if (this.#role === 'names' || this.#role === 'lists') return this
    // Not made before they are asked for: most answers are the only thing in their response, and need none.
    const ids = (): EventIds | undefined => this.#currentIds()
    // Of the first attempt, though another may be under way when the stream opens: who comes back with it has seen nothing.
    const id = (): string | undefined => this.#idsOf(this.#first)?.first()
    this.#events = quietMs === undefined ? { ids } : { ids, prime: { id, quietMs } }
    return this
  }

  get events(): StreamEvents | undefined {
    return this.#events
  }

  get isAsking(): boolean {
    return this.#attempts?.isAsking === true
  }

  next(): Promise<Item | undefined> {
    return this.#lists === undefined ? this.#next() : this.#lists.next(() => this.#next())
  }

  async #next(): Promise<Item | undefined> {
    if (this.#attempts === undefined) {
      const first = await this.#source.next()
      const { spread } = this.#request
      if (spread !== undefined && this.#source !== spread) {
        this.#source = spread.over(this.#source, first)
        return this.#next()
      }
      // Most calls: the answer comes at once, and is the client's as it is. All else goes through the attempts.
      this.#isAnswered = first !== undefined && isFinal(first) && !isFromOtherEra(first)
      if (this.#isAnswered) return first
      if (first === undefined) return this.#cutOff()
      if (this.#isOver) return undefined
      this.#attempts = this.#goOnWith(first)
    }
    const item = (await this.#attempts.next()) ?? this.#cutOff()
    this.#isAnswered = item !== undefined && isFinal(item)
    return item
  }

  /** Nothing more comes. A client that can come back needs no answer here. */
  #cutOff(): Item | undefined {
    return this.#isOver || this.#isAnswered || this.#mayReturn() ? undefined : { kind: 'failed', failure: TAKES_TOO_LITTLE }
  }

  taken(bytes: number): void {
    this.#taken(this.#lists === undefined ? bytes : this.#lists.unpaid(bytes))
  }

  #taken(bytes: number): void {
    if (this.#attempts === undefined) this.#source.taken(bytes)
    else this.#attempts.taken(bytes)
  }

  linger(): void {
    this.#isLingering = true
    if (this.#attempts === undefined) this.#source.linger?.()
    else this.#attempts.linger()
  }

  close(): void {
    const isLeft = !this.#isOver && !this.#isAnswered && this.#mayReturn()
    // This Worker's request ends when its client leaves, and without waitUntil the message would end with it.
    if (isLeft && this.#request.isTranslated) waitUntil(this.#request.keep(this.#current().key).catch(() => undefined))
    this.#isOver = true
    if (this.#attempts === undefined) this.#source.close()
    else this.#attempts.close()
    this.#request.spread?.close()
  }

  #forsake(): void {
    this.#isOver = true
    this.#source.close()
    // This Worker's request ends when its client leaves, and without waitUntil the message would end with it.
    waitUntil(this.#share.end(this.#caller).catch(() => undefined))
  }

  #goOnWith(first: Item): CallAttempts {
    return new CallAttempts(this.#share, this.#caller, this.#request, {
      attempt: this.#first,
      rawId: this.names.rawId,
      source: this.#source,
      first,
      isResumed: this.#isResumed,
      isLingering: this.#isLingering,
      mayReturn: () => this.#mayReturn(),
    })
  }

  #current(): Attempt {
    return this.#attempts?.current ?? this.#first
  }

  /** Whether its client can come back when it leaves. */
  #mayReturn(): boolean {
    return this.#events?.ids() !== undefined
  }

  #currentIds(): EventIds | undefined {
    const attempt = this.#current()
    if (this.#ids?.key !== attempt.key) this.#ids = { key: attempt.key, ids: this.#idsOf(attempt) }
    return this.#ids.ids
  }

  #idsOf({ key, what }: Attempt): EventIds | undefined {
    return EventIds.ofCall(this.#caller.session, { ...this.names, key, what })
  }
}
