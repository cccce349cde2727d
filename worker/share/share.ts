/** The Durable Object of one share: the only state that two requests must agree on. It wires the parts; they decide. */
import { DurableObject } from 'cloudflare:workers'
import { CLOSE, LINK_SUBPROTOCOL, PING, PONG } from '../../protocol/handshake.ts'
import { GRACE_MS, HELLO_MS } from '../../protocol/limits.ts'
import type { ListingOrder } from '../contract/listings.ts'
import type { ShareObject } from '../contract/objects.ts'
import type {
  AdminCommand,
  AskAnswer,
  Caller,
  CallOutcome,
  CallRequest,
  CancelRequest,
  KeepOrder,
  KeptFacts,
  ParkedRow,
  ParkOrder,
  SendOutcome,
  SendRequest,
  ShareFacts,
  SubscribeOrder,
} from '../contract/share-rpc.ts'
import { STREAM_CLOSE } from '../contract/streams.ts'
import type { Env } from '../env.ts'
import { shareOfLane } from '../lanes.ts'
import { KEPT_CALL_MS } from '../limits.ts'
import { AgentMessages } from './agent-messages.ts'
import { AgentNews } from './agents/agent-news.ts'
import { LinkHealth } from './agents/link-health.ts'
import { AgentLinks, closeQuietly } from './agents/links.ts'
import { MessageSender } from './agents/message-sender.ts'
import { ChildAsks } from './answers/child-asks.ts'
import { ChildIntroductions } from './answers/child-introductions.ts'
import { ClientFrames } from './answers/client-frames.ts'
import { CreditGrants, type Debtor } from './answers/credit-grants.ts'
import { Delivery } from './answers/delivery.ts'
import { LostAgents } from './answers/lost-agents.ts'
import { RestartNews } from './answers/restart-news.ts'
import { StandbyAnswers } from './answers/standby-answers.ts'
import { LegacyCalls } from './calls/legacy-calls.ts'
import { LegacyOnModern } from './calls/legacy-on-modern.ts'
import { ModernCalls } from './calls/modern-calls.ts'
import { ModernOnLegacy } from './calls/modern-on-legacy.ts'
import { OverdueCalls } from './calls/overdue-calls.ts'
import { ResumedStreams } from './calls/resumed-streams.ts'
import { Sessions } from './calls/sessions.ts'
import { SseSessions } from './calls/sse-sessions.ts'
import { StreamSockets } from './calls/stream-sockets.ts'
import { Askers } from './children/askers.ts'
import { ChannelOpener } from './children/channel-opener.ts'
import { GroupChannels } from './children/group-channels.ts'
import { GroupRoots } from './children/group-roots.ts'
import { IdleChildren } from './children/idle-children.ts'
import { RepeatableCalls } from './children/repeatable-calls.ts'
import { SessionListens } from './children/session-listens.ts'
import { Subscriptions } from './children/subscriptions.ts'
import { Turns } from './children/turns.ts'
import { AskingWorkers } from './clients/asking-workers.ts'
import { CreditLedger } from './clients/credit.ts'
import { Streams } from './clients/streams.ts'
import { UntakenMessages } from './clients/untaken-messages.ts'
import { Waiters } from './clients/waiters.ts'
import { ListingRows } from './rows/listing-rows.ts'
import { Store } from './rows/store.ts'
import { shareFacts } from './share-facts.ts'

export class Share extends DurableObject<Env> implements ShareObject {
  readonly #store: Store
  readonly #links: AgentLinks
  readonly #streams: Streams
  readonly #waiters: Waiters = new Waiters((waiter) => this.#overdueCalls.end(waiter))
  readonly #news = new AgentNews(() => this.#links.hasLeaving)
  readonly #ledger = new CreditLedger<Debtor>()
  readonly #sender: MessageSender
  readonly #subscriptions: Subscriptions
  readonly #standbyAnswers: StandbyAnswers
  readonly #overdueCalls: OverdueCalls
  readonly #sessions: Sessions
  readonly #legacyCalls: LegacyCalls
  readonly #legacyOnModern: LegacyOnModern
  readonly #modernCalls: ModernCalls
  readonly #modernOnLegacy: ModernOnLegacy
  readonly #streamSockets: StreamSockets
  readonly #agentMessages: AgentMessages
  readonly #incarnation = crypto.randomUUID()

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG))
    const [waiters, news, ledger] = [this.#waiters, this.#news, this.#ledger]
    const store = (this.#store = new Store(ctx.storage.sql))
    const links = (this.#links = new AgentLinks(ctx, (socket) => void this.#closed(socket)))
    const streams = (this.#streams = new Streams(ctx))
    const health = new LinkHealth(links, (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0)
    const sender = (this.#sender = new MessageSender(health))
    const channels = new GroupChannels({ store, links, health, news, waiters, streams })
    const opener = new ChannelOpener(store, channels)
    const base = { store, links, health, news, sender, streams, waiters, ledger, channels, opener }
    const subscriptions = (this.#subscriptions = new Subscriptions(base))
    const standbyAnswers = (this.#standbyAnswers = new StandbyAnswers({ ...base, rows: new ListingRows(ctx.storage.sql) }))
    const askers = new Askers(base)
    const roots = new GroupRoots({ store, askers })
    const children = {
      ...base,
      untaken: new UntakenMessages(streams),
      subscriptions,
      standbyAnswers,
      askers,
      roots,
      turns: new Turns({ store, askers, roots }),
      askingWorkers: new AskingWorkers(streams),
      idleChildren: new IdleChildren(base),
      listens: new SessionListens(base),
      repeatableCalls: new RepeatableCalls(channels, standbyAnswers),
    }
    const restartNews = new RestartNews(children)
    const creditGrants = new CreditGrants(children)
    const clientFrames = new ClientFrames({ ...children, creditGrants })
    const introductions = new ChildIntroductions({ ...children, clientFrames })
    const childAsks = new ChildAsks({ ...children, clientFrames })
    const answers = { ...children, restartNews, clientFrames, creditGrants, introductions, childAsks }
    const delivery = new Delivery(answers)
    const lostAgents = new LostAgents(answers)
    const sseSessions = new SseSessions(streams)
    const legacyOnModern = (this.#legacyOnModern = new LegacyOnModern({ ...answers, sseSessions }))
    const modernOnLegacy = (this.#modernOnLegacy = new ModernOnLegacy(answers))
    const sessions = (this.#sessions = new Sessions({ ...answers, legacyOnModern, alarmBy: (timeMs) => void this.#alarmBy(timeMs) }))
    this.#overdueCalls = new OverdueCalls({ ...answers, sessions })
    this.#modernCalls = new ModernCalls({ ...answers, modernOnLegacy })
    this.#legacyCalls = new LegacyCalls({ ...answers, sessions, sseSessions, legacyOnModern })
    const resumedStreams = new ResumedStreams({ ...answers, sessions })
    this.#streamSockets = new StreamSockets({ ...answers, sessions, resumedStreams })
    this.#agentMessages = new AgentMessages({ ...answers, delivery, lostAgents, resumedStreams })
    if (store.settings === undefined) void ctx.blockConcurrencyWhile(() => this.#adopt())
    else this.#noteReset(store.settings.expiresAtMs)
  }

  async call(request: CallRequest): Promise<CallOutcome> {
    const outcome = 'session' in request ? this.#legacyCalls.call(request) : this.#modernCalls.call(request)
    return request.canStandBy === true ? this.#standbyAnswers.attend(request, outcome) : outcome
  }

  async send(request: SendRequest | CancelRequest | AskAnswer): Promise<SendOutcome> {
    if (request.kind === 'answer') return this.#modernOnLegacy.answerAsk(request)
    return request.kind === 'cancel' ? this.#modernCalls.cancel(request) : this.#legacyCalls.send(request)
  }

  async agentNews(mark: number, maxMs: number, isResend: boolean): Promise<boolean> {
    return await this.#news.after(mark, maxMs, isResend)
  }

  noteListing(order: ListingOrder): void {
    this.#standbyAnswers.note(order)
  }

  async park(order: ParkOrder): Promise<boolean> {
    if (this.#store.settings === undefined || !this.#modernOnLegacy.park(order)) return false
    await this.#alarmBy(order.expiresAtMs)
    return true
  }

  parked(handle: string, principal: string): ParkedRow | undefined {
    return this.#store.settings === undefined ? undefined : this.#modernOnLegacy.parked(handle, principal)
  }

  async keepCall(order: KeepOrder): Promise<void> {
    if (this.#store.settings === undefined || 'code' in this.#sessions.of(order)) return
    const nowMs = Date.now()
    this.#legacyOnModern.keep(order, nowMs)
    await this.#alarmBy(nowMs + KEPT_CALL_MS)
  }

  keptCall(caller: Caller, key: string): KeptFacts | undefined {
    const session = this.#store.settings === undefined ? undefined : this.#sessions.of(caller)
    return session === undefined || 'code' in session ? undefined : this.#legacyOnModern.kept(session, key)
  }

  subscribe(order: SubscribeOrder): boolean {
    return this.#store.settings !== undefined && this.#modernCalls.subscribe(order)
  }

  chunk(key: string, offset: number, part: Uint8Array): Promise<boolean | undefined> {
    return this.#sender.continue(key, offset, part)
  }

  end(caller: Caller): boolean {
    const session = this.#sessions.of(caller)
    if ('code' in session) return false
    this.#sessions.end(session.id)
    return true
  }

  async admin(command: AdminCommand): Promise<ShareFacts | undefined> {
    const facts = this.#facts()
    if (command.op === 'revoke' && facts !== undefined) await this.#revoke()
    return facts
  }

  /** Upgrades only: `/agent` for agents, `/stream?…` for Workers. The Worker has proved who asks. */
  override fetch(request: Request): Response {
    const url = new URL(request.url)
    if (this.#store.settings === undefined) return new Response(null, { status: 404 })
    const [client, server] = Object.values(new WebSocketPair())
    if (client === undefined || server === undefined) return new Response(null, { status: 500 })
    if (url.pathname === '/agent') {
      this.#links.accept(server, Date.now())
      void this.#alarmBy(Date.now() + HELLO_MS)
      return new Response(null, { status: 101, webSocket: client, headers: { 'sec-websocket-protocol': LINK_SUBPROTOCOL } })
    }
    const status = this.#streamSockets.open(server, url.searchParams)
    void this.#alarmBy(this.#agentMessages.nextVerdictMs(Date.now()))
    return status === 101 ? new Response(null, { status, webSocket: client }) : new Response(null, { status })
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message !== 'string') this.#agentMessages.receive(socket, new Uint8Array(message))
    else if (this.#streamSockets.control(socket, message)) void this.#alarmBy(this.#agentMessages.nextVerdictMs(Date.now()))
    else closeQuietly(socket, CLOSE.PROTOCOL_ERROR, 'a text message that is no ping')
  }

  override webSocketClose(socket: WebSocket, code: number): Promise<void> {
    // Completes the closing handshake (RFC 6455 §5.5.1); codes above 1003 that are not ours may not be sent.
    closeQuietly(socket, code === 1000 || code >= 3000 ? code : 1000, '')
    return this.#closed(socket, code)
  }

  override webSocketError(socket: WebSocket): Promise<void> {
    return this.#closed(socket)
  }

  override async alarm(): Promise<void> {
    const settings = this.#store.settings
    if (settings === undefined) return
    const nowMs = Date.now()
    if (settings.expiresAtMs <= nowMs) {
      await this.#revoke()
      return
    }
    this.#news.tell()
    const next = [this.#agentMessages, this.#sessions, this.#modernOnLegacy, this.#legacyOnModern].map((part) => part.sweep(nowMs))
    await this.ctx.storage.setAlarm(Math.min(settings.expiresAtMs, ...next.filter((time) => time !== undefined)))
  }

  async #closed(socket: WebSocket, code?: number): Promise<void> {
    const link = this.#links.remove(socket)
    if (link === undefined) return this.#streamSockets.closed(socket, code)
    const nowMs = Date.now()
    this.#agentMessages.closed(link, code, nowMs)
    if (this.#store.settings !== undefined) await this.#alarmBy(nowMs + GRACE_MS)
  }

  /**
   * An object without rows comes to be: it is the share's, or one of its lanes, if the registry says so. Made by its first
   * visitor and not with the share, since the platform puts it where that is: most often where the agent is.
   */
  async #adopt(): Promise<void> {
    const { name } = this.ctx.id
    const adoption = name === undefined ? undefined : await this.env.REGISTRY.getByName('registry').adopt(shareOfLane(name))
    if (adoption === undefined || adoption.trust.expiresAtMs <= Date.now()) return
    const { settings } = adoption
    this.#store.create(settings)
    await this.ctx.storage.setAlarm(settings.expiresAtMs)
  }

  /** The object has slept or was reset, and has its rows. */
  #noteReset(expiresAtMs: number): void {
    const nowMs = Date.now()
    const hasLost = this.#agentMessages.noteLost(nowMs)
    for (const { socket } of this.#streams.closing()) this.#streamSockets.closed(socket)
    this.#subscriptions.prune()
    if (hasLost) void this.ctx.storage.setAlarm(Math.min(nowMs + GRACE_MS, expiresAtMs))
  }

  /** Sets the alarm, unless it rings before that anyway. */
  async #alarmBy(timeMs: number | undefined): Promise<void> {
    if (timeMs === undefined) return
    const alarmMs = await this.ctx.storage.getAlarm()
    if (alarmMs === null || alarmMs > timeMs) await this.ctx.storage.setAlarm(timeMs)
  }

  async #revoke(): Promise<void> {
    this.#store.forget()
    this.#standbyAnswers.forget()
    this.#links.closeAll(CLOSE.SHARE_GONE, 'the share was deleted or has expired')
    this.#streams.closeAll(STREAM_CLOSE.ENDED, 'the share was deleted or has expired')
    for (const waiter of this.#waiters.where(() => true))
      this.#waiters.settle(waiter, { kind: 'failed', failure: { code: 'SHARE_NOT_FOUND', executed: 'unknown' } })
    await this.ctx.storage.deleteAll()
  }

  #facts(): ShareFacts | undefined {
    return shareFacts(this.#store, this.#links, this.#ledger, this.#incarnation)
  }
}
