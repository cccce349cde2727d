/** The Durable Object of one share: the only state that two requests must agree on. It lets in whom the gate lets in, and its parts decide. */
import { DurableObject } from 'cloudflare:workers'
import type { Failure } from '../../protocol/errors.ts'
import { ANONYMOUS, CLOSE, PING, PONG } from '../../protocol/handshake.ts'
import { GRACE_MS } from '../../protocol/limits.ts'
import { laneStub } from '../carry/share-stub.ts'
import type { PassingVerdict } from '../contract/passing.ts'
import type { ApprovalNote, HoldOrder } from '../contract/trust/approvals.ts'
import type { ListingOrder } from '../contract/listings.ts'
import type { MeterOrder } from '../contract/trust/metering.ts'
import type { ShareObject } from '../contract/objects.ts'
import type { Adoption } from '../contract/registry/registry-rpc.ts'
import { type ListingTask, type PinOrder, RELAY_PRINCIPAL } from '../contract/pinned-server.ts'
import { type Gated, leafOf, readPass, VERDICT_STATUS } from '../contract/trust/pass.ts'
import type {
  AskAnswer,
  Caller,
  CallOutcome,
  CallRequest,
  CancelRequest,
  KeepOrder,
  KeptFacts,
  LeftOrder,
  ParkedRow,
  ParkOrder,
  SendOutcome,
  SendRequest,
  SubscribeOrder,
} from '../contract/share-rpc.ts'
import type { TaskAnswer, TaskOrder } from '../contract/tasks.ts'
import type { Pass, PassVerdict } from '../contract/trust/trust-rpc.ts'
import type { Env } from '../env.ts'
import type { LaneKey } from '../contract/lane-key.ts'
import { keyOfLane, shareOfLane } from '../lanes.ts'
import { KEPT_CALL_MS } from '../limits.ts'
import { AlarmClock } from './alarm-clock.ts'
import { ShareLife } from './share-life.ts'
import { type ShareParts, wireShare } from './share-parts.ts'
import { ShareReport } from './share-report.ts'
import { ShareSockets } from './share-sockets.ts'
import { isApprovalCommand } from './trust/approvals.ts'
import { isUsageOrder } from './usage/usage.ts'
import type { AdminCommand, ShareFacts } from '../contract/share-admin.ts'
import { closeQuietly } from './agents/agent-link.ts'

export class Share extends DurableObject<Env> implements ShareObject {
  readonly #parts: ShareParts
  /** Id of the share. */
  readonly #id: string
  readonly #lane: LaneKey
  readonly #report: ShareReport
  readonly #clock: AlarmClock
  readonly #life: ShareLife
  readonly #sockets: ShareSockets

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG))
    this.#id = shareOfLane(ctx.id.name ?? '')
    this.#lane = keyOfLane(ctx.id.name ?? '')
    this.#clock = new AlarmClock(ctx.storage)
    this.#parts = wireShare(ctx, {
      share: this.#id,
      registry: () => env.REGISTRY.getByName('registry'),
      lane: this.#lane,
      orderOf: (lane, order) => laneStub(env, lane).meter(order),
      holdOn: (lane, order) => laneStub(env, lane).hold(order),
      onBroken: (socket) => void this.#sockets.closed(socket),
      alarmBy: (timeMs) => void this.#clock.sweepBy(timeMs),
      flushBy: (timeMs) => void this.#clock.flushBy(timeMs),
    })
    this.#report = new ShareReport(this.#parts)
    this.#sockets = new ShareSockets(this.#parts, this.#clock)
    const { storage } = ctx
    this.#life = new ShareLife({ parts: this.#parts, clock: this.#clock, storage, adoption: () => this.#adoption() })
    if (this.#isMade) this.#life.goOn()
    else void ctx.blockConcurrencyWhile(() => this.#life.adopt())
  }

  async admit(pass: Pass, isCharged: boolean): Promise<Gated<boolean>> {
    const { gate, spending } = this.#parts
    return this.#let<boolean | PassVerdict>(pass, async () => {
      const charges = isCharged ? gate.chargesOf(pass) : undefined
      return (charges === undefined ? undefined : await spending.look(charges)) ?? this.#isMade
    })
  }

  async call(pass: Pass, request: CallRequest): Promise<Gated<CallOutcome>> {
    const { gate, spending, usage } = this.#parts
    return this.#let<Gated<CallOutcome>>(pass, () => {
      // What the relay asks for its own sake is nobody's use, and a call that goes to several agents is one.
      const isFree = request.principal === RELAY_PRINCIPAL || typeof request.spread === 'object'
      const charges = isFree ? undefined : gate.chargesOf(pass)
      if (charges === undefined) return this.#call(pass, request)
      const told = spending.call(charges, request, () => this.#call(pass, request))
      usage.charged(pass, request, told)
      return told
    })
  }

  async meter(order: MeterOrder): Promise<string | undefined> {
    const exhausted = this.#isMade ? await this.#parts.spending.order(order) : undefined
    return exhausted === undefined ? undefined : JSON.stringify(exhausted)
  }

  async hold(order: HoldOrder): Promise<string | undefined> {
    const verdict = this.#isMade ? await this.#parts.approvals.obeyLane(order) : undefined
    return verdict === undefined ? undefined : JSON.stringify(verdict)
  }

  async noteApproval(pass: Pass, note: ApprovalNote): Promise<Gated<void>> {
    return this.#let(pass, () => (this.#isMade ? this.#parts.approvals.note(note) : undefined))
  }

  async send(pass: Pass, request: SendRequest | CancelRequest | LeftOrder | AskAnswer): Promise<Gated<SendOutcome>> {
    const { modernOnLegacy, modernCalls, legacyCalls } = this.#parts
    return this.#let<SendOutcome>(pass, () => {
      if (request.kind === 'answer') return modernOnLegacy.answerAsk(request)
      if (request.kind === 'left') return modernCalls.left(request)
      return request.kind === 'cancel' ? modernCalls.cancel(request) : legacyCalls.send(request)
    })
  }

  async pin(pass: Pass, order: PinOrder): Promise<Gated<ListingTask | undefined>> {
    return this.#let(pass, () => this.#parts.serverEntries.obey(order, leafOf(pass), Date.now()))
  }

  async abandon(pass: Pass, caller: Caller, key: string, failure: Failure): Promise<Gated<void>> {
    return this.#let(pass, () => {
      if (this.#isMade) this.#parts.legacyCalls.abandoned(caller, key, failure)
    })
  }

  async noteListing(pass: Pass, order: ListingOrder): Promise<Gated<void>> {
    return this.#let(pass, () => (leafOf(pass) === ANONYMOUS ? undefined : this.#parts.standbyAnswers.note(order)))
  }

  async park(pass: Pass, order: ParkOrder): Promise<Gated<boolean>> {
    return this.#let(pass, async () => {
      if (!this.#isMade || leafOf(pass) === ANONYMOUS || !this.#parts.modernOnLegacy.park(order)) return false
      await this.#clock.sweepBy(order.expiresAtMs)
      return true
    })
  }

  async parked(pass: Pass, handle: string, principal: string): Promise<Gated<ParkedRow | undefined>> {
    return this.#let(pass, () => (this.#isMade ? this.#parts.modernOnLegacy.parked(handle, principal) : undefined))
  }

  async keepCall(pass: Pass, order: KeepOrder): Promise<Gated<void>> {
    return this.#let(pass, async () => {
      const session = this.#isMade ? this.#parts.sessions.of(order) : undefined
      if (session === undefined || 'code' in session) return
      if (session.transport === 'sse') return this.#parts.sseSessions.letGo(order)
      if (leafOf(pass) === ANONYMOUS) return
      const nowMs = Date.now()
      this.#parts.legacyOnModern.keep(order, nowMs)
      await this.#clock.sweepBy(nowMs + KEPT_CALL_MS)
    })
  }

  async keptCall(pass: Pass, caller: Caller, key: string): Promise<Gated<KeptFacts | undefined>> {
    return this.#let(pass, () => {
      const session = this.#isMade ? this.#parts.sessions.of(caller) : undefined
      return session === undefined || 'code' in session ? undefined : this.#parts.legacyOnModern.kept(session, key)
    })
  }

  async task(pass: Pass, order: TaskOrder): Promise<Gated<TaskAnswer>> {
    return this.#let<TaskAnswer>(pass, () => (this.#isMade ? this.#parts.taskKeeper.obey(order, Date.now()) : { known: [] }))
  }

  passing(pass: Pass): Gated<PassingVerdict> | Promise<Gated<PassingVerdict>> {
    return this.#let<PassingVerdict>(pass, () => this.#parts.metadataAsks.verdict())
  }

  async resourceMetadata(pass: Pass): Promise<Gated<string>> {
    return this.#let<string>(pass, async () => JSON.stringify(await this.#parts.metadataAsks.ask()))
  }

  async subscribe(pass: Pass, order: SubscribeOrder): Promise<Gated<boolean>> {
    return this.#let(pass, () => this.#isMade && this.#parts.modernCalls.subscribe(order))
  }

  async chunk(pass: Pass, key: string, offset: number, part: Uint8Array): Promise<Gated<boolean | undefined>> {
    // What it belongs to was judged.
    const judged = this.#parts.gate.refuse(pass, Date.now(), false)
    const verdict = judged instanceof Promise ? await judged : judged
    return verdict ?? this.#parts.sender.continue(key, offset, part)
  }

  async end(pass: Pass, caller: Caller): Promise<Gated<boolean>> {
    return this.#let(pass, () => this.#parts.sessions.leave(caller))
  }

  async admin(command: AdminCommand): Promise<ShareFacts | undefined> {
    // Its owner has lengthened it after its end.
    if (!this.#isMade && command.op === 'share_changed') await this.#life.adopt()
    const asksAgents = command.op === 'about' || (command.op === 'describe' && command.asksAgents === true)
    const { facts, hasSilent } = await this.#report.read(asksAgents)
    if (facts === undefined) return undefined
    if (hasSilent) await this.#clock.sweepBy(Date.now() + GRACE_MS)
    if (isUsageOrder(command)) return { ...facts, ...this.#parts.usage.obey(command) }
    if (isApprovalCommand(command)) return { ...facts, approvals: this.#parts.approvals.obey(command) }
    if (command.op === 'server') return { ...facts, server: this.#parts.serverEntries.known() }
    if (command.op === 'about') return { ...facts, about: this.#parts.serverEntries.about() }
    if (command.op === 'end_link') this.#parts.links.endForeign(command.link)
    if ('trust' in command) await this.#life.change(command)
    else if (command.op === 'revoke') await this.#life.end('SHARE_NOT_FOUND')
    if (command.op !== 'describe') return facts
    const { problem } = this.#parts.serverEntries
    return { ...facts, held: this.#parts.serverEntries.held(), ...(problem === undefined ? {} : { listingProblem: problem }) }
  }

  /** Upgrades only: `/agent?…` for agents, `/stream?…` for Workers, with the pass of who asks in the query. */
  override fetch(request: Request): Response | Promise<Response> {
    const url = new URL(request.url)
    const pass = readPass(url.searchParams)
    if (pass === undefined) return new Response(null, { status: 400 })
    const isAgent = url.pathname === '/agent'
    const judged = isAgent ? this.#parts.gate.refuse(pass, Date.now(), true) : this.#parts.gate.judge(pass, Date.now())
    const kind = url.searchParams.get('kind')
    const upgrade = (verdict: PassVerdict | undefined): Response | Promise<Response> =>
      verdict === undefined
        ? kind === 'web'
          ? this.#sockets.openWeb(url, pass)
          : kind === 'upstream'
            ? this.#sockets.openUpstream(url, pass)
            : this.#sockets.open(url, pass, isAgent)
        : Response.json(verdict, { status: VERDICT_STATUS })
    return judged instanceof Promise ? judged.then(upgrade) : upgrade(judged)
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const { agentMessages, streamSockets, web, upstream } = this.#parts
    if (web.has(socket)) {
      if (typeof message === 'string') web.control(socket, message)
      else web.fromWorker(socket, new Uint8Array(message))
    } else if (typeof message !== 'string') agentMessages.receive(socket, new Uint8Array(message))
    else if (upstream.control(socket, message)) return
    else if (streamSockets.control(socket, message)) void this.#clock.sweepBy(agentMessages.nextVerdictMs(Date.now()))
    else if (agentMessages.receiveText(socket, message)) void this.#clock.sweepBy(agentMessages.nextVerdictMs(Date.now()))
    else closeQuietly(socket, CLOSE.PROTOCOL_ERROR, 'a text message that is no ping')
  }

  override webSocketClose(socket: WebSocket, code: number): Promise<void> {
    // Completes the closing handshake (RFC 6455 §5.5.1); codes above 1003 that are not ours may not be sent.
    closeQuietly(socket, code === 1000 || code >= 3000 ? code : 1000, '')
    return this.#sockets.closed(socket, code)
  }

  override webSocketError(socket: WebSocket): Promise<void> {
    return this.#sockets.closed(socket)
  }

  override alarm(): Promise<void> {
    return this.#life.rang()
  }

  get #isMade(): boolean {
    return this.#parts.store.settings !== undefined
  }

  /** Does what a pass is let in for. What is known is not waited for. */
  #let<T>(pass: Pass, act: () => T | Promise<T>): T | PassVerdict | Promise<T | PassVerdict> {
    const judged = this.#parts.gate.judge(pass, Date.now())
    if (judged === undefined) return act()
    return judged instanceof Promise ? judged.then((verdict) => verdict ?? act()) : judged
  }

  #call(pass: Pass, request: CallRequest): CallOutcome | Promise<CallOutcome> {
    const { standbyAnswers, usage, approvals } = this.#parts
    usage.called(pass, request, Date.now())
    const outcome = request.hold === undefined ? this.#make(request) : approvals.call(pass, request, (made) => this.#make(made))
    usage.attend(request, outcome)
    return request.canStandBy === true ? standbyAnswers.attend(request, outcome) : outcome
  }

  #make(request: CallRequest): CallOutcome | Promise<CallOutcome> {
    const { legacyCalls, modernCalls } = this.#parts
    return 'session' in request ? legacyCalls.call(request) : modernCalls.call(request)
  }

  /** What the registry knows of the share; undefined of an object that is none's. */
  async #adoption(): Promise<Adoption | undefined> {
    const server = typeof this.#lane === 'string' ? this.#lane : undefined
    return this.#id === '' ? undefined : this.env.REGISTRY.getByName('registry').adopt(this.#id, server)
  }
}
