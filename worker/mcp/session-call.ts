/** Carries a session's request to whatever child serves it: as it came, or translated both ways when the child knows no sessions. */
import type { Answer } from '../../protocol/frame.ts'
import { scanMessage } from '../../protocol/json-scan.ts'
import { replacement, splice } from '../../protocol/splice.ts'
import { type CapabilitySet, declare, readCapabilities } from '../bridge/capabilities.ts'
import { envelopeMembers, initializeResult, readDiscoverResult } from '../bridge/discover.ts'
import { inputFailure, type InputRound, lackingFor, readInputRound, retryRequest, serverRequest } from '../bridge/input-rounds.ts'
import { findPath, isObjectAt, rootOf, valueAt } from '../bridge/json-view.ts'
import {
  childNotificationVerdict,
  legacyResultEdits,
  legacyVerdict,
  resultKind,
  toLegacyError,
  toModernRequest,
} from '../bridge/legacy-to-modern.ts'
import { isObject } from '../bridge/names.ts'
import { type Problem, problem, problemResponse } from '../bridge/problem.ts'
import { randomKey } from '../call-key.ts'
import { INPUT_LEG_MS, MAX_BRIDGED_ANSWER_BYTES } from '../limits.ts'
import { log } from '../log.ts'
import type { BridgeFacts, Caller, CallRequest } from '../share/contract.ts'
import { type Carrier, Courier, type Item, type News, type Renewal } from './courier.ts'
import { InputExchange } from './input-exchange.ts'
import { resultResponse } from './local-answer.ts'
import type { ClientMessage } from './message.ts'
import { forgetServer, knownServer, learnServer, learnWrappedTools, type ModernServer, wrappedTools } from './modern-servers.ts'
import { callRequest } from './post.ts'
import { RESTARTED_KEY } from './restarted.ts'
import { listSessionTools } from './session-tools.ts'
import type { ShareClient } from './share-client.ts'
import { WholeAnswer } from './whole-answer.ts'

type FrameItem = Extract<Item, { readonly kind: 'frame' }>

/** An answer that has come whole. */
interface WholeItem extends FrameItem {
  readonly header: Answer
}

/** What the next attempt of a call has to bring. */
interface Retry {
  readonly round: InputRound
  readonly answers: ReadonlyMap<string, string>
}

const decoder = new TextDecoder()
const NOBODY: CapabilitySet = new Set()

export class SessionCall implements Carrier {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #message: ClientMessage
  readonly #plain: CallRequest
  readonly #items: AsyncGenerator<Item, void>
  #inner: Carrier
  /** Set while the child is one to translate for. */
  #server: ModernServer | undefined
  /** Names the attempt under way: each round of input is another call. */
  #key: string
  #retry: Retry | undefined
  #asking: InputExchange | undefined
  /** Bytes of answers put together here, that the Share has been told of. */
  #paidBytes = 0
  #isOver = false

  constructor(share: ShareClient, caller: Caller, message: ClientMessage, delivery: 'stream' | 'single') {
    this.#share = share
    this.#caller = caller
    this.#message = message
    this.#plain = callRequest(caller, message, delivery)
    this.#key = this.#plain.key
    this.#server = legacyVerdict(this.#plain.method) === 'forward' ? knownServer(share.id, caller.session) : undefined
    this.#inner = this.#start()
    this.#items = this.#guarded()
  }

  /** The request as its client made it. */
  get request(): CallRequest {
    return this.#plain
  }

  get isResumable(): boolean {
    return this.#server === undefined
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
    this.#isOver = true
    this.#inner.close()
    this.#asking?.close()
  }

  #start(): Carrier {
    const renew = (news: News): Promise<Renewal> => Promise.resolve(this.#renewal(news))
    if (this.#server === undefined) return new Courier(this.#share, this.#plain, this.#message.bytes, renew)
    const { request, body } = this.#translated(this.#server)
    return new Courier(this.#share, request, body, renew)
  }

  #renewal(news: News): Renewal {
    if (news.kind === 'bridge' && news.facts.childEra === 'modern') {
      this.#server = learnServer(this.#share.id, this.#caller.session, news.facts)
      const item = this.#localAnswer(news.facts)
      return item === undefined ? { kind: 'call', ...this.#translated(this.#server) } : { kind: 'item', item }
    }
    // What was asked of a child without sessions cannot be brought to one that has them.
    if (news.kind !== 'native' || this.#retry !== undefined)
      return { kind: 'item', item: { kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } } }
    forgetServer(this.#share.id, this.#caller.session)
    this.#server = undefined
    return { kind: 'call', request: this.#plain, body: this.#message.bytes }
  }

  #translated({ client, level, version }: ModernServer): { readonly request: CallRequest; readonly body: Uint8Array } {
    const modern = toModernRequest(this.#message.bytes, envelopeMembers(client, this.#canBeAsked, level))
    const body = this.#retry === undefined ? modern : retryRequest(modern, this.#retry.round, this.#retry.answers)
    const facts = scanMessage(body)
    if (!facts.ok) throw new Error(`a translated request cannot be read: ${facts.error}`)
    const { delivery } = this.#plain
    const request = callRequest(this.#caller, { bytes: body, facts: facts.value, params: this.#message.params }, delivery)
    return { request: { ...request, key: this.#key, bridge: version }, body }
  }

  /** A client that can take nothing but the answer cannot be asked meanwhile. */
  get #canBeAsked(): boolean {
    return this.#plain.delivery === 'stream'
  }

  /** The answer to what such a child is not asked at all; undefined for what it is. */
  #localAnswer(facts: BridgeFacts): Item | undefined {
    const { rawId, method, revision = '' } = this.#plain
    switch (legacyVerdict(method)) {
      case 'discover': {
        const server = readDiscoverResult(facts.server)
        if (server !== undefined) return reply(resultResponse(rawId, initializeResult(server, revision)))
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
        return reply(resultResponse(rawId, '{}'))
      case 'forward':
        return undefined
    }
  }

  async *#guarded(): AsyncGenerator<Item, void> {
    try {
      yield* this.#carry()
    } catch (error) {
      log('call.broken', { method: this.#plain.method, error: error instanceof Error ? error.message : 'unknown' })
      yield { kind: 'failed', failure: { code: 'INTERNAL', executed: 'unknown' } }
    }
  }

  async *#carry(): AsyncGenerator<Item, void> {
    for (let round = 1; ; round++) {
      const answer = yield* this.#attempt()
      if (answer === undefined) return
      const needsInput = !answer.header.failed && resultKind(answer.body) === 'input_required'
      const last = needsInput ? yield* this.#askClient(answer.body, round) : await this.#legacyAnswer(answer)
      if (last !== undefined) yield last
      if (last !== undefined || this.#isOver) return
    }
  }

  /** Passes on what comes for one attempt, up to an answer that must be translated. */
  async *#attempt(): AsyncGenerator<Item, WholeItem | undefined> {
    const answer = new WholeAnswer()
    for (let item = await this.#inner.next(); item !== undefined; item = await this.#inner.next()) {
      if (this.#server === undefined || item.kind !== 'frame') {
        yield item
        continue
      }
      const { header, body } = item
      if (header.type === 'answer' && header.size <= MAX_BRIDGED_ANSWER_BYTES) {
        const whole = answer.begin(header, body)
        if (whole !== undefined) return { ...item, header }
        this.#inner.taken(body.length)
      } else if (header.type === 'chunk' && answer.owns(header)) {
        const whole = answer.goOn(header, body)
        this.#inner.taken(body.length)
        if (whole === undefined) continue
        this.#paidBytes += whole.body.length
        return { ...item, ...whole }
      } else if (header.type === 'notification' && childNotificationVerdict(header.method) === 'drop') this.#inner.taken(body.length)
      else yield item
    }
    return undefined
  }

  /** Has the client answer what the child wants to know, and makes the call again; the last item when that is not possible. */
  async *#askClient(answer: Uint8Array, round: number): AsyncGenerator<Item, Item | undefined> {
    const read = readInputRound(answer, round)
    if (!read.ok) return this.#inputFailure(read.error)
    const client = this.#server?.client
    const capabilities = this.#canBeAsked && client !== undefined ? readCapabilities(client.capabilities) : NOBODY
    const lacking = lackingFor(read.value, capabilities)
    if (lacking.length > 0)
      return this.#inputFailure(problem('INPUT_IMPOSSIBLE', { at: lacking.join(', '), requiredCapabilities: declare(new Set(lacking)) }))
    const answers = new Map<string, string>()
    const { wanted } = read.value
    if (wanted.length > 0) {
      const { rawId } = this.#plain
      const asking = (this.#asking = await InputExchange.open(this.#share, this.#caller, rawId, wanted.length))
      for (const [index, input] of wanted.entries())
        yield { kind: 'message', text: serverRequest(input, asking.rawId(index), randomKey(), client?.revision ?? '') }
      const outcome = await asking.gather(INPUT_LEG_MS)
      if (outcome === undefined || outcome.kind === 'refused') return this.#inputFailure(problem('INPUT_REFUSED'))
      if (outcome.kind === 'cancelled') return { kind: 'failed', failure: { code: 'CANCELLED', executed: 'unknown' } }
      if (outcome.kind !== 'answers') return { kind: 'failed', failure: { code: 'CHANNEL_CLOSED', executed: 'unknown' } }
      for (const [index, { key }] of wanted.entries()) answers.set(key, outcome.answers.get(index) ?? '{}')
    }
    if (this.#isOver) return undefined
    this.#inner.close()
    this.#retry = { round: read.value, answers }
    this.#key = randomKey()
    this.#inner = this.#start()
    return undefined
  }

  async #legacyAnswer(item: WholeItem): Promise<Item> {
    const { header, body, restarted } = item
    const { method, rawId } = this.#plain
    if (header.failed) {
      const error = toLegacyError(body, method)
      return error === body ? item : reply(decoder.decode(toLegacyError(splice(body, [replacement(header.id, rawId)]), method)))
    }
    if (resultKind(body) === 'other') return this.#problem(problem('RESULT_UNMAPPABLE', { at: 'resultType' }))
    if (method === 'tools/list') this.#noteTools(body)
    const isSchemaWrapped = method === 'tools/call' && (await this.#isWrapped(body))
    const marks = restarted ? { marks: { [RESTARTED_KEY]: 'true' } } : {}
    return { ...item, restarted: false, edits: legacyResultEdits(body, { method, isSchemaWrapped, ...marks }) }
  }

  /** A list in one page tells what later calls need to know. */
  #noteTools(answer: Uint8Array): void {
    const page = valueAt(answer, findPath(answer, rootOf(answer), 'result'))
    if (this.#server === undefined || !isObject(page) || this.#message.params['cursor'] !== undefined) return
    if (typeof page['nextCursor'] !== 'string') this.#server.wrappedTools = new Set(wrappedTools(page))
  }

  /** Whether the tool's schema was wrapped, which matters only to content that would not be wrapped without it. */
  async #isWrapped(answer: Uint8Array): Promise<boolean> {
    const server = this.#server
    const content = findPath(answer, rootOf(answer), 'result', 'structuredContent')
    const { name } = this.#message.params
    if (server === undefined || typeof name !== 'string' || !isObjectAt(answer, content)) return false
    const known = server.wrappedTools ?? (await learnWrappedTools(server, (cursor) => this.#listTools(server, cursor)))
    return known.has(name)
  }

  #listTools({ client, version }: ModernServer, cursor: string | undefined): ReturnType<typeof listSessionTools> {
    return listSessionTools(this.#share, this.#caller, envelopeMembers(client, false, undefined), version, cursor)
  }

  #inputFailure(what: Problem): Item {
    return reply(inputFailure(this.#plain.rawId, this.#plain.method, what))
  }

  /** Statuses other than 200 mean other things to clients with sessions. */
  #problem(what: Problem): Item {
    return reply(problemResponse(this.#plain.rawId, what))
  }
}

function reply(text: string): Item {
  return { kind: 'reply', http: 200, text }
}
