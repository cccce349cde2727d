/** A session's request: the call it becomes, as it came or translated for a child without sessions; and kept for other Workers. */
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { envelopeMembers, initializeResult, readDiscoverResult } from '../../bridge/discover.ts'
import { type InputRound, retryRequest } from '../../bridge/input/input-rounds.ts'
import { withTasksDeclared } from '../../bridge/tasks.ts'
import { legacyVerdict, toModernRequest } from '../../bridge/legacy-to-modern.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { isUnlisted, type ListTools } from '../../bridge/tool-pages.ts'
import type { ListMethod } from '../../contract/listings.ts'
import type { BridgeFacts, Caller } from '../../contract/share-rpc.ts'
import type { KnownGrant } from '../../carry/known-grants.ts'
import { RETRY_MS } from '../../limits.ts'
import { pause } from '../../within.ts'
import { callRequest } from '../call/call-request.ts'
import type { News, Renewal, SeveralOffer, Sent, Turns } from '../call/renewal.ts'
import { joinedList } from '../call/several/joined-list.ts'
import type { SpreadCall } from '../call/several/spread-call.ts'
import { type Item, responseItem } from '../call/item.ts'
import { type ClientMessage, readPosted } from '../message.ts'
import { judgeFor } from '../policy/bounds.ts'
import { callVerdict, type CallVerdict, NOT_HELD } from '../policy/held-call.ts'
import { neededList, refusalOf } from '../policy/message-verdict.ts'
import { noted } from '../policy/noted-refusal.ts'
import { knownSessionTools, learnSessionTools } from '../policy/tool-facts.ts'
import { resultResponse } from '../response/own-answers.ts'
import { listOwnTools, listSessionTools } from './list-tools.ts'
import { spreadSessionCall } from './spread-session-call.ts'
import { checkedElsewhere } from './tools-elsewhere.ts'
import { forgetModernServer, knownModernServer, learnModernServer, type ModernServer } from './known-modern-servers.ts'
import type { CallRenewed } from '../../carry/pass-refused.ts'

/** What a client has posted, and how it takes what comes. `single`: it can take nothing but the answer. */
export interface PostedRequest {
  readonly message: ClientMessage
  readonly delivery: 'stream' | 'single' | 'session'
  /** Of one that was handed on: the key with which it came, as in CallRequest. */
  readonly chargedAs?: string
}

/** What makes a request another attempt of the same call. */
export interface Retry {
  readonly round: InputRound
  readonly answers: ReadonlyMap<string, string>
  /** Another Worker had the call, and may have made this attempt so long ago that the agent does not know of it any more. */
  readonly isRemade?: true
  /** Its server runs it only as a task, which the relay looks after. */
  readonly isOfTask?: true
}

/** Nothing was asked: the call is made again by a client that declares more. */
export const NO_INPUT: Retry = { round: { wanted: [] }, answers: new Map(), isOfTask: true }

/** Times that a request is looked for which another Worker may be about to keep. */
const KEPT_TRIES = 3

export class SessionRequest {
  readonly #share: ShareClient
  readonly #caller: Caller
  /** Undefined for a call of another Worker, until `find` finds it. */
  #posted: PostedRequest | undefined
  /** Set while the child is one without sessions, for which the request is translated. */
  #server: ModernServer | undefined
  /** What goes on with the call once it is known that it goes to several agents. */
  #spread: SpreadCall | undefined

  constructor(share: ShareClient, caller: Caller, posted?: PostedRequest) {
    this.#share = share
    this.#caller = caller
    this.#posted = posted
    // Over HTTP+SSE the Worker that holds the stream translates.
    if (posted !== undefined && posted.delivery !== 'session' && legacyVerdict(posted.message.facts.method) === 'forward')
      this.#server = knownModernServer(share.id, caller.session)
  }

  get posted(): PostedRequest | undefined {
    return this.#posted
  }

  get spread(): SpreadCall | undefined {
    return this.#spread
  }

  get isTranslated(): boolean {
    return this.#server !== undefined
  }

  /**
   * The call that it becomes under a key, and what is done when the Share knows better: of which era the child is, in which
   * state its tools are, what the client may do. Or how it fails, if the client may not make it.
   */
  call(posted: PostedRequest, key: string, retry?: Retry): (Sent & { readonly turns: Turns }) | Failure {
    const { message } = posted
    const judge = judgeFor(this.#share)
    const refusal = neededList(judge, message) === undefined ? this.#noted(message, refusalOf(judge, message)) : undefined
    if (refusal !== undefined) return refusal
    const made = this.#server === undefined ? this.#plain(posted, key) : this.#translated(this.#server, posted, key, retry)
    const turns = {
      renew: (news: News) => this.#renewal(news, posted, key, retry),
      several: (offer: SeveralOffer, sent: Sent) => this.#toSeveral(offer, message, sent),
      judge: (grant: KnownGrant) => this.#judgeAnew(message, grant, retry),
    }
    return { ...made, request: { ...made.request, ...this.#checkedBy(message, retry) }, turns }
  }

  /** What is known of the child, asked for where another Worker has made the call. */
  async server(key: string): Promise<ModernServer | undefined> {
    const { session } = this.#caller
    this.#server ??= knownModernServer(this.#share.id, session)
    if (this.#server !== undefined) return this.#server
    const facts = (await this.#share.keptCall(this.#caller, key))?.facts
    if (facts !== undefined) this.#server = learnModernServer(this.#share.id, session, facts)
    return this.#server
  }

  /** Keeps what another Worker needs to go on with the attempt of this key; `asked` is the answer that asks for input. */
  async keep(key: string, asked?: Uint8Array): Promise<void> {
    if (this.#posted?.delivery !== 'stream') return
    const request = this.#posted.message.bytes
    await this.#share.keepCall({ ...this.#caller, key, request, ...(asked === undefined ? {} : { asked }) })
  }

  /** Looks for the request that another Worker has kept. */
  async find(key: string): Promise<void> {
    for (let tries = 0; tries < KEPT_TRIES && this.#posted === undefined; tries++) {
      if (tries > 0) await pause(RETRY_MS)
      const kept = (await this.#share.keptCall(this.#caller, key))?.call
      const read = kept === undefined ? undefined : readPosted(kept.request)
      const [message] = read?.ok === true ? read.value.messages : []
      if (message !== undefined) this.#posted = { message, delivery: 'stream' }
    }
  }

  /** What its client may do has changed: whether it may still be made, and by which state of the tools. */
  #judgeAnew(message: ClientMessage, grant: KnownGrant, retry: Retry | undefined): ReturnType<CallRenewed> {
    const judge = judgeFor(this.#share, grant)
    if (neededList(judge, message) !== undefined) return this.#checkedBy(message, retry)
    return this.#noted(message, refusalOf(judge, message)) ?? NOT_HELD
  }

  /**
   * The state of the child in which its tools were listed and the call was found to be allowed. A state that no child is in,
   * where they are not known or it was not: the Share then says what the state is, and the call is judged by that.
   */
  #checkedBy(message: ClientMessage, retry: Retry | undefined): Exclude<ReturnType<CallRenewed>, Failure> {
    const judge = judgeFor(this.#share)
    const method = neededList(judge, message)
    if (method === undefined) return {}
    const known = knownSessionTools(this.#share.id, this.#caller.session, method)
    const verdict = known === undefined ? undefined : ofRound(callVerdict(judge, message, known), retry)
    const judgedBy = (version: string) =>
      ({ ...(this.#server === undefined ? { toolsVersion: version } : { bridge: version }), isForOwnAgent: true }) as const
    if (known !== undefined && verdict !== undefined && !('code' in verdict)) return { ...judgedBy(known.version), ...verdict }
    return { ...judgedBy(''), awaitsJudgement: true, hold: undefined }
  }

  async #toSeveral(offer: SeveralOffer, message: ClientMessage, sent: Sent): Promise<Renewal> {
    if (offer.kind === 'join') return { kind: 'item', item: await joinedList(this.#share, sent, offer) }
    this.#spread = await spreadSessionCall(this.#share, this.#caller, message, offer, sent)
    return { kind: 'call', ...sent, request: { ...sent.request, spread: 'own' } }
  }

  async #renewal(news: News, posted: PostedRequest, key: string, retry: Retry | undefined): Promise<Renewal> {
    const { message } = posted
    if (news.kind === 'bridge' && news.facts.childEra === 'modern') {
      const server = learnModernServer(this.#share.id, this.#caller.session, news.facts)
      this.#server = server
      const item = ownAnswer(message, news.facts)
      if (item !== undefined) return { kind: 'item', item }
      const envelope = envelopeMembers(server.client, false, undefined)
      const checked = await this.#checkedIn(server.version, message, retry, (method, cursor) =>
        listSessionTools(this.#share, this.#caller, envelope, server.version, cursor, method),
      )
      if ('kind' in checked) return checked
      const made = this.#translated(server, posted, key, retry)
      return { kind: 'call', ...made, request: { ...made.request, ...checked } }
    }
    // What was asked of a child without sessions cannot be brought to one that has them.
    if (news.kind === 'bridge' || retry !== undefined)
      return { kind: 'item', item: { kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } } }
    const made = this.#plain(posted, key)
    if (news.kind === 'stale') {
      const { toolsVersion, agent } = news
      if (agent !== undefined) {
        const there = await checkedElsewhere(this.#share, this.#caller, message, { agent, of: key }, toolsVersion)
        return { kind: 'call', ...made, request: { ...made.request, ...(there ?? this.#checkedBy(message, retry)) } }
      }
      const checked = await this.#checkedIn(toolsVersion, message, retry, (method, cursor) =>
        listOwnTools(this.#share, this.#caller, cursor, method),
      )
      return 'kind' in checked ? checked : { kind: 'call', ...made, request: { ...made.request, toolsVersion, ...checked } }
    }
    forgetModernServer(this.#share.id, this.#caller.session)
    this.#server = undefined
    return { kind: 'call', ...made, request: { ...made.request, ...this.#checkedBy(message, retry) } }
  }

  /** How a call is answered that its client may not make by the tools, or another list, that the child has in this state, which are listed unless they are known, or by how that fails; else what it must say to be let through. */
  async #checkedIn(
    version: string,
    message: ClientMessage,
    retry: Retry | undefined,
    list: (method: ListMethod, ...page: Parameters<ListTools>) => ReturnType<ListTools>,
  ): Promise<Renewal | Exclude<ReturnType<CallRenewed>, Failure>> {
    const method = neededList(judgeFor(this.#share), message)
    if (method === undefined) return NOT_HELD
    const { id } = this.#share
    const { session } = this.#caller
    const known = knownSessionTools(id, session, method)
    const tools =
      known?.version === version ? known : await learnSessionTools(id, session, { method, version }, (cursor) => list(method, cursor))
    // The Share says anew which child there is.
    if (tools === 'changed') return this.#checkedBy(message, retry)
    // Before any verdict: a tool that is denied fails as one that is unknown does.
    if (isUnlisted(tools)) return { kind: 'item', item: { kind: 'failed', failure: unmade(tools, retry) } }
    // By what the client may do now.
    const verdict = callVerdict(judgeFor(this.#share), message, tools)
    const ofIts = ofRound(verdict, retry)
    if (!('code' in ofIts)) return { isForOwnAgent: true, ...ofIts }
    if (!('code' in verdict)) return { kind: 'item', item: { kind: 'failed', failure: ofIts } }
    return { kind: 'item', item: { kind: 'failed', failure: this.#noted(message, verdict) ?? verdict } }
  }

  #noted(message: ClientMessage, refusal: Failure | undefined): Failure | undefined {
    return noted(this.#share, this.#caller.principal, message, refusal)
  }

  #plain({ message, delivery, chargedAs }: PostedRequest, key: string): Sent {
    const handedOn = chargedAs === undefined ? {} : ({ chargedAs, isHandedOn: true } as const)
    return { request: { ...callRequest(this.#caller, message, delivery), key, ...handedOn }, body: message.bytes }
  }

  #translated(
    { client, level, version }: ModernServer,
    { message, delivery, chargedAs }: PostedRequest,
    key: string,
    retry: Retry | undefined,
  ): Sent {
    // A client that can take nothing but the answer cannot be asked meanwhile.
    const own = envelopeMembers(client, delivery === 'stream', level)
    const modern = toModernRequest(message.bytes, message.facts.method, retry?.isOfTask === true ? withTasksDeclared(own) : own)
    const body = retry === undefined ? modern : retryRequest(modern, retry.round, retry.answers)
    const facts = scanMessage(body)
    if (!facts.ok) throw new Error(`a translated request cannot be read: ${facts.error}`)
    const request = callRequest(this.#caller, { bytes: body, facts: facts.value, params: message.params }, delivery)
    const charged = chargedAs === undefined && retry === undefined ? {} : { chargedAs: chargedAs ?? key }
    const handedOn = chargedAs === undefined ? {} : ({ isHandedOn: true } as const)
    const begins = retry?.isOfTask === true ? ({ mayBeginTask: true } as const) : {}
    return { request: { ...request, key, bridge: version, ...begins, ...charged, ...handedOn }, body }
  }
}

/**
 * A call is allowed with all its rounds, and each is made once. Of a round that another Worker may have made before nobody can tell whether it
 * was: it must not be made by that again.
 */
function ofRound(verdict: CallVerdict, retry: Retry | undefined): CallVerdict {
  if (retry === undefined || 'code' in verdict || verdict.hold === undefined) return verdict
  return retry.isRemade === true ? { code: 'INPUT_LOST', executed: 'unknown' } : { hold: undefined, runsOnce: true }
}

/** Of a round that another Worker may have made before nobody can tell whether it has run. */
function unmade(failure: Failure, retry: Retry | undefined): Failure {
  return retry?.isRemade === true ? { ...failure, executed: 'unknown' } : failure
}

/** The relay's own answer to what a child without sessions is not asked; undefined for a request that it is. */
function ownAnswer({ facts, params }: ClientMessage, { server }: BridgeFacts): Item | undefined {
  const { method } = facts
  const rawId = facts.id?.raw ?? 'null'
  const refused = (failure: Failure): Item => responseItem(errorResponse(rawId, failure))
  switch (legacyVerdict(method)) {
    case 'discover': {
      const read = readDiscoverResult(server)
      const { protocolVersion } = params
      const revision = typeof protocolVersion === 'string' ? protocolVersion : ''
      if (read !== undefined) return responseItem(resultResponse(rawId, initializeResult(read, revision)))
      const detail = 'its server/discover result is malformed'
      return { kind: 'failed', failure: { code: 'CHILD_START_FAILED', executed: 'no', detail } }
    }
    case 'level':
      return refused({ code: 'PARAMS_INVALID', at: 'level' })
    case 'subscriptions':
      return refused({ code: 'PARAMS_INVALID', at: 'uri' })
    case 'unknown':
      return refused({ code: 'METHOD_UNKNOWN' })
    case 'empty':
      return responseItem(resultResponse(rawId, '{}'))
    case 'forward':
      return undefined
  }
}

/** How a request is answered that its client may not make. A status of its own would tell of the session (`SESSION_NOT_FOUND`), but for one that asks for signing in. */
export function refusedItem(rawId: string, failure: Failure): Item {
  if (failure.code === 'UNAUTHORIZED') return { kind: 'failed', failure }
  return responseItem(errorResponse(rawId, failure))
}
