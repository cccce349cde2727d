/** The sockets of streams that Workers open: accepts them, reads what Workers say over them, and cleans up when they close. */
import { ERRORS } from '../../../protocol/error-table.ts'
import { canonicalId } from '../../../protocol/json/json-scan.ts'
import { isBridgedGroup } from '../../contract/groups.ts'
import { readMark, STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import type { AgentNews, AwaitsNews } from '../agents/agent-news.ts'
import type { Askers } from '../children/askers.ts'
import type { IdleChildren } from '../children/idle-children.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { Turns } from '../children/turns.ts'
import type { CreditLedger } from '../clients/credit.ts'
import type { ChildIntroductions } from '../answers/child-introductions.ts'
import type { ClientFrames } from '../answers/client-frames.ts'
import type { CreditGrants, Debtor } from '../answers/credit-grants.ts'
import type { RestartNews } from '../answers/restart-news.ts'
import { type AgentLinks } from '../agents/links.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { ResumedStreams } from './resumed-streams.ts'
import type { Sessions } from './sessions.ts'
import type { SseSessions } from './sse-sessions.ts'
import type { Streams } from '../clients/streams.ts'
import type { Subscriptions } from '../children/subscriptions.ts'
import type { UntakenMessages } from '../clients/untaken-messages.ts'
import type { HeldWaits } from '../clients/held-waits.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'
import { closeQuietly, sendFrame } from '../agents/agent-link.ts'
import type { ChildPlace, StreamAttachment } from '../clients/stream-attachment.ts'

interface Parts {
  readonly store: Store
  readonly servedSets: ServedSets
  readonly restartNews: RestartNews
  readonly news: AgentNews
  readonly sessions: Sessions
  readonly links: AgentLinks
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly ledger: CreditLedger<Debtor>
  readonly clientFrames: ClientFrames
  readonly creditGrants: CreditGrants
  readonly introductions: ChildIntroductions
  readonly subscriptions: Subscriptions
  readonly idleChildren: IdleChildren
  readonly askers: Askers
  readonly turns: Turns
  readonly resumedStreams: ResumedStreams
  readonly sseSessions: SseSessions
  readonly untaken: UntakenMessages
  readonly heldWaits: HeldWaits
}

/** Closes of a Worker whose client has left, or that is gone itself. */
const LEAVING_CLOSES: ReadonlySet<number> = new Set([STREAM_CLOSE.LEFT, 1001, 1005, 1006])

export class StreamSockets {
  readonly #parts: Parts
  /** Streams from before the object slept whose calls were charged to limits. */
  readonly charged: readonly StreamAttachment[]

  constructor(parts: Parts) {
    this.#parts = parts
    const all = parts.streams.all()
    this.charged = all.flatMap(({ attachment }) => (attachment.charged === undefined ? [] : [attachment]))
    for (const { socket, attachment } of all) {
      if (attachment.owing !== undefined) parts.ledger.restore(socket, attachment.group, attachment.owing.bytes, attachment.owing)
    }
  }

  /** Accepts a Worker's socket, whose client has come with this link. Returns an HTTP status: 101, or 404 for a session that the caller does not have. */
  open(socket: WebSocket, query: URLSearchParams, link: string): number {
    switch (query.get('kind')) {
      case 'call':
        this.#openCall(socket, query, link)
        return 101
      case 'resume':
        return this.#parts.resumedStreams.openCall(socket, query, link)
      case 'listen':
        return this.#openListener(socket, query, 'listen', link)
      case 'session':
      case 'return':
        return this.#openListener(socket, query, 'session', link)
      case 'asking':
        return this.#openAsking(socket, query, link)
      case 'news':
        return this.#openNews(socket, query, link)
      case 'held':
        return this.#openHeld(socket, query, link)
      case 'subscription':
        return this.#openSubscription(socket, query.get('key') ?? '', link)
      default:
        return 400
    }
  }

  /** A text message on a stream's socket; false when the socket is no stream's. */
  control(socket: WebSocket, text: string): boolean {
    const attachment = this.#parts.streams.attachmentOf(socket)
    if (attachment === undefined) return false
    const control = JSON.parse(text) as StreamControl
    if (control.type === 'taken') this.#parts.creditGrants.taken(socket, control.bytes)
    if (control.type === 'answered') this.#parts.sseSessions.answered(control.keys)
    return true
  }

  /** `code`: of the close, where there was one. */
  closed(socket: WebSocket, code?: number): void {
    const { streams, sessions, creditGrants, store } = this.#parts
    const attachment = streams.attachmentOf(socket)
    creditGrants.taken(socket)
    // With the share all rows are gone.
    if (store.settings === undefined) return
    if (attachment?.isInitialize === true && attachment.session !== undefined && (code === undefined || LEAVING_CLOSES.has(code)))
      sessions.left(attachment.session, Date.now())
    if (attachment?.kind === 'subscription' && attachment.session !== undefined && streams.listener(attachment.session) === undefined)
      this.#parts.subscriptions.end(attachment.session)
    // An HTTP+SSE session is its stream (MCP 2024-11-05), but its client may only have lost that.
    if (attachment?.kind === 'session' && attachment.session !== undefined)
      sessions.left(attachment.session, Date.now(), code === STREAM_CLOSE.LEFT)
    if (attachment === undefined) return
    streams.forget(attachment)
    if (attachment.kind === 'news' || attachment.kind === 'held') return
    const isListener = attachment.kind === 'listen' || attachment.kind === 'session'
    if (isListener && streams.listener(attachment.session ?? '') === undefined) this.#streamEnded(socket, attachment)
    this.#parts.idleChildren.streamClosed(attachment.group, Date.now())
    if (attachment.kind === 'call' && isBridgedGroup(attachment.group)) this.#callClosed(attachment)
  }

  #streamEnded(socket: WebSocket, attachment: StreamAttachment): void {
    this.#parts.resumedStreams.left(socket, attachment)
    this.#parts.restartNews.streamEnded(attachment.session ?? '', attachment.changed)
  }

  #callClosed({ key = '', group, asker }: StreamAttachment): void {
    const { askers, turns, channels, store } = this.#parts
    const isAnswered = askers.closed(key)
    const ch = channels.current(group)?.ch
    const isParked = ch !== undefined && store.bridge.parkedOn(ch).some((parked) => parked.key === key)
    if (asker !== undefined && !isAnswered && !isParked) turns.left(group, asker)
    turns.look(group)
  }

  #openCall(socket: WebSocket, query: URLSearchParams, link: string): void {
    const { waiters, streams, clientFrames, introductions } = this.#parts
    const [key, address] = [query.get('key') ?? '', query.get('address')]
    // It is made anew after its child's introduction, and may move to a stream then.
    const waiter = introductions.isAwaitedBy(key) ? undefined : waiters.moveToStream(key)
    const { group = '', agent = '', session = '', principal, asker, repeat, isListen, isInitialize, isResend = false } = waiter ?? {}
    streams.accept(socket, {
      kind: 'call',
      link,
      ...(address === null ? {} : { address }),
      key,
      group,
      agent,
      session,
      ...(principal === undefined ? {} : { principal }),
      ...(asker === undefined ? {} : { asker }),
      ...(repeat === undefined ? {} : { repeat }),
      ...(isListen === undefined ? {} : { isListen }),
      ...(isInitialize === true ? { isInitialize } : {}),
      ...(isResend ? { wasSent: true } : {}),
    })
    if (waiter === undefined) closeQuietly(socket, STREAM_CLOSE.SETTLED, 'answered already')
    else clientFrames.handOver(waiter, socket)
  }

  /** The stream of a listen that was asked for before; 404 when its child has ended since. */
  #openSubscription(socket: WebSocket, key: string, link: string): number {
    const listen = this.#parts.subscriptions.find(key)
    if (listen === undefined) return 404
    this.#parts.streams.accept(socket, { kind: 'subscription', link, session: key, group: listen.group })
    return 101
  }

  /** A Worker waits for its client's answers on a socket, so that the object may hibernate while a human thinks. */
  #openAsking(socket: WebSocket, query: URLSearchParams, link: string): number {
    const { sessions, streams, channels } = this.#parts
    const session = sessions.of({ session: query.get('session') ?? '', principal: query.get('principal') ?? '' })
    if ('code' in session) return ERRORS[session.code].http
    const key = query.get('key') ?? ''
    const call = canonicalId(query.get('call') ?? 'null')
    streams.accept(socket, { kind: 'asking', link, session: session.id, group: channels.groupFor(session), key, call })
    return 101
  }

  /** A Worker waits for the owner. */
  #openHeld(socket: WebSocket, query: URLSearchParams, link: string): number {
    const principal = query.get('principal') ?? ''
    const session = query.get('session') ?? undefined
    const found = session === undefined ? undefined : this.#parts.sessions.of({ session, principal })
    if (found !== undefined && 'code' in found) return ERRORS[found.code].http
    const wait = { id: query.get('id') ?? '', key: query.get('key') ?? '', link, principal, session, call: query.get('call') ?? undefined }
    return this.#parts.heldWaits.open(socket, wait) ? 101 : ERRORS.SHARE_BUSY.http
  }

  /** A Worker waits for news of agents on a socket. 404 while an agent is leaving, when nobody will be told; 503 where no more of its principal may wait, which it is told when it calls again. */
  #openNews(socket: WebSocket, query: URLSearchParams, link: string): number {
    const { news, streams, waiters } = this.#parts
    if (news.hasLeaving) return 404
    const principal = query.get('principal') ?? ''
    if (waiters.isFullFor(principal)) return ERRORS.SHARE_BUSY.http
    streams.accept(socket, { kind: 'news', link, group: '', principal, ...(query.has('isResend') ? { isResend: true } : {}) })
    if (Number(query.get('mark')) !== news.mark) closeQuietly(socket, STREAM_CLOSE.AGAIN, 'there is news already')
    return 101
  }

  /** Workers that wait so, each with what tells it. */
  awaitingNews(): AwaitsNews[] {
    return this.#parts.streams.awaitingNews().map(({ socket, attachment }) => ({
      resolve: () => closeQuietly(socket, STREAM_CLOSE.AGAIN, 'there is news of agents'),
      isResend: attachment.isResend === true,
    }))
  }

  #openListener(socket: WebSocket, query: URLSearchParams, kind: 'listen' | 'session', link: string): number {
    const { store, sessions, streams, channels } = this.#parts
    const caller = { session: query.get('session') ?? '', principal: query.get('principal') ?? '' }
    const session = query.get('kind') === 'session' ? sessions.start(caller, 'sse') : sessions.of(caller)
    if ('code' in session) return ERRORS[session.code].http
    if (kind === 'session') {
      if (session.transport === 'http') return ERRORS.SESSION_NOT_FOUND.http
      store.left.drop(session.id)
    }
    const group = channels.groupFor(session)
    const older = streams.listener(session.id)
    const changed = older === undefined ? undefined : streams.attachmentOf(older)?.changed
    const untaken = this.#untakenBefore(session.id, group)
    streams.accept(socket, { kind, link, session: session.id, group })
    if (kind === 'listen') this.#parts.restartNews.streamOpened(socket, session.id, changed)
    const mark = kind === 'listen' ? readMark(query) : undefined
    if (this.#parts.servedSets.hasAny) store.channels.routed(session.id).forEach((one) => this.#resume(one))
    if (kind === 'session') this.#resume(group)
    if (query.get('kind') === 'return') void this.#parts.sseSessions.returned(session.id)
    if (!this.#parts.resumedStreams.listener(socket, session, group, mark, untaken) && kind === 'listen') this.#resume(group)
    return 101
  }

  /** Has a child say what it was told to hold. */
  #resume(group: string): void {
    const current = this.#parts.channels.current(group)
    if (current !== undefined) sendFrame(current.link, { type: 'resume', ch: current.ch })
  }

  /** What the client of the session's stream before may have missed, be that open still or not; and what it was to be told while there was none. */
  #untakenBefore(session: string, group: string): ChildPlace | undefined {
    const { streams, untaken, store, channels } = this.#parts
    const left = untaken.takeLeft(session, group, channels.current(group)?.ch)
    const older = streams.listener(session)
    const missed = older === undefined ? left : untaken.of(older, Date.now())
    const untold = store.untoldTasks.take(session, Date.now())
    // Of a child that was there before nothing can be said again.
    return missed === undefined || untold === undefined || untold.ch !== missed.ch
      ? (untold ?? missed)
      : { ch: missed.ch, after: Math.min(missed.after, untold.after) }
  }
}
