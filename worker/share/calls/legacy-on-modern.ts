/** Sessions of the handshake era on a server of revision 2026-07-28: what the Share answers itself, and what the Worker must translate first. */
import { envelopeMembers, readInitializeRequest } from '../../bridge/discover.ts'
import { legacyNotificationVerdict, legacyVerdict, modernRequest } from '../../bridge/legacy-to-modern.ts'
import { isLoggingLevel } from '../../bridge/names.ts'
import { KEPT_CALL_MS, MAX_KEPT_CALL_BYTES, MAX_KEPT_CALLS, MAX_REPLAYED_BYTES } from '../../limits.ts'
import { type ChannelOpener, type Introduction, RELAY_ID } from '../children/channel-opener.ts'
import type { GroupChannel, GroupChannels } from '../children/group-channels.ts'
import type {
  BridgeFacts,
  CallOutcome,
  SessionCallRequest,
  KeepOrder,
  KeptFacts,
  SendOutcome,
  SendRequest,
} from '../../contract/share-rpc.ts'
import { encodeReturnAddress } from '../../contract/return-address.ts'
import type { ChildIntroductions } from '../answers/child-introductions.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { RestartNews } from '../answers/restart-news.ts'
import type { SessionListens } from '../children/session-listens.ts'
import { type Store } from '../rows/store.ts'
import type { Streams } from '../clients/streams.ts'
import { EMPTY_RESULT, failed, TOO_MANY_SUBSCRIPTIONS } from './outcomes.ts'
import type { SseSessions } from './sse-sessions.ts'
import type { AskingWorkers } from '../clients/asking-workers.ts'
import { cancelTag, type MessageSender } from '../agents/message-sender.ts'
import type { Waiters } from '../clients/waiters.ts'
import { MODERN_SHARED_GROUP } from '../../contract/groups.ts'
import type { Session } from '../rows/session-rows.ts'
import { keptRequest, type KeptRequest } from '../rows/kept-requests.ts'
import { type AgentLink, namedOn, shownOn } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly servedSets: ServedSets
  readonly channels: GroupChannels
  readonly opener: ChannelOpener
  readonly streams: Streams
  readonly askingWorkers: AskingWorkers
  readonly sseSessions: SseSessions
  readonly waiters: Waiters
  readonly sender: MessageSender
  readonly introductions: ChildIntroductions
  readonly listens: SessionListens
  readonly restartNews: RestartNews
}

const encoder = new TextEncoder()

export class LegacyOnModern {
  readonly #parts: Parts
  /** Channels whose child has answered server/discover. */
  readonly #introduced = new Set<string>()
  /** Log levels of sessions, as far as they were read. */
  readonly #levels = new Map<string, string | undefined>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  call(request: SessionCallRequest, session: Session, link: AgentLink): CallOutcome | Promise<CallOutcome> {
    if (request.delivery === 'session') return this.#parts.sseSessions.translate(request)
    const verdict = legacyVerdict(request.method)
    if (verdict === 'empty') return EMPTY_RESULT
    if (verdict === 'level' && this.#keepLevel(request, session.id)) return EMPTY_RESULT
    const channel = this.#ready(session, link)
    if (!this.#isIntroduced(channel)) return this.#awaitServer(request, session.id, channel, link)
    this.#parts.listens.ensure(session.id, channel, link)
    if (verdict === 'subscriptions') {
      const answer = this.#subscribe(request, session.id, channel, link)
      if (answer !== undefined) return answer
    }
    // What the relay asks by itself it has worded for this child.
    if ((verdict !== 'forward' && request.isRelays !== true) || request.bridge !== this.#version(session.id, channel, link))
      return { kind: 'bridge', facts: this.#facts(session.id, channel, link) }
    return this.#forward(request, session, channel, link)
  }

  /** A client's message that is no request. Of answers and the protocol's own notifications none means anything to this child but a cancellation. */
  async send(request: SendRequest, session: Session, link: AgentLink): Promise<SendOutcome> {
    const { key, method, size, body } = request
    const verdict = request.kind === 'response' ? 'drop' : legacyNotificationVerdict(method)
    if (verdict === 'cancel') return this.#cancel(request, session, link)
    if (verdict === 'drop') return { kind: 'sent' }
    const { sender } = this.#parts
    const { ch } = this.#ready(session, link)
    const receipt = sender.receipt(link, key)
    sender.send(link, { type: 'notify', ch, key, method, ...shownOn(link, request), size }, body)
    return { kind: (await receipt) ? 'sent' : 'again' }
  }

  /** Workers that ask the client something for the call hear of it, too. */
  async #cancel({ key, method, size, requestId, body }: SendRequest, session: Session, link: AgentLink): Promise<SendOutcome> {
    const { channels, askingWorkers, sender } = this.#parts
    if (requestId === undefined) return { kind: 'sent' }
    askingWorkers.cancel(session.id, requestId.raw)
    const current = channels.current(channels.groupOn(session, link))
    if (current === undefined) return { kind: 'sent' }
    const receipt = sender.receipt(current.link, key)
    const cancels = cancelTag(session.id, requestId.raw)
    sender.send(current.link, { type: 'notify', ch: current.ch, key, method, cancels, requestId: requestId.span, size }, body)
    return { kind: (await receipt) ? 'sent' : 'again' }
  }

  /** Keeps a call whose client is asked, or has left; unless it is too large, or too many are kept. */
  keep({ session, key, request, asked }: KeepOrder, nowMs: number): void {
    const { bridge } = this.#parts.store
    const bytes = request.length + (asked?.length ?? 0)
    if (bytes > MAX_KEPT_CALL_BYTES || bridge.keptCount() >= MAX_KEPT_CALLS) return
    bridge.putKept({ key, session, request, ...(asked === undefined ? {} : { asked }), expiresAtMs: nowMs + KEPT_CALL_MS })
  }

  /** What is kept of a session's call, and the facts by which it is translated. */
  kept(session: Session, key: string): KeptFacts {
    const { store, channels } = this.#parts
    const call = store.bridge.kept(key, session.id)
    const link = channels.linkFor(session)
    const current = link === undefined ? undefined : channels.current(channels.groupOn(session, link))
    if (link?.sessionEra !== 'modern' || current?.link !== link) return call === undefined ? {} : { call }
    const channel = { ch: current.ch, group: channels.groupOn(session, link) }
    return {
      ...(call === undefined ? {} : { call }),
      ...(this.#isIntroduced(channel) ? { facts: this.#facts(session.id, channel, link) } : {}),
    }
  }

  /** Drops calls that nobody has come back for in time; returns when to look next, in milliseconds since 1970. */
  sweep(nowMs: number): number | undefined {
    this.#parts.store.bridge.dropKeptBefore(nowMs)
    return this.#parts.store.bridge.nextKeptMs()
  }

  /** The session has ended. */
  end(session: Session): void {
    const { channels, listens, streams } = this.#parts
    listens.end(session.id, channels.current(MODERN_SHARED_GROUP))
    this.#parts.store.bridge.dropKept(session.id)
    this.#levels.delete(session.id)
    streams.endAsking(session.id)
  }

  #ready(session: Session, link: AgentLink): GroupChannel {
    const { channels, opener, store } = this.#parts
    const group = channels.groupOn(session, link)
    const current = channels.current(group)
    if (current !== undefined && current.link === link) return { ch: current.ch, group }
    const isFirst = store.channels.get(group) === undefined
    const channel = opener.readyBridged(group, link, this.#introduction(session.id, group))
    if (!isFirst) store.sessions.markRestarted(group === session.id ? session.id : undefined)
    return channel
  }

  #isIntroduced({ ch, group }: GroupChannel): boolean {
    if (!this.#introduced.has(ch) && this.#parts.store.channels.snapshot(group) !== undefined) this.#introduced.add(ch)
    return this.#introduced.has(ch)
  }

  async #awaitServer(request: SessionCallRequest, session: string, channel: GroupChannel, link: AgentLink): Promise<CallOutcome> {
    const { opener, introductions, waiters } = this.#parts
    const { group } = channel
    // Clients of its own era may have opened this child, without server/discover.
    if (!introductions.isDue(group)) opener.introduce(channel.ch, link, this.#introduction(session, group))
    const { principal } = request
    const isInitialize = request.method === 'initialize'
    const isResend = request.isResend === true
    const facts = { group, agent: link.name, session, principal, isInitialize, restarted: false, canStream: false, isResend }
    const outcome = waiters.wait(request.key, facts)
    introductions.holdFor(request.key, () => this.#introducedTo(session, channel, link))
    return outcome
  }

  /** The child has answered server/discover: its sessions listen to it from now on. */
  #introducedTo(session: string, channel: GroupChannel, link: AgentLink): CallOutcome {
    const { listens, store } = this.#parts
    const sessions = channel.group === MODERN_SHARED_GROUP ? store.sessions.ids() : [session]
    for (const id of sessions) listens.ensure(id, channel, link)
    return { kind: 'bridge', facts: this.#facts(session, channel, link) }
  }

  /** The relay's server/discover: in the client's name, or in its own to a child that serves many. */
  #introduction(session: string, group: string): Introduction {
    const isShared = group === MODERN_SHARED_GROUP
    const [initialize] = isShared ? [] : this.#parts.store.requests.of(session, 'initialize')
    const client = readInitializeRequest(initialize?.body ?? encoder.encode('{}'))
    const text = modernRequest('0', 'server/discover', envelopeMembers(client, !isShared, undefined))
    const request: KeptRequest = { body: encoder.encode(text), ...RELAY_ID, name: '' }
    const owner = isShared ? undefined : this.#parts.store.sessions.get(session)?.principal
    return { asks: 'refuse', method: 'server/discover', request, purpose: 'snapshot', owner }
  }

  #keepLevel(request: SessionCallRequest, session: string): boolean {
    const { level, size } = request
    if (level === undefined || !isLoggingLevel(level) || size > MAX_REPLAYED_BYTES) return false
    this.#parts.store.requests.keep(session, 'level', keptRequest(request, level))
    this.#levels.set(session, level)
    return true
  }

  #level(session: string): string | undefined {
    if (!this.#levels.has(session)) this.#levels.set(session, this.#parts.store.requests.of(session, 'level')[0]?.name)
    return this.#levels.get(session)
  }

  /** Undefined for a request that names no resource: the Worker refuses it. */
  #subscribe(request: SessionCallRequest, session: string, channel: GroupChannel, link: AgentLink): CallOutcome | undefined {
    const { store, listens } = this.#parts
    const { uri, method, size } = request
    if (uri === undefined || size > MAX_REPLAYED_BYTES) return undefined
    if (method === 'resources/unsubscribe') store.requests.dropSubscription(session, uri)
    else if (!store.requests.hasRoomFor(session, uri, size)) return TOO_MANY_SUBSCRIPTIONS
    else store.requests.keep(session, 'subscribe', keptRequest(request, uri))
    if (listens.renew(session, channel, link)) return EMPTY_RESULT
    store.requests.dropSubscription(session, uri)
    return failed({ code: 'SHARE_BUSY', executed: 'no', detail: 'the URIs of a session may have 512 KiB' })
  }

  /** Names the state of everything that a translation depends on. */
  #version(session: string, { ch }: GroupChannel, link: AgentLink): string {
    return `${this.#parts.servedSets.toolsVersion(link, ch)} ${this.#level(session) ?? ''}`
  }

  #facts(session: string, channel: GroupChannel, link: AgentLink): BridgeFacts {
    const { store } = this.#parts
    const [initialize] = store.requests.of(session, 'initialize')
    const level = this.#level(session)
    return {
      version: this.#version(session, channel, link),
      childEra: 'modern',
      server: store.channels.snapshot(channel.group) ?? new Uint8Array(0),
      ...(initialize === undefined ? {} : { client: initialize.body }),
      ...(level === undefined ? {} : { level }),
    }
  }

  #forward(
    request: SessionCallRequest,
    session: Session,
    { ch, group }: GroupChannel,
    link: AgentLink,
  ): CallOutcome | Promise<CallOutcome> {
    const { store, sender, waiters } = this.#parts
    const { key, method, id, token, size, rawId, delivery } = request
    if (this.#parts.streams.isAskCancelled(session.id, key)) return { kind: 'failed', failure: { code: 'CANCELLED', executed: 'unknown' } }
    const { restarted } = store.sessions.get(session.id) ?? session
    if (restarted) {
      store.sessions.clearRestarted(session.id)
      this.#parts.restartNews.restarted(session.id)
    }
    const isStream = delivery === 'stream'
    const isResend = request.isResend === true
    const { principal } = session
    const facts = { group, agent: link.name, session: session.id, principal, isInitialize: false, restarted, canStream: isStream, isResend }
    const outcome =
      isStream && this.#parts.streams.isElsewhere(request, link.name) ? ({ kind: 'replaced' } as const) : waiters.wait(key, facts)
    const ra = encodeReturnAddress({ to: 'call', key, isTranslated: true, ...(isStream ? { session: session.id } : {}) })
    const tag = cancelTag(session.id, rawId)
    const begins = request.mayBeginTask === true ? ({ mayBeginTask: true } as const) : {}
    const marks = { ...(token === undefined ? {} : { token }), ...begins, ...namedOn(link, request) }
    sender.send(link, { type: 'call', ch, key, method, id, ...marks, ra, tag, size }, request.body, request)
    return outcome
  }
}
