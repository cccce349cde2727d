/** Which agent and which channel serve a session or group, and whether that channel still lives. */
import { CALL_TRAVEL_MS } from '../../limits.ts'
import type { AgentNews } from '../agents/agent-news.ts'
import { channelName, isSpareGroup, isTransientGroup, groupOf, MODERN_SHARED_GROUP, SHARED_GROUP } from '../../contract/groups.ts'
import type { CallTurns } from '../agents/call-turns.ts'
import type { LinkHealth } from '../agents/link-health.ts'
import { type AgentLinks } from '../agents/links.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { Away, Resent } from '../../contract/share-rpc.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'
import { DEPARTED } from '../rows/link-rows.ts'
import type { Session } from '../rows/session-rows.ts'
import { type AgentLink, sendFrame, servesMcp } from '../agents/agent-link.ts'

/** The channel of a group: a child of its agent. */
export interface GroupChannel {
  readonly ch: string
  readonly group: string
}

/** Whether an agent may be taken. */
export type CanServe = (link: AgentLink) => boolean

interface Parts {
  readonly store: Store
  readonly links: AgentLinks
  readonly servedSets: ServedSets
  readonly health: LinkHealth
  readonly news: AgentNews
  readonly waiters: Waiters
  readonly streams: Streams
  readonly callTurns: CallTurns
}

export class GroupChannels {
  readonly #store: Store
  readonly #links: AgentLinks
  readonly #servedSets: ServedSets
  readonly #health: LinkHealth
  readonly #news: AgentNews
  readonly #waiters: Waiters
  readonly #streams: Streams
  readonly #callTurns: CallTurns

  constructor({ store, links, servedSets, health, news, waiters, streams, callTurns }: Parts) {
    this.#servedSets = servedSets
    this.#store = store
    this.#links = links
    this.#health = health
    this.#news = news
    this.#waiters = waiters
    this.#streams = streams
    this.#callTurns = callTurns
  }

  /** The agent that serves a session, or undefined while there is none or the session's own may still come back. */
  linkFor(session: Session): AgentLink | undefined {
    return this.linkForGroup(this.#lastGroup(session))
  }

  /** The same for any group of clients; of the agents that `can` serve it, where not all can. */
  linkForGroup(group: string, can?: CanServe): AgentLink | undefined {
    const record = this.#store.channels.get(group)
    if (record === undefined) return this.chooseLink(can)
    const own = this.#links.named(record.agent)
    if (own !== undefined && can?.(own) !== false) return own
    // Within the grace time its child may still live: another agent would start a second one.
    const lost = own === undefined ? this.#store.links.get(record.agent) : undefined
    return lost === undefined || lost.instance === DEPARTED ? this.chooseLink(can) : undefined
  }

  /**
   * The agent for a new call of a session or group. An agent that is leaving finishes its calls; the next call waits for that
   * and then goes to another agent, so that a group never has two children.
   */
  linkForCall(client: Session | string, can?: CanServe): AgentLink | undefined {
    const group = typeof client === 'string' ? client : this.#lastGroup(client)
    const link = this.linkForGroup(group, can)
    if (link === undefined || !this.#links.isLeaving(link)) return link
    return this.#isBusy(group) ? undefined : this.chooseLink(can)
  }

  /** That no agent is there, and whether there ever was one that may be back. */
  away(): Away {
    const links = this.#links.withServer()
    const isKnown = this.#store.links.lost().length > 0 || this.#store.channels.hasAny()
    const isExpected = isKnown || links.some((link) => this.#links.isLeaving(link))
    const isReplaceable = links.some((link) => !this.#links.isLeaving(link))
    return { kind: 'away', isExpected, isReplaceable, newsMark: this.#news.mark }
  }

  /** The agent for a group that has none. Where agents serve different names and any may be taken, all clients begin with the same, unless that is silent. */
  chooseLink(can?: CanServe): AgentLink | undefined {
    if (can !== undefined) return this.#choose(can)
    const set = this.#servedSets.leading
    const leading = set === undefined ? undefined : this.#choose((link) => link.set === set)
    return leading === undefined || this.#health.isSuspect(leading, Date.now()) ? this.#choose(servesMcp) : leading
  }

  #choose(can: CanServe): AgentLink | undefined {
    const nowMs = Date.now()
    return this.#links.choose(
      (name) => this.#store.channels.countOpenOn(name),
      (link) => this.#health.isSuspect(link, nowMs),
      (link) => servesMcp(link) && can(link),
      (link) => this.#callTurns.isFull(link),
    )
  }

  /** Another agent that a call need not wait for, where it would have to on its own. */
  linkWithRoom(own: AgentLink, can: CanServe): AgentLink | undefined {
    if (!this.#callTurns.isFull(own)) return undefined
    const other = this.chooseLink(can)
    return other === undefined || other === own || this.#callTurns.isFull(other) ? undefined : other
  }

  /** The group whose child serves a session: by its agent, or while that is away by what served it last. */
  groupFor(session: Session): string {
    const link = this.linkFor(session)
    return link === undefined ? this.#lastGroup(session) : this.groupOn(session, link)
  }

  /** The group whose child on this link serves a session. */
  groupOn(session: Session, { isolation, sessionEra }: AgentLink): string {
    if (isolation === 'session') return session.id
    return sessionEra === 'modern' ? MODERN_SHARED_GROUP : SHARED_GROUP
  }

  /** The group that served a session last, as far as the rows know. */
  #lastGroup({ id }: Session): string {
    if (this.#store.channels.get(id) !== undefined) return id
    // Where the server takes either era both may be open, and the one of modern clients serves no session.
    if (this.#store.channels.get(SHARED_GROUP)?.open === true) return SHARED_GROUP
    if (this.#store.channels.get(MODERN_SHARED_GROUP)?.open === true) return MODERN_SHARED_GROUP
    return this.#store.channels.get(SHARED_GROUP) === undefined ? id : SHARED_GROUP
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

  /** The agent of a channel, if that lives. */
  linkOf(ch: string): AgentLink | undefined {
    const current = this.current(groupOf(ch))
    return current?.ch === ch ? current.link : undefined
  }

  /**
   * Whether the group's child may be sent this. What is resent must go to the same process of the agent, which knows its key
   * if it has had it; another would run it a second time. Where agents serve different names another may have served this one then.
   */
  mayTake(group: string, { key, isResend = false, ageMs = 0 }: Resent & { readonly key: string }): boolean {
    if (!isResend) return true
    const current = this.current(group)
    if (current === undefined) return false
    const movedAtMs = Math.max(this.#store.channels.get(group)?.movedAtMs ?? 0, this.#store.links.servedSinceMs)
    // It may have moved there with the very call that is resent: then the agent has said that it has it.
    return movedAtMs < Date.now() - ageMs - CALL_TRAVEL_MS || this.#links.holds(current.link, key)
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
    else if (this.#isKept(record.group) || !this.#store.channels.retire(record)) this.#store.channels.put({ ...record, open: false })
  }

  /**
   * Gives up a child that has not begun to serve, while its agent is away and another is there: it has nothing to remember, and
   * the next message of its group opens one elsewhere. False when it must be waited for.
   */
  forsake(group: string): boolean {
    const record = this.#store.channels.get(group)
    if (record === undefined || this.#links.named(record.agent) !== undefined || this.#isBusy(group)) return false
    if (this.chooseLink() === undefined) return false
    this.#store.channels.put({ ...record, open: false, agent: '', instance: '' })
    return true
  }

  /** Ends a group's child. */
  close(group: string): void {
    const current = this.current(group)
    if (current === undefined) return
    sendFrame(current.link, { type: 'close', ch: current.ch })
    this.died(current.ch)
  }

  /** An agent is back, or given up: children of others that served its clients meanwhile end, unless a call is under way there. Where calls go to several agents they are needed further. */
  endStandIns(): void {
    for (const group of this.#store.channels.openBesides()) {
      const current = this.current(group)
      if (current !== undefined && !current.link.spreads && !this.#isBusy(group)) this.close(group)
    }
  }

  /** Whether it is remembered by which agent a group was served: somebody listens to its child, or may come back for a task that it has begun. */
  #isKept(group: string): boolean {
    return !isTransientGroup(group) || this.#streams.hasAny(group) || this.#store.tasks.hasAny(group, Date.now())
  }

  /** Whether calls of a group are under way; listens do not count. */
  #isBusy(group: string): boolean {
    return this.#waiters.isBusy(group) || this.#streams.isBusy(group)
  }
}
