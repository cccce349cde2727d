/** Which child serves a session, and what a fresh child must be told before it can: the replayed handshake. */
import { verbosity } from '../../bridge/names.ts'
import { randomKey } from '../../call-key.ts'
import { CALL_TRAVEL_MS } from '../../limits.ts'
import type { AgentNews } from '../agents/agent-news.ts'
import { isSpareGroup, spareGroup, channelName, groupOf, MODERN_SHARED_GROUP, SHARED_GROUP } from '../../contract/groups.ts'
import type { LinkHealth } from '../agents/link-health.ts'
import { type AgentLink, type AgentLinks, sendFrame } from '../agents/links.ts'
import type { Away, Resent } from '../../contract/rpc.ts'
import { encodeReturnAddress, type RelayPurpose } from '../../contract/return-address.ts'
import { type Store } from '../rows/store.ts'
import { DEPARTED } from '../rows/link-rows.ts'
import type { Session } from '../rows/session-rows.ts'
import type { KeptRequest } from '../rows/kept-requests.ts'

const encoder = new TextEncoder()

/**
 * How the relay introduces itself to a child that serves many clients: without sampling, elicitation and roots, since
 * nobody could say whose client such a request is for.
 */
const SHARED_INITIALIZE = encoder.encode(
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"mcp-edge","version":"1"}}}',
)
/** Where the id stands in each request of the relay: `{"jsonrpc":"2.0","id":0`. */
export const RELAY_ID = { idFrom: 22, idTo: 23 } as const
const SHARED_HANDSHAKE: KeptRequest = { body: SHARED_INITIALIZE, ...RELAY_ID, name: '' }
const INITIALIZED = encoder.encode('{"jsonrpc":"2.0","method":"notifications/initialized"}')

/** How the relay introduces itself to a child. `request` is its first request, whose id the agent replaces. */
export interface Introduction {
  readonly asks: 'pass' | 'refuse'
  readonly method: 'initialize' | 'server/discover'
  readonly request: KeptRequest
  readonly purpose: 'handshake' | 'snapshot'
}

export interface GroupChannel {
  readonly ch: string
  readonly group: string
}

export class GroupChannels {
  readonly #store: Store
  readonly #links: AgentLinks
  readonly #health: LinkHealth
  /** Whether calls of a group are under way; listens do not count. */
  readonly #isBusy: (group: string) => boolean
  readonly #news: AgentNews

  constructor(store: Store, links: AgentLinks, health: LinkHealth, news: AgentNews, isBusy: (group: string) => boolean) {
    this.#store = store
    this.#links = links
    this.#health = health
    this.#news = news
    this.#isBusy = isBusy
  }

  /** The agent that serves a session, or undefined while there is none or the session's own may still come back. */
  linkFor(session: Session): AgentLink | undefined {
    return this.linkForGroup(this.#lastGroup(session))
  }

  /** The same for any group of clients. */
  linkForGroup(group: string): AgentLink | undefined {
    const record = this.#store.channels.get(group)
    if (record === undefined) return this.chooseLink()
    const own = this.#links.named(record.agent)
    if (own !== undefined) return own
    // Within the grace time its child may still live: another agent would start a second one.
    const lost = this.#store.links.get(record.agent)
    return lost === undefined || lost.instance === DEPARTED ? this.chooseLink() : undefined
  }

  /**
   * The agent for a new call of a session or group. One that is leaving finishes what it has: the next call waits for
   * that, and then goes to another, so that a group never has two children.
   */
  linkForCall(client: Session | string): AgentLink | undefined {
    const group = typeof client === 'string' ? client : this.#lastGroup(client)
    const link = this.linkForGroup(group)
    if (link === undefined || !this.#links.isLeaving(link)) return link
    return this.#isBusy(group) ? undefined : this.chooseLink()
  }

  /** That no agent is there, and whether there ever was one that may be back. */
  away(): Away {
    const links = this.#links.all()
    const isKnown = this.#store.links.lost().length > 0 || this.#store.channels.hasAny()
    const isExpected = isKnown || links.some((link) => this.#links.isLeaving(link))
    const isReplaceable = links.some((link) => !this.#links.isLeaving(link))
    return { kind: 'away', isExpected, isReplaceable, newsMark: this.#news.mark }
  }

  chooseLink(): AgentLink | undefined {
    const nowMs = Date.now()
    return this.#links.choose(
      (name) => this.#store.channels.countOpenOn(name),
      (link) => this.#health.isSuspect(link, nowMs),
    )
  }

  /** The group whose child serves a session: by its agent, or while that is away by what served it last. */
  groupFor(session: Session): string {
    const link = this.linkFor(session)
    return link === undefined ? this.#lastGroup(session) : this.groupOn(session, link)
  }

  /** The group whose child on this link serves a session. */
  groupOn(session: Session, { isolation, era }: AgentLink): string {
    if (isolation === 'session') return session.id
    return era === 'modern' ? MODERN_SHARED_GROUP : SHARED_GROUP
  }

  /** The group that served a session last, as far as the rows know. */
  #lastGroup({ id }: Session): string {
    if (this.#store.channels.get(id) !== undefined) return id
    if (this.#store.channels.get(MODERN_SHARED_GROUP)?.open === true) return MODERN_SHARED_GROUP
    return this.#store.channels.get(SHARED_GROUP) === undefined ? id : SHARED_GROUP
  }

  /**
   * The session's channel on this link. One that does not live there is opened, and the session's handshake goes ahead
   * of whatever is sent next; `isFresh` is for a session whose own initialize is what comes next.
   */
  ready(session: Session, link: AgentLink, isFresh: boolean): GroupChannel {
    const group = link.isolation === 'share' ? SHARED_GROUP : session.id
    const record = this.#store.channels.get(group)
    const isLive = record !== undefined && record.open && record.agent === link.name && record.instance === link.instance
    if (record !== undefined && isLive) return { ch: channelName(group, record.generation), group }
    return this.#open(session, group, (record?.generation ?? 0) + 1, link, isFresh)
  }

  /** The channel of a group of clients that needs no handshake. */
  readyWithoutSession(group: string, link: AgentLink): GroupChannel {
    const current = this.current(group)
    if (current !== undefined && current.link === link) return { ch: current.ch, group }
    const generation = (this.#store.channels.get(group)?.generation ?? 0) + 1
    this.#store.channels.dropSnapshot(group)
    this.#putOpen(group, generation, link, undefined)
    const ch = channelName(group, generation)
    sendFrame(link, { type: 'open', ch, ids: 'assign', asks: 'refuse' })
    return { ch, group }
  }

  /**
   * The channel of a group whose child speaks another era than its clients: to a fresh one the relay introduces itself.
   * With `snapshot` the child's answer is kept, else it is only waited for.
   */
  readyBridged(group: string, link: AgentLink, { asks, method, request, purpose }: Introduction): GroupChannel {
    const current = this.current(group)
    if (current !== undefined && current.link === link) return { ch: current.ch, group }
    const generation = (this.#store.channels.get(group)?.generation ?? 0) + 1
    const ch = channelName(group, generation)
    const handshake = randomKey()
    this.#store.channels.dropSnapshot(group)
    this.#putOpen(group, generation, link, handshake)
    sendFrame(link, { type: 'open', ch, ids: 'assign', asks })
    this.#call(link, ch, method, request, purpose, handshake)
    if (method === 'initialize')
      sendFrame(link, { type: 'notify', ch, key: randomKey(), method: 'notifications/initialized', size: INITIALIZED.length }, INITIALIZED)
    return { ch, group }
  }

  /**
   * A child for one call of a session, beside the session's own, which nobody can reach. It is told what the session's own
   * was, and cannot ask: its client's answers would not find it.
   */
  readyAlone(session: Session, link: AgentLink, key: string): GroupChannel {
    const [own] = link.isolation === 'share' ? [] : this.#store.requests.of(session.id, 'initialize')
    const request = own ?? SHARED_HANDSHAKE
    return this.readyBridged(spareGroup(session.id, key), link, { asks: 'refuse', method: 'initialize', request, purpose: 'handshake' })
  }

  /** Introduces the relay to a child that serves others already: they do not wait for its answer. */
  introduce(ch: string, link: AgentLink, { method, request }: Introduction): void {
    this.#call(link, ch, method, request, 'snapshot', randomKey(), false)
  }

  #open(session: Session, group: string, generation: number, link: AgentLink, isFresh: boolean): GroupChannel {
    const ch = channelName(group, generation)
    const isShared = group === SHARED_GROUP
    if (isShared) this.#store.channels.dropSnapshot(SHARED_GROUP)
    if (generation > 1 && (isShared || !isFresh)) this.#store.sessions.markRestarted(isShared ? undefined : session.id)
    if (isFresh) this.#store.sessions.clearRestarted(session.id)
    const [own] = isShared || isFresh ? [] : this.#store.requests.of(session.id, 'initialize')
    const initialize = isShared ? SHARED_HANDSHAKE : own
    const handshake = initialize === undefined ? undefined : randomKey()
    this.#putOpen(group, generation, link, handshake)
    sendFrame(link, { type: 'open', ch, ids: isShared ? 'assign' : 'keep', asks: isShared ? 'refuse' : 'pass' })
    if (initialize !== undefined && handshake !== undefined) {
      this.#call(link, ch, 'initialize', initialize, isShared ? 'snapshot' : 'handshake', handshake)
      sendFrame(link, { type: 'notify', ch, key: randomKey(), method: 'notifications/initialized', size: INITIALIZED.length }, INITIALIZED)
      this.#replay(link, ch, isShared ? undefined : session.id)
    }
    return { ch, group }
  }

  /** Whether a channel is the one its group is served by now. */
  isCurrent(ch: string, link: AgentLink): boolean {
    const record = this.#store.channels.get(groupOf(ch))
    return (
      record !== undefined &&
      record.open &&
      channelName(record.group, record.generation) === ch &&
      record.agent === link.name &&
      record.instance === link.instance
    )
  }

  /** The agent of a channel that lives. */
  linkOf(ch: string): AgentLink | undefined {
    const current = this.current(groupOf(ch))
    return current?.ch === ch ? current.link : undefined
  }

  /** A request that the relay makes to a child in its own name; nobody waits for the answer. `body` has the id 0 where SHARED_INITIALIZE has it. */
  callForRelay(link: AgentLink, ch: string, method: string, body: Uint8Array): void {
    this.#call(link, ch, method, { body, ...RELAY_ID, name: '' }, 'replay', randomKey())
  }

  /**
   * Whether the group's child may be sent this: something new always, something sent before only when what may have taken
   * it then is the same process of the agent, which knows its key. Another one would run it a second time.
   */
  mayTake(group: string, { isResend = false, ageMs = 0 }: Resent): boolean {
    if (!isResend) return true
    const movedAtMs = this.#store.channels.get(group)?.movedAtMs ?? 0
    return this.current(group) !== undefined && movedAtMs < Date.now() - ageMs - CALL_TRAVEL_MS
  }

  /** The group's channel on a link, if it lives. */
  current(group: string): { readonly ch: string; readonly link: AgentLink } | undefined {
    const record = this.#store.channels.get(group)
    const link = record === undefined ? undefined : this.#links.named(record.agent)
    if (record === undefined || link === undefined || !record.open || record.instance !== link.instance) return undefined
    return { ch: channelName(group, record.generation), link }
  }

  /** An agent is back: what was opened on it and does not run there, or was not initialised, is dead. */
  reconcile(link: AgentLink, running: ReadonlySet<string>, held: ReadonlySet<string>): void {
    for (const record of this.#store.channels.openOn(link.name)) {
      const ch = channelName(record.group, record.generation)
      const isReady = record.handshake === undefined || held.has(record.handshake)
      if (record.instance !== link.instance || !running.has(ch) || !isReady) this.died(ch)
    }
  }

  /** The replayed initialize of a channel was answered. */
  initialized(ch: string): void {
    const record = this.#store.channels.get(groupOf(ch))
    if (record?.handshake !== undefined && channelName(record.group, record.generation) === ch)
      this.#store.channels.put({ ...record, handshake: undefined })
  }

  /** The child is gone: the next message of its group opens another. */
  died(ch: string): void {
    const record = this.#store.channels.get(groupOf(ch))
    if (record === undefined || !record.open || channelName(record.group, record.generation) !== ch) return
    // A spare child served one call, and has no next.
    if (isSpareGroup(record.group)) this.#store.channels.drop(record.group)
    else this.#store.channels.put({ ...record, open: false })
  }

  /** Ends a group's child. */
  close(group: string): void {
    const current = this.current(group)
    if (current === undefined) return
    sendFrame(current.link, { type: 'close', ch: current.ch })
    this.died(current.ch)
  }

  /** Keeps a session's log level; true when the child must hear of it. */
  setLevel(session: Session, group: string, level: string, kept: KeptRequest): boolean {
    const others = group === SHARED_GROUP ? this.#store.requests.all('level').map((handshake) => verbosity(handshake.name)) : []
    this.#store.requests.keep(session.id, 'level', kept)
    return others.every((other) => verbosity(level) <= other)
  }

  /** Keeps a subscription; true when the child must hear of it. */
  subscribe(session: Session, group: string, uri: string, kept: KeptRequest): boolean {
    const isNews = group !== SHARED_GROUP || this.#store.requests.subscribers(uri).length === 0
    this.#store.requests.keep(session.id, 'subscribe', kept)
    return isNews
  }

  /** Drops a subscription; true when the child must hear of it. */
  unsubscribe(session: Session, group: string, uri: string): boolean {
    this.#store.requests.dropSubscription(session.id, uri)
    return group !== SHARED_GROUP || this.#store.requests.subscribers(uri).length === 0
  }

  /** Log level and subscriptions of one session, or of all that share a child. */
  #replay(link: AgentLink, ch: string, session: string | undefined): void {
    const kept = (purpose: 'level' | 'subscribe'): KeptRequest[] =>
      session === undefined ? this.#store.requests.all(purpose) : this.#store.requests.of(session, purpose)
    const [level] = kept('level').toSorted((a, b) => verbosity(a.name) - verbosity(b.name))
    if (level !== undefined) this.#call(link, ch, 'logging/setLevel', level, 'replay', randomKey())
    for (const subscription of kept('subscribe')) this.#call(link, ch, 'resources/subscribe', subscription, 'replay', randomKey())
  }

  #putOpen(group: string, generation: number, link: AgentLink, handshake: string | undefined): void {
    const before = this.#store.channels.get(group)
    const hasMoved = before !== undefined && before.instance !== link.instance
    const movedAtMs = hasMoved ? Date.now() : (before?.movedAtMs ?? 0)
    this.#store.channels.put({ group, generation, agent: link.name, instance: link.instance, open: true, handshake, movedAtMs })
  }

  #call(
    link: AgentLink,
    ch: string,
    method: string,
    kept: KeptRequest,
    purpose: RelayPurpose,
    key: string,
    holdsBack = purpose !== 'replay',
  ): void {
    const gate = holdsBack ? ({ gate: true } as const) : {}
    const id = [kept.idFrom, kept.idTo] as const
    const ra = encodeReturnAddress({ to: 'relay', purpose })
    sendFrame(link, { type: 'call', ch, key, method, id, ra, tag: `relay ${key}`, ...gate, size: kept.body.length }, kept.body)
  }
}
