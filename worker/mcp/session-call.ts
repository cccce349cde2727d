/** Carries a session's request to whatever child serves it: as it came, or translated both ways when the child knows no sessions. */
import type { AgentFrame } from '../../protocol/frame.ts'
import { scanMessage } from '../../protocol/json-scan.ts'
import { type CapabilitySet, declare, readCapabilities } from '../bridge/capabilities.ts'
import { envelopeMembers, initializeResult, readDiscoverResult } from '../bridge/discover.ts'
import { inputFailure, type InputRound, lackingFor, readInputRound, retryRequest, serverRequest } from '../bridge/input-rounds.ts'
import { childNotificationVerdict, legacyVerdict, resultKind, toModernRequest } from '../bridge/legacy-to-modern.ts'
import { type Problem, problem, problemResponse } from '../bridge/problem.ts'
import { followingKey, randomKey } from '../call-key.ts'
import { MAX_BRIDGED_ANSWER_BYTES, RETRY_MS } from '../limits.ts'
import { log } from '../log.ts'
import { type BridgeFacts, type Caller, type CallRequest, decodeReturnAddress } from '../share/contract.ts'
import { pause } from '../within.ts'
import { type Carrier, Courier, isFinal, type Item, type News, type Renewal } from './courier.ts'
import type { CallWords } from './event-ids.ts'
import { InputExchange } from './input-exchange.ts'
import { resultResponse } from './local-answer.ts'
import { type ClientMessage, readPosted } from './message.ts'
import { forgetServer, knownServer, learnServer, type ModernServer } from './modern-servers.ts'
import { callRequest } from './post.ts'
import { ResumedCall } from './resumed-call.ts'
import { reply, SessionAnswers, type WholeItem } from './session-answers.ts'
import type { ShareClient } from './share-client.ts'
import { WholeAnswer } from './whole-answer.ts'

/** What a client has posted, and how it takes what comes. */
interface Posted {
  readonly message: ClientMessage
  readonly delivery: 'stream' | 'single'
}

/** A call whose client has come back for it. */
export interface LeftCall {
  readonly key: string
  readonly rawId: string
  readonly what: CallWords
}

/** What the next attempt of a call has to bring. */
interface Retry {
  readonly round: InputRound
  readonly answers: ReadonlyMap<string, string>
}

/** What an attempt came to. `unmade`: whoever carried the call before has not come to make it. */
type Came =
  | { readonly kind: 'answer'; readonly item: WholeItem }
  | { readonly kind: 'asks'; readonly answer: Uint8Array }
  | { readonly kind: 'unmade' }

/** `last`: what the call ends with, if it does not just end. */
type Gathered =
  | { readonly kind: 'answers'; readonly answers: ReadonlyMap<string, string> }
  | { readonly kind: 'last'; readonly item: Item | undefined }

const NOBODY: CapabilitySet = new Set()
/** Times that a request is looked for which another Worker may be about to keep. */
const KEPT_TRIES = 3

export class SessionCall implements Carrier {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #rawId: string
  readonly #words: CallWords
  readonly #answers: SessionAnswers
  readonly #items: AsyncGenerator<Item, void>
  #inner: Carrier
  /** Undefined after its client came back, until it is needed. */
  #posted: Posted | undefined
  /** Set while the child is one to translate for. */
  #server: ModernServer | undefined
  /** Names the attempt under way: each round of input is another call. */
  #key: string
  #attempts: number
  /** The answer of the attempt before that asks for input. */
  #asked: Uint8Array | undefined
  #retry: Retry | undefined
  #asking: InputExchange | undefined
  #isGathering = false
  /** Attempts that another Worker has made are looked for. */
  #isResumed: boolean
  /** Whether its client may come back for it. */
  #mayReturn = false
  /** Bytes of answers put together here, that the Share has been told of. */
  #paidBytes = 0
  #isAnswered = false
  #isOver = false

  private constructor(share: ShareClient, caller: Caller, { key, rawId, what }: LeftCall, origin: Posted | ResumedCall) {
    this.#share = share
    this.#caller = caller
    this.#key = key
    this.#rawId = rawId
    this.#words = what
    this.#attempts = what.attempt
    this.#isResumed = origin instanceof ResumedCall
    this.#posted = origin instanceof ResumedCall ? undefined : origin
    const isContinued = this.#posted?.message.params['cursor'] !== undefined || this.#isResumed
    const { method, tool } = what
    const call = { rawId, method, ...(tool === undefined ? {} : { tool }), isContinued }
    this.#answers = new SessionAnswers(share, caller, call, () => this.#knowServer())
    if (!this.#isResumed && legacyVerdict(method) === 'forward') this.#server = knownServer(share.id, caller.session)
    this.#inner = origin instanceof ResumedCall ? origin : this.#start(origin)
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
    resumed.letReturn()
    return resumed
  }

  /** The attempt under way. */
  get attempt(): Pick<LeftCall, 'key' | 'what'> {
    return { key: this.#key, what: { ...this.#words, attempt: this.#attempts } }
  }

  get isAsking(): boolean {
    return this.#isGathering
  }

  /** Its client can come back when it leaves. */
  letReturn(): void {
    this.#mayReturn = true
  }

  async next(): Promise<Item | undefined> {
    const { value } = await this.#items.next()
    return value ?? undefined
  }

  taken(bytes: number): void {
    const paid = Math.min(bytes, this.#paidBytes)
    this.#paidBytes -= paid
    if (bytes > paid) this.#inner.taken(bytes - paid)
  }

  close(): void {
    if (!this.#isOver && !this.#isAnswered && this.#mayReturn && this.#server !== undefined) void this.#keep().catch(() => undefined)
    this.#isOver = true
    this.#inner.close()
    this.#asking?.close()
  }

  #start({ message, delivery }: Posted): Carrier {
    const renew = (news: News): Promise<Renewal> => Promise.resolve(this.#renewal(news, { message, delivery }))
    if (this.#server !== undefined) {
      const { request, body } = this.#translated(this.#server, { message, delivery })
      return new Courier(this.#share, request, body, renew)
    }
    const request = { ...callRequest(this.#caller, message, delivery), key: this.#key }
    return new Courier(this.#share, request, message.bytes, renew)
  }

  #renewal(news: News, posted: Posted): Renewal {
    if (news.kind === 'bridge' && news.facts.childEra === 'modern') {
      this.#server = learnServer(this.#share.id, this.#caller.session, news.facts)
      const item = this.#localAnswer(news.facts, posted)
      return item === undefined ? { kind: 'call', ...this.#translated(this.#server, posted) } : { kind: 'item', item }
    }
    // What was asked of a child without sessions cannot be brought to one that has them.
    if (news.kind !== 'native' || this.#retry !== undefined)
      return { kind: 'item', item: { kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } } }
    forgetServer(this.#share.id, this.#caller.session)
    this.#server = undefined
    const { message, delivery } = posted
    return { kind: 'call', request: { ...callRequest(this.#caller, message, delivery), key: this.#key }, body: message.bytes }
  }

  #translated(server: ModernServer, { message, delivery }: Posted): { readonly request: CallRequest; readonly body: Uint8Array } {
    const { client, level, version } = server
    const modern = toModernRequest(message.bytes, envelopeMembers(client, delivery === 'stream', level))
    const body = this.#retry === undefined ? modern : retryRequest(modern, this.#retry.round, this.#retry.answers)
    const facts = scanMessage(body)
    if (!facts.ok) throw new Error(`a translated request cannot be read: ${facts.error}`)
    const request = callRequest(this.#caller, { bytes: body, facts: facts.value, params: message.params }, delivery)
    return { request: { ...request, key: this.#key, bridge: version }, body }
  }

  /** The answer to what such a child is not asked at all; undefined for what it is. */
  #localAnswer(facts: BridgeFacts, { message }: Posted): Item | undefined {
    switch (legacyVerdict(this.#words.method)) {
      case 'discover': {
        const server = readDiscoverResult(facts.server)
        const revision = message.params['protocolVersion']
        if (server !== undefined)
          return reply(resultResponse(this.#rawId, initializeResult(server, typeof revision === 'string' ? revision : '')))
        return {
          kind: 'failed',
          failure: { code: 'CHILD_START_FAILED', executed: 'no', detail: 'its server/discover result is malformed' },
        }
      }
      case 'level':
        return this.#problem(problem('PARAMS_INVALID', { at: 'level' }))
      case 'subscriptions':
        return this.#problem(problem('PARAMS_INVALID', { at: 'uri' }))
      case 'unknown':
        return this.#problem(problem('METHOD_UNKNOWN'))
      case 'empty':
        return reply(resultResponse(this.#rawId, '{}'))
      case 'forward':
        return undefined
    }
  }

  async *#guarded(): AsyncGenerator<Item, void> {
    try {
      for await (const item of this.#carry()) {
        this.#isAnswered = isFinal(item)
        yield item
      }
    } catch (error) {
      log('call.broken', { method: this.#words.method, error: error instanceof Error ? error.message : 'unknown' })
      yield { kind: 'failed', failure: { code: 'INTERNAL', executed: 'unknown' } }
    }
  }

  async *#carry(): AsyncGenerator<Item, void> {
    for (;;) {
      const came = yield* this.#attempt()
      if (came === undefined) return
      const last = came.kind === 'answer' ? await this.#answers.translate(came.item) : yield* this.#goOn(came)
      if (last !== undefined) yield last
      if (last !== undefined || this.#isOver) return
    }
  }

  /** Passes on what comes for one attempt, up to an answer that must be translated. */
  async *#attempt(): AsyncGenerator<Item, Came | undefined> {
    const answer = new WholeAnswer()
    for (let item = await this.#inner.next(); item !== undefined; item = await this.#inner.next()) {
      this.#endAsking()
      if (item.kind !== 'frame' || !isTranslated(item.header)) {
        yield item
        continue
      }
      const { header, body } = item
      if (header.type === 'answer') {
        if (header.size > MAX_BRIDGED_ANSWER_BYTES) return yield this.#problem(problem('ANSWER_TOO_LARGE'))
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
    const kept = await this.#share.keptCall(this.#caller, this.#key)
    return kept?.call?.asked === undefined ? undefined : { kind: 'asks', answer: kept.call.asked }
  }

  /** The child wants input: goes on with the attempt that was made with it, or has the client asked and makes one. */
  async *#goOn(came: Exclude<Came, { readonly kind: 'answer' }>): AsyncGenerator<Item, Item | undefined> {
    if (came.kind === 'asks') {
      this.#asked = came.answer
      if (this.#isResumed) await this.#findPosted()
      if (this.#posted !== undefined && this.#mayReturn) await this.#keep(came.answer)
      this.#key = await followingKey(this.#key)
      this.#attempts++
      if (this.#isResumed) return this.#follow()
    }
    return this.#asked === undefined ? undefined : yield* this.#askClient(this.#asked)
  }

  /** Whoever carried the call before may have made the next attempt. */
  async #follow(): Promise<Item | undefined> {
    const rest = new ResumedCall(this.#share, this.#caller, this.#key, undefined, true)
    this.#inner.close()
    this.#inner = rest
    return (await rest.open()) ? undefined : { kind: 'failed', failure: { code: 'CHANNEL_CLOSED', executed: 'unknown' } }
  }

  /** Has the client answer what the child wants to know, and makes the call again; the last item when that is not possible. */
  async *#askClient(answer: Uint8Array): AsyncGenerator<Item, Item | undefined> {
    const read = readInputRound(answer, this.#attempts - 1)
    if (!read.ok) return this.#inputFailure(read.error)
    const posted = this.#posted
    const server = await this.#knowServer()
    if (posted === undefined || server === undefined) return this.#inputFailure(problem('INPUT_LOST'))
    const { client } = server
    const capabilities = posted.delivery === 'stream' ? readCapabilities(client.capabilities) : NOBODY
    const lacking = lackingFor(read.value, capabilities)
    if (lacking.length > 0)
      return this.#inputFailure(problem('INPUT_IMPOSSIBLE', { at: lacking.join(', '), requiredCapabilities: declare(new Set(lacking)) }))
    const gathered = yield* this.#gather(read.value, client.revision)
    if (gathered.kind === 'last') return gathered.item
    if (this.#isOver) return undefined
    this.#inner.close()
    this.#retry = { round: read.value, answers: gathered.answers }
    this.#isResumed = false
    this.#server = server
    this.#inner = this.#start(posted)
    return undefined
  }

  /** Puts the questions, and waits for their answers. */
  async *#gather({ wanted }: InputRound, revision: string): AsyncGenerator<Item, Gathered> {
    const answers = new Map<string, string>()
    if (wanted.length === 0) return { kind: 'answers', answers }
    const questions = { key: this.#key, call: this.#rawId, count: wanted.length }
    const asking = (this.#asking = await InputExchange.open(this.#share, this.#caller, questions))
    if (this.#isOver) asking.close()
    this.#isGathering = true
    for (const [index, input] of wanted.entries())
      yield { kind: 'message', text: serverRequest(input, asking.rawId(index), randomKey(), revision) }
    const outcome = await asking.gather(this.#share.inputWaitMs)
    this.#isGathering = false
    if (outcome?.kind !== 'answers') {
      this.#endAsking()
      return { kind: 'last', item: this.#withoutAnswers(outcome?.kind) }
    }
    for (const [index, { key }] of wanted.entries()) answers.set(key, outcome.answers.get(index) ?? '{}')
    return { kind: 'answers', answers }
  }

  #withoutAnswers(reason: 'refused' | 'cancelled' | 'over' | 'replaced' | undefined): Item | undefined {
    switch (reason) {
      case 'cancelled':
        return { kind: 'failed', failure: { code: 'CANCELLED', executed: 'unknown' } }
      case 'over':
        return { kind: 'failed', failure: { code: 'CHANNEL_CLOSED', executed: 'unknown' } }
      case 'replaced':
        this.#isOver = true
        return undefined
      case 'refused':
      case undefined:
        return this.#inputFailure(problem('INPUT_REFUSED'))
    }
  }

  /** From here on the call itself can be cancelled. */
  #endAsking(): void {
    this.#asking?.close()
    this.#asking = undefined
  }

  /** Keeps what another Worker needs to go on with this call. */
  async #keep(asked?: Uint8Array): Promise<void> {
    const request = this.#posted?.message.bytes
    if (request === undefined) return
    await this.#share.keepCall({ ...this.#caller, key: this.#key, request, ...(asked === undefined ? {} : { asked }) })
  }

  /** Looks for the request that the client has posted to another Worker. */
  async #findPosted(): Promise<void> {
    for (let tries = 0; tries < KEPT_TRIES && this.#posted === undefined && !this.#isOver; tries++) {
      if (tries > 0) await pause(RETRY_MS)
      const kept = await this.#share.keptCall(this.#caller, this.#key)
      const read = kept?.call === undefined ? undefined : readPosted(kept.call.request)
      const [message] = read?.ok === true ? read.value.messages : []
      if (message !== undefined) this.#posted = { message, delivery: 'stream' }
    }
  }

  /** What is known of the child, asked for where another Worker has made the call. */
  async #knowServer(): Promise<ModernServer | undefined> {
    const { session } = this.#caller
    this.#server ??= knownServer(this.#share.id, session)
    if (this.#server !== undefined) return this.#server
    const facts = (await this.#share.keptCall(this.#caller, this.#key))?.facts
    if (facts !== undefined) this.#server = learnServer(this.#share.id, session, facts)
    return this.#server
  }

  #inputFailure(what: Problem): Item {
    return reply(inputFailure(this.#rawId, this.#words.method, what))
  }

  /** Statuses other than 200 mean other things to clients with sessions. */
  #problem(what: Problem): Item {
    return reply(problemResponse(this.#rawId, what))
  }
}

/** Whether a frame comes from a child of the other era. */
function isTranslated(header: AgentFrame): boolean {
  const address = 'ra' in header ? decodeReturnAddress(header.ra) : undefined
  return address?.to === 'call' && address.isTranslated === true
}

function cameTo(item: WholeItem): Came {
  const asks = !item.header.failed && resultKind(item.body) === 'input_required'
  return asks ? { kind: 'asks', answer: item.body } : { kind: 'answer', item }
}
