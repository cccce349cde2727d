/** Takes in what agents say over their links, a hello and then frames, and that a link has closed; tells each part of the Share what concerns it. */
import { splitBundle } from '../../protocol/bundle.ts'
import type { ChannelAgentFrame, Died } from '../../protocol/frame.ts'
import { decodeAgentFrame, encodeFrame } from '../../protocol/frame-codec.ts'
import { CLOSE, type Hello } from '../../protocol/handshake.ts'
import { GRACE_MS } from '../../protocol/limits.ts'
import { groupOf } from '../contract/groups.ts'
import type { LaneKey } from '../contract/lane-key.ts'
import { laneCount } from '../lanes.ts'
import { MAX_LAST_WORDS_CHARS } from '../limits.ts'
import { log } from '../log.ts'
import type { AgentNews } from './agents/agent-news.ts'
import type { LinkHealth } from './agents/link-health.ts'
import { type AgentLinks } from './agents/links.ts'
import type { MessageSender } from './agents/message-sender.ts'
import type { MetadataAsks } from './agents/metadata-asks.ts'
import type { TunnelSaid } from './agents/wires/dialect.ts'
import type { Delivery } from './answers/delivery.ts'
import type { LostAgents } from './answers/lost-agents.ts'
import type { RestartNews } from './answers/restart-news.ts'
import type { StandbyAnswers } from './answers/standby-answers.ts'
import type { ResumedStreams } from './calls/resumed-streams.ts'
import type { SseSessions } from './calls/sse-sessions.ts'
import type { GroupChannels } from './children/group-channels.ts'
import type { GroupRoots } from './children/group-roots.ts'
import type { IdleChildren } from './children/idle-children.ts'
import type { Subscriptions } from './children/subscriptions.ts'
import type { RunningCalls } from './clients/running-calls.ts'
import type { Waiters } from './clients/waiters.ts'
import type { Store } from './rows/store.ts'
import type { Spending } from './trust/spending.ts'
import type { LastWords } from '../contract/share-admin.ts'
import type { WebExchanges } from './web/web-exchanges.ts'
import { type AgentLink, closeAgent, closeQuietly, sendFrame, servesMcp } from './agents/agent-link.ts'

interface Parts {
  /** Which of the share's lanes this is. */
  readonly lane: LaneKey
  readonly store: Store
  readonly links: AgentLinks
  readonly health: LinkHealth
  readonly news: AgentNews
  readonly sender: MessageSender
  readonly metadataAsks: MetadataAsks
  readonly channels: GroupChannels
  readonly idleChildren: IdleChildren
  readonly subscriptions: Subscriptions
  readonly waiters: Waiters
  readonly delivery: Delivery
  readonly spending: Spending
  readonly runningCalls: RunningCalls
  readonly lostAgents: LostAgents
  readonly standbyAnswers: StandbyAnswers
  readonly restartNews: RestartNews
  readonly resumedStreams: ResumedStreams
  readonly sseSessions: SseSessions
  readonly roots: GroupRoots
  readonly web: WebExchanges
}

/** Notifications after which what is known of a server's lists is old by which calls of tools and requests for prompts are judged. Resources come and go too often. */
const LIST_CHANGES: ReadonlySet<string> = new Set(['notifications/tools/list_changed', 'notifications/prompts/list_changed'])

export class AgentMessages {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** One message of a link, which holds one frame or more. The link is closed over what is no frame. */
  receive(socket: WebSocket, message: Uint8Array): void {
    const frames = splitBundle(message)
    if (!frames.ok) refuse(socket, frames.error)
    else for (const frame of frames.value) if (!this.#receiveFrame(socket, frame)) return
  }

  /** A link has closed, by this code if its agent gave one. */
  closed(link: AgentLink, code: number | undefined, nowMs: number): void {
    const { store, links, sender, delivery, standbyAnswers, lostAgents, news, spending } = this.#parts
    log('link.closed', { agent: link.name })
    if (links.all().length === 0) spending.agentsGone()
    sender.lost(link)
    this.#parts.metadataAsks.lost(link)
    delivery.linkGone(link)
    this.#parts.web.linkGone(link)
    if (store.settings === undefined) return
    standbyAnswers.left(nowMs)
    this.#parts.resumedStreams.cutOff(link)
    // An agent of another make that comes back is another: none of its calls goes on.
    if (code === CLOSE.GOING_AWAY || link.wire !== undefined) {
      // First: what fails now may be on its way to another agent.
      news.tell()
      lostAgents.departed(link, nowMs)
    } else lostAgents.lost(link, nowMs)
  }

  /** Closes what has no hello or no life in time, and ends what waited for lost agents; returns when to look next, in milliseconds since 1970. */
  sweep(nowMs: number): number | undefined {
    const { links, lostAgents } = this.#parts
    const ungreetedMs = links.closeUngreeted(nowMs)
    for (const link of links.all()) {
      link.wire?.sweep(nowMs)
      const dueMs = this.#verdictMs(link, nowMs)
      if (dueMs === undefined || dueMs > nowMs) continue
      links.remove(link.socket)
      closeAgent(link.socket, CLOSE.GOING_AWAY, 'nothing was heard of the agent')
      // Lost since then, so that the grace time of its calls is over.
      this.closed(link, undefined, dueMs - GRACE_MS)
    }
    return earliest(ungreetedMs, lostAgents.sweep(nowMs), this.nextVerdictMs(nowMs))
  }

  /**
   * When the first suspect link is to be ended, in milliseconds since 1970; undefined while none is suspect. Looked at whenever a
   * Worker has a stream opened: a call that has waited moves to one, and is heard of no sooner if its agent is silent.
   */
  nextVerdictMs(nowMs: number): number | undefined {
    const links = this.#parts.links.all()
    return earliest(...links.map((link) => this.#verdictMs(link, nowMs)), ...links.map((link) => link.wire?.nextDueMs))
  }

  /** When a link counts as lost over which nothing has come since a call, as of an agent that is stopped. */
  #verdictMs(link: AgentLink, nowMs: number): number | undefined {
    const sinceMs = this.#parts.health.silentSinceMs(link, nowMs)
    return sinceMs === undefined ? undefined : sinceMs + GRACE_MS
  }

  /** After a reset, which gets no close events: links that the rows have and no socket has were lost in it. False when none were. */
  noteLost(nowMs: number): boolean {
    const { store, links, waiters, lostAgents, standbyAnswers } = this.#parts
    const lost = store.links.open().filter(({ name }) => links.named(name) === undefined)
    if (lost.length === 0) return false
    waiters.noteReset(nowMs)
    for (const link of lost) lostAgents.lost(link, nowMs)
    standbyAnswers.left(nowMs)
    return true
  }

  /** False for what is no frame: what comes behind it is not looked at. */
  #receiveFrame(socket: WebSocket, bytes: Uint8Array): boolean {
    const frame = decodeAgentFrame(bytes)
    if (!frame.ok) {
      refuse(socket, frame.error)
      return false
    }
    const { header, body } = frame.value
    const link = this.#parts.links.of(socket)
    if (link !== undefined) this.#parts.health.heard(link, Date.now())
    if (header.type === 'hello') this.#hello(socket, header)
    else if ('x' in header) {
      if (link !== undefined) this.#parts.web.fromAgent(link, header, bytes)
    } else if (link !== undefined) this.#handle(link, header, bytes, body)
    return true
  }

  /** A text of a socket that is no stream's: of an agent of another make, since ours sends frames. False for any other. */
  receiveText(socket: WebSocket, text: string): boolean {
    const wire = this.#parts.links.wireOf(socket)
    wire?.read(text)
    return wire !== undefined
  }

  /** What an agent of another make has said, as a frame of one of ours. */
  spoken(socket: WebSocket, header: ChannelAgentFrame, body: Uint8Array): void {
    const { links, health } = this.#parts
    if (header.type === 'hello') return this.#hello(socket, header)
    const link = links.of(socket)
    if (link === undefined) return
    if (header.type === 'answer' || header.type === 'notification') health.heard(link, Date.now())
    this.#handle(link, header, encodeFrame(header, body), body)
  }

  /** What a tunnel has said of a request for a web app; false where that is none of its own that is open. */
  tunnelled(socket: WebSocket, said: TunnelSaid): boolean {
    const link = this.#parts.links.of(socket)
    return link !== undefined && this.#parts.web.fromTunnel(link, said)
  }

  #hello(socket: WebSocket, hello: Hello): void {
    const { store, links, sender, channels, lostAgents, standbyAnswers, restartNews, resumedStreams, news } = this.#parts
    const before = store.links.get(hello.agent)
    // A process that is back has replaced the others once; who joined since was let in beside it.
    const join = before?.instance === hello.instance ? 'replica' : hello.join
    const share = store.settings?.id ?? ''
    // A server with a name has one, whatever its share has.
    const lanes = share === '' || typeof this.#parts.lane === 'string' ? 1 : laneCount(share)
    // Each lane has an equal part of them, and at least one.
    const most = hello.maxCalls === undefined ? {} : { maxCalls: Math.max(1, Math.floor(hello.maxCalls / lanes)) }
    const admission = links.admit(socket, { ...hello, join, ...most }, before !== undefined)
    if (admission.kind === 'refused') {
      closeAgent(socket, CLOSE.NAME_REFUSED, 'another agent serves this share: use --replica or --replace')
      return
    }
    const { link, closed } = admission
    news.tell()
    for (const old of closed) {
      sender.lost(old)
      this.#parts.web.linkGone(old)
      if (old.name !== link.name) lostAgents.dismissed(old.name)
    }
    // First: a channel whose handshake was lost is unwanted as well.
    channels.reconcile(link, new Set(hello.channels.map(({ ch }) => ch)), new Set(hello.held))
    const unwanted = hello.channels.filter(({ ch }) => !channels.isCurrent(ch, link)).map(({ ch }) => ch)
    const replaced = closed.filter(({ instance }) => instance !== hello.instance).map(({ name }) => name)
    sendFrame(link, { type: 'welcome', share, unwanted, ...(lanes > 1 && { lanes }), ...(replaced.length > 0 && { replaced }) })
    if (servesMcp(link)) {
      standbyAnswers.arrived(link)
      restartNews.arrived(link)
    }
    lostAgents.returned(link, hello)
    resumedStreams.returned(link)
    log('link.open', { agent: link.name, isolation: link.isolation, product: link.product })
  }

  #handle(link: AgentLink, header: ChannelAgentFrame, frame: Uint8Array, body: Uint8Array): void {
    const { links, sender, channels, delivery, runningCalls } = this.#parts
    switch (header.type) {
      case 'answer':
        sender.ended(link, header.key)
        if (link.passesAuth) this.#parts.sseSessions.taken([header.key])
        this.#parts.spending.answered(header.key, header.size)
        runningCalls.answered(header.key, header.failed ? 'error' : 'ok', header.size, body)
        delivery.answer(link, header, frame, body)
        // Of a server that knows its clients by themselves what it says to one is not told to another.
        if (!link.passesAuth) this.#parts.standbyAnswers.answered(header, body)
        break
      case 'failed':
        sender.ended(link, header.key)
        this.#parts.spending.failed(header.key)
        if (!link.passesAuth || !this.#parts.sseSessions.refused(header)) delivery.failed(header, frame)
        break
      case 'notification':
      case 'ask':
        if (LIST_CHANGES.has(header.method)) links.toolsChanged(link)
        delivery.message(link, header, frame, body)
        break
      case 'chunk':
        delivery.chunk(link, header, frame, body)
        break
      case 'receipts':
        sender.received(header.keys)
        if (link.passesAuth) this.#parts.sseSessions.taken(header.keys)
        break
      case 'upload_credit':
        sender.credit(header.key, header.upto)
        break
      case 'died':
        if (header.reason === 'start' || header.reason === 'exit') links.noteLastWords(link, lastWordsOf(header, Date.now()))
        if (channels.isCurrent(header.ch, link)) this.#parts.subscriptions.endAll(groupOf(header.ch))
        if (channels.isCurrent(header.ch, link)) this.#parts.roots.forget(groupOf(header.ch))
        channels.died(header.ch)
        delivery.childGone(header.ch)
        break
      case 'idle':
        if (channels.isCurrent(header.ch, link)) this.#parts.idleChildren.idle(groupOf(header.ch), Date.now())
        break
      case 'metadata':
        this.#parts.metadataAsks.told(link, header, body)
        break
      case 'drain':
        links.drain(link)
        sender.drained(link)
        break
      case 'hello':
        break
    }
  }
}

function lastWordsOf({ exitCode, signal, lastWords }: Died, atMs: number): LastWords {
  const words = lastWords?.slice(-MAX_LAST_WORDS_CHARS) ?? ''
  return { atMs, ...(typeof exitCode === 'number' ? { exitCode } : {}), ...(typeof signal === 'string' ? { signal } : {}), words }
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

function refuse(socket: WebSocket, reason: string): void {
  log('link.protocol_error', { reason })
  closeQuietly(socket, CLOSE.PROTOCOL_ERROR, reason)
}
