/** The Durable Object of one share: the only state that two requests must agree on. It wires the parts; they decide. */
import { DurableObject } from 'cloudflare:workers'
import { splitBundle } from '../../protocol/bundle.ts'
import type { AgentFrame } from '../../protocol/frame.ts'
import { decodeAgentFrame } from '../../protocol/frame-codec.ts'
import { CLOSE, type Hello, LINK_SUBPROTOCOL, PING, PONG } from '../../protocol/handshake.ts'
import { GRACE_MS } from '../../protocol/limits.ts'
import { KEPT_CALL_MS } from '../limits.ts'
import type { Env } from '../env.ts'
import { laneCount, shareOfLane } from '../lanes.ts'
import { log } from '../log.ts'
import { AgentNews } from './agents/agent-news.ts'
import { Asks } from './children/asks.ts'
import { LegacyCalls } from './calls/legacy-calls.ts'
import { GroupChannels } from './children/group-channels.ts'
import type {
  AdminCommand,
  AskAnswer,
  CallOutcome,
  Caller,
  CallRequest,
  CancelRequest,
  KeepOrder,
  KeptFacts,
  ParkOrder,
  SendOutcome,
  SendRequest,
  ShareFacts,
  SubscribeOrder,
  ParkedRow,
} from '../contract/rpc.ts'
import { STREAM_CLOSE } from '../contract/streams.ts'
import { CreditLedger } from './clients/credit.ts'
import { type Debtor, Delivery } from './answers/delivery.ts'
import { LegacyOnModern } from './calls/legacy-on-modern.ts'
import { LinkHealth } from './agents/link-health.ts'
import { closeQuietly, type AgentLink, AgentLinks, sendFrame } from './agents/links.ts'
import { ListingRows } from './rows/listing-rows.ts'
import type { ListingOrder } from '../contract/listings.ts'
import { ModernCalls } from './calls/modern-calls.ts'
import { ModernOnLegacy } from './calls/modern-on-legacy.ts'
import { RestartNews } from './answers/restart-news.ts'
import { Recovery } from './answers/recovery.ts'
import { ResumedStreams } from './calls/resumed-streams.ts'
import { SessionListens } from './children/session-listens.ts'
import { Sessions } from './calls/sessions.ts'
import { StandbyAnswers } from './answers/standby-answers.ts'
import { RepeatableCalls } from './children/repeatable-calls.ts'
import { Store } from './rows/store.ts'
import { StreamSockets } from './calls/stream-sockets.ts'
import { Streams } from './clients/streams.ts'
import { Subscriptions } from './children/subscriptions.ts'
import { MessageSender } from './agents/message-sender.ts'
import { Waiters } from './clients/waiters.ts'
import { groupOf } from '../contract/groups.ts'
import type { ShareObject } from '../contract/objects.ts'

export class Share extends DurableObject<Env> implements ShareObject {
  readonly #store: Store
  readonly #links: AgentLinks
  readonly #streams: Streams
  readonly #waiters = new Waiters()
  readonly #news = new AgentNews()
  readonly #ledger = new CreditLedger<Debtor>()
  readonly #health: LinkHealth
  readonly #sender: MessageSender
  readonly #channels: GroupChannels
  readonly #delivery: Delivery
  readonly #recovery: Recovery
  readonly #sessions: Sessions
  readonly #legacyCalls: LegacyCalls
  readonly #modernCalls: ModernCalls
  readonly #modernOnLegacy: ModernOnLegacy
  readonly #legacyOnModern: LegacyOnModern
  readonly #subscriptions: Subscriptions
  readonly #streamSockets: StreamSockets
  readonly #resumedStreams: ResumedStreams
  readonly #standbyAnswers: StandbyAnswers
  readonly #restartNews: RestartNews
  readonly #incarnation = crypto.randomUUID()

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG))
    this.#store = new Store(ctx.storage.sql)
    this.#links = new AgentLinks(ctx)
    this.#streams = new Streams(ctx)
    this.#health = new LinkHealth(this.#links, (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0)
    this.#sender = new MessageSender(this.#health)
    this.#channels = new GroupChannels(
      this.#store,
      this.#links,
      this.#health,
      this.#news,
      (group) => this.#waiters.isBusy(group) || this.#streams.isBusy(group),
    )
    const base = { store: this.#store, links: this.#links, channels: this.#channels, streams: this.#streams, waiters: this.#waiters }
    this.#subscriptions = new Subscriptions(base)
    this.#standbyAnswers = new StandbyAnswers({ ...base, rows: new ListingRows(ctx.storage.sql), health: this.#health })
    this.#restartNews = new RestartNews({ ...base, standbyAnswers: this.#standbyAnswers })
    const parts = {
      ...base,
      subscriptions: this.#subscriptions,
      asks: new Asks(base),
      listens: new SessionListens({ ...base, sender: this.#sender }),
      ledger: this.#ledger,
      sender: this.#sender,
      standbyAnswers: this.#standbyAnswers,
      restartNews: this.#restartNews,
      repeatableCalls: new RepeatableCalls(this.#channels, this.#standbyAnswers),
    }
    this.#delivery = new Delivery(parts)
    this.#recovery = new Recovery({ ...parts, delivery: this.#delivery })
    const legacyOnModern = new LegacyOnModern({ ...parts, delivery: this.#delivery })
    this.#legacyOnModern = legacyOnModern
    this.#sessions = new Sessions({ ...parts, delivery: this.#delivery, legacyOnModern })
    this.#modernOnLegacy = new ModernOnLegacy({ ...parts, delivery: this.#delivery })
    this.#modernCalls = new ModernCalls({ ...parts, modernOnLegacy: this.#modernOnLegacy })
    this.#legacyCalls = new LegacyCalls({ ...parts, sessions: this.#sessions, delivery: this.#delivery, legacyOnModern })
    this.#resumedStreams = new ResumedStreams({ ...parts, sessions: this.#sessions, delivery: this.#delivery })
    this.#streamSockets = new StreamSockets({
      ...parts,
      sessions: this.#sessions,
      delivery: this.#delivery,
      resumedStreams: this.#resumedStreams,
    })
    if (this.#store.settings === undefined) void ctx.blockConcurrencyWhile(() => this.#adopt())
    else this.#noteReset()
  }

  /** One client request; resolves with its answer, or with where the answer will come. */
  async call(request: CallRequest): Promise<CallOutcome> {
    const outcome = 'session' in request ? this.#legacyCalls.call(request) : this.#modernCalls.call(request)
    return request.canStandBy === true ? this.#standbyAnswers.attend(request, outcome) : outcome
  }

  /** A client's notification or response; resolves when the agent has receipted it. */
  async send(request: SendRequest | CancelRequest | AskAnswer): Promise<SendOutcome> {
    if (request.kind === 'answer') return this.#answerAsk(request)
    return request.kind === 'cancel' ? this.#modernCalls.cancel(request) : this.#legacyCalls.send(request)
  }

  /** For a Worker whose call found no agent: resolves when it is worth asking again, and after `maxMs` in any case. */
  async agentNews(mark: number, maxMs: number, isResend: boolean): Promise<void> {
    await this.#news.after(mark, maxMs, isResend)
  }

  /** Keeps what a server has answered, for the time when no agent is there. */
  noteListing(order: ListingOrder): void {
    this.#standbyAnswers.note(order)
  }

  /** Keeps a call whose client is to give input; false when it cannot wait. */
  async park(order: ParkOrder): Promise<boolean> {
    if (this.#store.settings === undefined || !this.#modernOnLegacy.park(order)) return false
    await this.#alarmBy(order.expiresAtMs)
    return true
  }

  /** What a principal's parked call waits for. */
  parked(handle: string, principal: string): ParkedRow | undefined {
    return this.#store.settings === undefined ? undefined : this.#modernOnLegacy.parked(handle, principal)
  }

  /** Keeps a session's call to a child of the other era, whose client is asked or has left. */
  async keepCall(order: KeepOrder): Promise<void> {
    if (this.#store.settings === undefined || 'code' in this.#sessions.of(order)) return
    const nowMs = Date.now()
    this.#legacyOnModern.keep(order, nowMs)
    await this.#alarmBy(nowMs + KEPT_CALL_MS)
  }

  /** What is known of a call that the caller's session has come back for; undefined without such a session. */
  keptCall(caller: Caller, key: string): KeptFacts | undefined {
    const session = this.#store.settings === undefined ? undefined : this.#sessions.of(caller)
    return session === undefined || 'code' in session ? undefined : this.#legacyOnModern.kept(session, key)
  }

  /** Opens a listen on a child that knows none, before its stream comes; false when the child is gone. */
  subscribe(order: SubscribeOrder): boolean {
    return this.#store.settings !== undefined && this.#modernCalls.subscribe(order)
  }

  /** More bytes of a large request; resolves with false when the rest is not wanted any more. */
  chunk(key: string, offset: number, part: Uint8Array): Promise<boolean> {
    return this.#sender.continue(key, offset, part)
  }

  /** Ends a session (DELETE); false when the caller has no such session. */
  end(caller: Caller): boolean {
    const session = this.#sessions.of(caller)
    if ('code' in session) return false
    this.#sessions.end(session.id)
    return true
  }

  /** The owner's orders; undefined for a share that does not exist. */
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
      return new Response(null, { status: 101, webSocket: client, headers: { 'sec-websocket-protocol': LINK_SUBPROTOCOL } })
    }
    const status = this.#streamSockets.open(server, url.searchParams)
    return status === 101 ? new Response(null, { status, webSocket: client }) : new Response(null, { status })
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message === 'string') {
      if (!this.#streamSockets.control(socket, message)) closeQuietly(socket, CLOSE.PROTOCOL_ERROR, 'a text message that is no ping')
      return
    }
    const frames = splitBundle(new Uint8Array(message))
    if (!frames.ok) this.#refuse(socket, frames.error)
    else for (const bytes of frames.value) if (!this.#receive(socket, bytes)) return
  }

  /** False for what is no frame: what comes behind it is not looked at. */
  #receive(socket: WebSocket, bytes: Uint8Array): boolean {
    const frame = decodeAgentFrame(bytes)
    if (!frame.ok) {
      this.#refuse(socket, frame.error)
      return false
    }
    const { header, body } = frame.value
    const link = this.#links.of(socket)
    if (link !== undefined) this.#health.heard(link, Date.now())
    if (header.type === 'hello') this.#hello(socket, header)
    else if (link !== undefined) this.#agentFrame(link, header, bytes, body)
    return true
  }

  #refuse(socket: WebSocket, reason: string): void {
    log('link.protocol_error', { reason })
    closeQuietly(socket, CLOSE.PROTOCOL_ERROR, reason)
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
    const next = [this.#recovery.sweep(nowMs), this.#modernOnLegacy.sweep(nowMs), this.#legacyOnModern.sweep(nowMs), settings.expiresAtMs]
    this.#news.tell()
    await this.ctx.storage.setAlarm(Math.min(...next.filter((time) => time !== undefined)))
  }

  /**
   * An object without rows comes to be: it is the share's, or one of its lanes, if the registry says so. Made by its first
   * visitor and not with the share, since the platform puts it where that is: most often where the agent is.
   */
  async #adopt(): Promise<void> {
    const { name } = this.ctx.id
    const settings = name === undefined ? undefined : await this.env.REGISTRY.getByName('registry').adopt(shareOfLane(name))
    if (settings === undefined) return
    this.#store.create(settings)
    await this.ctx.storage.setAlarm(settings.expiresAtMs)
  }

  /** A reset object gets no close events: links that the rows have and no socket has were lost in it. */
  #noteReset(): void {
    const { settings } = this.#store
    if (settings === undefined) return
    const nowMs = Date.now()
    const lost = this.#store.links.open().filter(({ name }) => this.#links.named(name) === undefined)
    if (lost.length > 0) this.#waiters.noteReset(nowMs)
    for (const link of lost) this.#recovery.lost(link, nowMs)
    if (lost.length > 0) this.#standbyAnswers.left(nowMs)
    this.#subscriptions.prune()
    if (lost.length > 0) void this.ctx.storage.setAlarm(Math.min(nowMs + GRACE_MS, settings.expiresAtMs))
  }

  #hello(socket: WebSocket, hello: Hello): void {
    const before = this.#store.links.get(hello.agent)
    // A process that is back has replaced the others once; who joined since was let in beside it.
    const join = before?.instance === hello.instance ? 'replica' : hello.join
    const admission = this.#links.admit(socket, { ...hello, join }, before !== undefined)
    if (admission.kind === 'refused') {
      closeQuietly(socket, CLOSE.NAME_REFUSED, 'another agent serves this share: use --replica or --replace')
      return
    }
    const { link, closed } = admission
    for (const old of closed) {
      this.#sender.lost(old)
      if (old.name !== link.name) this.#recovery.dismissed(old.name)
    }
    // First: a channel whose handshake was lost is unwanted as well.
    this.#channels.reconcile(link, new Set(hello.channels.map(({ ch }) => ch)), new Set(hello.held))
    const unwanted = hello.channels.filter(({ ch }) => !this.#channels.isCurrent(ch, link)).map(({ ch }) => ch)
    const share = this.#store.settings?.id ?? ''
    const lanes = share === '' ? 1 : laneCount(share)
    sendFrame(link, { type: 'welcome', share, unwanted, ...(lanes === 1 ? {} : { lanes }) })
    this.#standbyAnswers.arrived(link)
    this.#restartNews.arrived(link)
    this.#recovery.returned(link, hello)
    this.#resumedStreams.returned(link)
    this.#news.tell()
    log('link.open', { agent: link.name, isolation: link.isolation, product: link.product })
  }

  #agentFrame(link: AgentLink, header: AgentFrame, frame: Uint8Array, body: Uint8Array): void {
    switch (header.type) {
      case 'answer':
        this.#sender.abandon(header.key)
        this.#delivery.answer(link, header, frame, body)
        this.#standbyAnswers.answered(link, header, body)
        break
      case 'failed':
        this.#sender.abandon(header.key)
        this.#delivery.failed(header, frame)
        break
      case 'notification':
      case 'ask':
        if (header.method === 'notifications/tools/list_changed') this.#links.toolsChanged(link)
        this.#delivery.message(link, header, frame, body)
        break
      case 'chunk':
        this.#delivery.chunk(link, header, frame, body)
        break
      case 'receipts':
        this.#sender.received(header.keys)
        break
      case 'upload_credit':
        this.#sender.credit(header.key, header.upto)
        break
      case 'died':
        if (this.#channels.isCurrent(header.ch, link)) this.#subscriptions.endAll(groupOf(header.ch))
        this.#channels.died(header.ch)
        break
      case 'idle':
        if (this.#channels.isCurrent(header.ch, link)) this.#streamSockets.idle(groupOf(header.ch), Date.now())
        break
      case 'drain':
        this.#links.drain(link)
        break
      case 'hello':
        break
    }
  }

  async #closed(socket: WebSocket, code?: number): Promise<void> {
    const link = this.#links.remove(socket)
    if (link === undefined) {
      this.#streamSockets.closed(socket)
      return
    }
    log('link.closed', { agent: link.name })
    this.#sender.lost(link)
    if (this.#store.settings === undefined) return
    const nowMs = Date.now()
    this.#standbyAnswers.left(nowMs)
    if (code === CLOSE.GOING_AWAY) {
      this.#recovery.departed(link, nowMs)
      this.#news.tell()
    } else this.#recovery.lost(link, nowMs)
    await this.#alarmBy(nowMs + GRACE_MS)
  }

  /** Sets the alarm, unless it rings before that anyway. */
  async #alarmBy(timeMs: number): Promise<void> {
    const alarmMs = await this.ctx.storage.getAlarm()
    if (alarmMs === null || alarmMs > timeMs) await this.ctx.storage.setAlarm(timeMs)
  }

  #answerAsk({ ch, key, rawId, body }: AskAnswer): SendOutcome {
    const link = this.#channels.linkOf(ch)
    if (link !== undefined) this.#sender.send(link, { type: 'respond', ch, key, rawId, size: body.length }, body)
    return { kind: 'sent' }
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
    const settings = this.#store.settings
    if (settings === undefined) return undefined
    return {
      ...settings,
      agents: this.#links.all().map(({ name, product, isolation, connectedAtMs }) => ({ name, product, isolation, connectedAtMs })),
      sessions: this.#store.sessions.count(),
      counters: {
        incarnation: this.#incarnation,
        total_changes: this.#store.totalChanges(),
        buffered_bytes: this.#ledger.bytes,
        buffered_max_bytes: this.#ledger.maxBytes,
      },
    }
  }
}
