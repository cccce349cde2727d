/** Carries one request of revision 2026-07-28, which has no session: to the Share, anew when the Share knows better, and back. */
import { waitUntil } from 'cloudflare:workers'
import type { Failure } from '../../../protocol/errors.ts'
import { readRequestState } from '../../bridge/input/asks.ts'
import { declaredClient } from '../../bridge/capabilities.ts'
import { discoverResult } from '../../bridge/discover.ts'
import type { Envelope } from '../../bridge/envelope.ts'
import { honouredFilter, readFilter } from '../../bridge/listen.ts'
import { modernVerdict, toLegacyRequest } from '../../bridge/modern-to-legacy.ts'
import { randomKey } from '../../call-key.ts'
import type { BridgeFacts, GroupCallRequest } from '../../contract/share-rpc.ts'
import { findParkedCall } from './ask-client.ts'
import { Courier } from '../call/courier.ts'
import type { News, Renewal, Sent, SeveralOffer } from '../call/renewal.ts'
import { joinedList } from '../call/several/joined-list.ts'
import type { SpreadCall } from '../call/several/spread-call.ts'
import { judgeFor, mayHearOf } from '../policy/bounds.ts'
import { BoundedLists } from '../response/bounded-lists.ts'
import { withTaskNoted } from '../call/tasks.ts'
import { groupPlace } from '../../contract/tasks.ts'
import { isInspected, neededList, refusalOf } from '../policy/message-verdict.ts'
import { noted } from '../policy/noted-refusal.ts'
import { noteHeld } from '../pinning/held-entries.ts'
import { failureResponse } from '../response/responses.ts'
import type { ServerEntry } from '../../contract/pinned-server.ts'
import type { KnownGrant } from '../../carry/known-grants.ts'
import type { Visitor } from '../visitor.ts'
import type { Exchange } from '../response/exchange.ts'
import { type ClientNames, clientNames } from '../response/frame-writer.ts'
import { LegacyChild } from './on-legacy-child.ts'
import { forgetLegacyServer, knownLegacyServer, learnLegacyServer, type LegacyServer } from './known-legacy-servers.ts'
import type { ClientMessage } from '../message.ts'
import { type ModernCall, translatedRequest } from './request.ts'
import { HeldAnswer, noteRound } from './held-rounds.ts'
import { respond } from '../response/respond.ts'
import { inGoodOrder, Subscription } from './listen.ts'
import { taskRoute } from './task-route.ts'
import { forgetTools } from './known-tools.ts'
import { ToolCheck } from './tool-check.ts'
import { DECLARATION_TOO_LONG, groupName, isTooLong } from './client-group.ts'
import type { Item, ItemSource } from '../call/item.ts'
import { groupCallRequest } from '../call/call-request.ts'
import type { Accepts } from '../request-headers.ts'
import { newSessionId } from '../session-id.ts'

/** Answers a request without session. What it needs to know of its client stands in `envelope`. */
export async function postModern(
  visitor: Visitor,
  stateKey: CryptoKey,
  posted: ClientMessage,
  envelope: Envelope,
  accepts: Accepts,
  { headers, signal }: Pick<Request, 'headers' | 'signal'>,
): Promise<Response> {
  // Of whoever has shown no credential nobody knows which requests are one's: each is another's, and is asked for nothing.
  const principal = visitor.principalIn(visitor.isAnonymous ? newSessionId() : '')
  // A child of the handshake era is told when it is initialised; of which era the child is shows later.
  const declared = declaredClient(visitor.isAnonymous ? {} : envelope.declared, envelope.clientInfo)
  if (isTooLong(declared)) return failureResponse(DECLARATION_TOO_LONG, posted.facts.id?.raw)
  const route = await taskRoute({ visitor, principal, group: await groupName(principal, declared) }, posted, envelope)
  if ('code' in route) return failureResponse(route, posted.facts.id?.raw)
  const { message, group, lane, about } = route
  const mayBegin = message.facts.method === 'tools/call' && lane === principal
  const request = {
    ...groupCallRequest({ principal, group, ...declared, ...visitor.shown }, message, accepts.events ? 'stream' : 'single'),
    ...(about === undefined ? {} : { about }),
    ...(mayBegin ? ({ mayBeginTask: true } as const) : {}),
  }
  const share = visitor.shareFor(lane)
  const judge = judgeFor(share)
  const isJudgedLater = neededList(judge, message) !== undefined
  const refusal = isJudgedLater ? undefined : noted(share, principal, message, refusalOf(judge, message))
  if (refusal !== undefined) return failureResponse(refusal, request.rawId)
  const atLane = { ...visitor, share, principal }
  const exchange = new ModernExchange({ visitor: atLane, message, envelope, request, group, stateKey, headers })
  return respond(exchange, accepts, signal, {})
}

class ModernExchange implements Exchange {
  readonly names: ClientNames
  readonly modern = { cancel: () => this.cancel() }
  readonly #call: ModernCall
  readonly #check: ToolCheck
  readonly #courier: Courier
  /** Brings what comes: the courier, or what asks others besides. */
  #source: ItemSource
  #spread: SpreadCall | undefined
  #heldAnswer: HeldAnswer | undefined
  /** Of a request whose answer is looked at: keeps back what the client may not see. */
  readonly #lists: BoundedLists | undefined
  /** Key of the call in the agent: on a retry, that of the call which was parked. */
  #key: string
  #server: LegacyServer | undefined
  #child: LegacyChild | undefined
  #subscription: Subscription | undefined
  #isCancelled = false
  #hasLeft = false

  constructor(call: ModernCall) {
    this.names = clientNames(call.request)
    this.#call = call
    this.#check = new ToolCheck(call, () => this.#server?.version)
    this.#key = call.request.key
    const { share } = call.visitor
    const onHeld = (held: readonly ServerEntry[]): void => {
      noteHeld(share, held)
      forgetTools(this.#check.audience)
    }
    this.#lists = isInspected(call.message) ? new BoundedLists(share, (bytes) => this.#taken(bytes), onHeld) : undefined
    const { request, message, visitor } = call
    const server = knownLegacyServer(visitor.share.id, request)
    const isPlain = modernVerdict(request.method) === 'forward' && readRequestState(message.params) === undefined
    const first = server === undefined || !isPlain ? undefined : this.#translated(server)
    if (server !== undefined && first !== undefined) this.#server = server
    const { request: sent, body } = first ?? { request, body: message.bytes }
    const turns = {
      renew: (news: News) => this.#renew(news),
      several: (...told: [SeveralOffer, Sent]) => this.#toSeveral(...told),
      judge: (grant: KnownGrant) => this.#check.anew(grant),
      onLag: request.method === 'subscriptions/listen' ? (): void => this.cancel() : undefined,
    }
    this.#courier = new Courier(visitor.share, this.#check.named(sent), body, turns)
    this.#source = this.#courier
    if (server !== undefined && first !== undefined) this.#child = this.#childOf(server, 0)
  }

  next(): Promise<Item | undefined> {
    return this.#lists === undefined ? this.#next() : this.#lists.next(() => this.#next())
  }

  async #next(): Promise<Item | undefined> {
    if (this.#subscription !== undefined) return this.#subscription.next()
    for (;;) {
      const first = await this.#source.next()
      if (this.#spread !== undefined && this.#source !== this.#spread) {
        this.#source = this.#spread.over(this.#source, first)
        if (this.#server !== undefined) this.#child = this.#childOf(this.#server, 0)
        continue
      }
      const came = inGoodOrder(first, this.#call.request)
      const item = this.#mayBeginTask ? await this.#noted(came) : came
      const mayAsk = this.#child === undefined && this.#courier.isHeld
      const round = mayAsk ? await (this.#heldAnswer ??= new HeldAnswer()).roundAskedIn(item) : undefined
      if (round !== undefined) await noteRound(this.#call.visitor.share, this.#key, round)
      if (item?.kind !== 'frame' || mayHearOf(this.#call.visitor.share, item.header))
        return this.#child === undefined ? item : this.#child.next(item)
      this.#taken(item.body.length)
    }
  }

  get #mayBeginTask(): boolean {
    return this.#call.request.mayBeginTask === true && this.#child === undefined
  }

  /** A task that a server has begun is known before its client hears of it. */
  #noted(item: Item | undefined): Promise<Item | undefined> {
    const { request, visitor, group } = this.#call
    const { tool } = request
    const owner = { share: visitor.share, principal: visitor.principal, place: groupPlace(group) }
    return withTaskNoted(tool === undefined ? owner : { ...owner, tool }, item)
  }

  taken(bytes: number): void {
    const unpaid = this.#lists === undefined ? bytes : this.#lists.unpaid(bytes)
    this.#taken(this.#child === undefined ? unpaid : this.#child.unpaid(unpaid))
  }

  #taken(bytes: number): void {
    if (this.#subscription === undefined) this.#source.taken(bytes)
    else this.#subscription.taken(bytes)
  }

  linger(): void {
    this.#courier.linger()
  }

  close(): void {
    this.#source.close()
    this.#spread?.close()
    this.#subscription?.close()
    const { visitor, group } = this.#call
    if (!visitor.isAnonymous || this.#hasLeft) return
    this.#hasLeft = true
    // Nobody else is served by its child.
    waitUntil(visitor.share.tell({ kind: 'left', group }).catch(() => undefined))
  }

  /** The client has gone, which is how it cancels. What the Share does not have yet is never sent. */
  cancel(): void {
    this.close()
    if (this.#subscription !== undefined || this.#isCancelled) return
    this.#isCancelled = true
    const { visitor, group } = this.#call
    const order = { kind: 'cancel', group, key: randomKey(), call: this.#key } as const
    // This Worker's request ends when its client leaves, and without waitUntil the message would end with it.
    waitUntil(visitor.share.tell(order).catch(() => undefined))
  }

  #childOf(server: LegacyServer, askCount: number): LegacyChild {
    return new LegacyChild(this.#call, this.#source, server, this.#key, askCount, () => this.cancel())
  }

  /** The call as a child of the handshake era gets it; undefined for a body that cannot be rewritten. */
  #translated({ version }: LegacyServer): { readonly request: GroupCallRequest; readonly body: Uint8Array } | undefined {
    const body = toLegacyRequest(this.#call.message.bytes, this.#call.message.facts.method)
    const request = translatedRequest(this.#call, body, version)
    return request === undefined ? undefined : { request, body }
  }

  /** Makes one list of those of several agents; or calls the other agents too where the tool only reads, as the client's own lists it now. */
  async #toSeveral(offer: SeveralOffer, sent: Sent): Promise<Renewal> {
    if (offer.kind === 'join') return { kind: 'item', item: await joinedList(this.#call.visitor.share, sent, offer) }
    this.#spread = await this.#check.spread(offer, sent)
    return { kind: 'call', ...sent, request: { ...sent.request, spread: 'own' } }
  }

  /** What to do now that the Share has told what this Worker did not know, or knew wrongly. */
  async #renew(news: News): Promise<Renewal> {
    const { request, message, visitor, group } = this.#call
    if (news.kind === 'stale') return this.#recheck(news.toolsVersion, news.agent)
    if (news.kind === 'bridge') return this.#bridge(news.facts)
    forgetLegacyServer(visitor.share.id, group)
    this.#server = undefined
    this.#child = undefined
    return { kind: 'call', request: this.#check.named(request), body: message.bytes }
  }

  /** The child speaks the handshake era: the relay answers in its name, or sends it the call translated. */
  async #bridge(facts: BridgeFacts): Promise<Renewal> {
    const { request, message, visitor } = this.#call
    const server = learnLegacyServer(visitor.share.id, request, facts)
    if (server === undefined) return failed({ code: 'CHILD_START_FAILED', executed: 'no', detail: 'the server refused initialize' })
    this.#server = server
    switch (modernVerdict(request.method)) {
      case 'unknown':
        return failed({ code: 'METHOD_UNKNOWN' })
      case 'discover':
        return answered({ kind: 'result', result: discoverResult(server) })
      case 'listen':
        return this.#listen(server)
      case 'forward':
        break
    }
    const state = readRequestState(message.params)
    // Before what is parked is taken: what its client may do may have changed since.
    if (state !== undefined) {
      const refusal = await this.#check.refusalIn(facts.toolsVersion ?? '')
      if (refusal === 'changed') return { kind: 'call', request: this.#check.named(request), body: message.bytes }
      return refusal === undefined ? this.#retry(server, state) : failed(refusal)
    }
    this.#child = this.#childOf(server, 0)
    // Checked before it goes: the Share would else have to say that it must be, one round trip later.
    if (this.#check.isDue && facts.toolsVersion !== undefined) return this.#recheck(facts.toolsVersion)
    const call = this.#translated(server)
    if (call === undefined) return failed({ code: 'PARAMS_INVALID' })
    return { kind: 'call', request: this.#check.named(call.request), body: call.body }
  }

  /** The client brings the input for which its call waits. */
  async #retry(server: LegacyServer, state: string): Promise<Renewal> {
    const found = await findParkedCall(this.#call, state, server.serverInfo)
    if (found.kind === 'item') return found
    const call = this.#translated(server)
    if (call === undefined) return failed({ code: 'PARAMS_INVALID' })
    this.#key = found.key
    this.#child = this.#childOf(server, found.askCount)
    return { kind: 'call', request: { ...call.request, key: found.key, input: found.input }, body: call.body }
  }

  async #listen(server: LegacyServer): Promise<Renewal> {
    const { request, message, visitor, group } = this.#call
    const filter = readFilter(message.params)
    if (!filter.ok) return failed(filter.error)
    const honoured = honouredFilter(filter.value, server.capabilities)
    const subscription = new Subscription(visitor.share, group, request.key, honoured, request.rawId)
    this.#subscription = subscription
    const first = await subscription.next()
    return first === undefined ? failed({ code: 'INTERNAL', executed: 'no' }) : answered(first)
  }

  /** Checks the call by the tools of this version, of this agent where it is not its own. */
  async #recheck(toolsVersion: string, agent?: string): Promise<Renewal> {
    const { message, request } = this.#call
    const checked = await this.#check.by(toolsVersion, agent)
    if (checked !== 'changed' && 'code' in checked) return failed(checked)
    const call = this.#server === undefined ? { request, body: message.bytes } : this.#translated(this.#server)
    if (call === undefined) return failed({ code: 'PARAMS_INVALID' })
    // The Share says anew which child there is.
    if (checked === 'changed') return { kind: 'call', request: this.#check.named(call.request), body: call.body }
    return { kind: 'call', request: { ...call.request, ...checked }, body: call.body }
  }
}

function answered(item: Item): Renewal {
  return { kind: 'item', item }
}

function failed(failure: Failure): Renewal {
  return answered({ kind: 'failed', failure })
}
