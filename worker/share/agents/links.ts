/** The WebSockets of agents: which are let in, and which one serves a new session. What must survive hibernation is in their attachments. */
import { CLOSE, type Hello } from '../../../protocol/handshake.ts'
import { servedSet } from '../../../protocol/served-names.ts'
import { GRACE_MS } from '../../../protocol/limits.ts'
import type { ForeignAgentFacts, ForeignOpening } from '../../contract/foreign-makes.ts'
import type { LastWords } from '../../contract/share-admin.ts'
import { attachmentOf, helloDueMs, keptHello, type LinkAttachment, type LinkSigns } from './link-attachment.ts'
import type { ForeignLinks } from './wires/foreign-links.ts'
import { type AgentLink, closeAgent, linkFrom, servesMcp } from './agent-link.ts'
import type { ForeignLink } from './wires/foreign-link.ts'

export const AGENT_TAG = 'agent'

export type Admission =
  | { readonly kind: 'admitted'; readonly link: AgentLink; readonly closed: readonly AgentLink[] }
  | { readonly kind: 'refused' }

export class AgentLinks {
  readonly #ctx: DurableObjectState
  readonly #foreign: Pick<ForeignLinks, 'fresh' | 'at'>
  /** Name to link; rebuilt from attachments when the object wakes. */
  readonly #byName = new Map<string, AgentLink>()
  /** Links that were found not to be open, whose close events may come yet. */
  readonly #broken = new WeakMap<WebSocket, AgentLink>()
  readonly #onBroken: (socket: WebSocket) => void
  /** Sockets of agents that have said that they are leaving. */
  readonly #leaving = new WeakSet<WebSocket>()
  /** Keys of messages that agents said in their hellos that they have: at most MAX_HELD_KEYS a link, until the grace time is over. */
  readonly #held = new WeakMap<WebSocket, { readonly keys: ReadonlySet<string>; readonly untilMs: number }>()

  /**
   * `onBroken` is told of a link whose socket is found not to be open: under load the platform may drop one without an event,
   * and after sleep it lists sockets that are closing.
   */
  constructor(ctx: DurableObjectState, onBroken: (socket: WebSocket) => void, foreign: Pick<ForeignLinks, 'fresh' | 'at'>) {
    this.#ctx = ctx
    this.#foreign = foreign
    this.#onBroken = onBroken
    for (const socket of ctx.getWebSockets(AGENT_TAG)) {
      const link = socket.readyState === WebSocket.OPEN ? this.#restored(socket) : undefined
      if (link !== undefined) this.#byName.set(link.name, link)
      if (attachmentOf(socket)?.draining === true) this.#leaving.add(socket)
    }
  }

  /** Takes in a socket whose agent has yet to say hello. `token`: names the token that it has shown. `foreign`: what is known of an agent of another make. */
  accept(socket: WebSocket, token: string, nowMs: number, foreign?: ForeignOpening): void {
    this.#ctx.acceptWebSocket(socket, [AGENT_TAG])
    const other = foreign === undefined ? {} : { foreign: this.#foreign.fresh(foreign) }
    socket.serializeAttachment({ role: 'agent', token, connectedAtMs: nowMs, ...other } satisfies LinkAttachment)
    this.#foreign.at(socket)?.greet()
  }

  /** What speaks for the agent of another make at this socket; undefined for one of ours. */
  wireOf(socket: WebSocket): ForeignLink | undefined {
    return this.#foreign.at(socket)
  }

  /**
   * Applies the joining rules of the link protocol, which hold among agents of one set of patterns. `isKnown`: an agent of this name was let in before and has not been
   * dismissed, so that it may come back whoever else has joined since. Links in `closed` have been closed, with the reason.
   */
  admit(socket: WebSocket, hello: Hello, isKnown: boolean): Admission {
    const set = servedSet(hello.patterns)
    const others = [...this.#byName.values()].filter((link) => link.name !== hello.agent && link.set === set)
    if (others.length > 0 && hello.join === 'primary' && !isKnown) return { kind: 'refused' }
    const older = this.#byName.get(hello.agent)
    const leaving = hello.join === 'replace' ? others : []
    if (older !== undefined && older.socket !== socket) leaving.push(older)
    for (const link of leaving) this.#drop(link, CLOSE.REPLACED, 'replaced by a newer link')
    const { connectedAtMs = 0, token = '', foreign } = attachmentOf(socket) ?? {}
    const kept = keptHello(hello)
    const other = foreign === undefined ? {} : { foreign }
    socket.serializeAttachment({ role: 'agent', token, connectedAtMs, hello: kept, ...other } satisfies LinkAttachment)
    const link = linkFrom(socket, kept, connectedAtMs, foreign === undefined ? undefined : this.#foreign.at(socket))
    this.#byName.set(hello.agent, link)
    this.#held.set(socket, { keys: new Set(hello.held), untilMs: Date.now() + GRACE_MS })
    return { kind: 'admitted', link, closed: leaving }
  }

  /** The link of this socket; undefined before its hello, and after a newer socket of the same agent has replaced it. */
  of(socket: WebSocket): AgentLink | undefined {
    for (const link of this.#byName.values()) if (link.socket === socket) return link
    return undefined
  }

  named(name: string): AgentLink | undefined {
    const link = this.#byName.get(name)
    return link === undefined || this.#isOpen(link) ? link : undefined
  }

  all(): AgentLink[] {
    return [...this.#byName.values()].filter((link) => this.#isOpen(link))
  }

  /** Whether a link can be sent anything. One that cannot is lost from now on, whether or not its close is told of. */
  #isOpen(link: AgentLink): boolean {
    if (link.socket.readyState === WebSocket.OPEN) return true
    if (!this.#broken.has(link.socket)) {
      this.#broken.set(link.socket, link)
      this.#onBroken(link.socket)
    }
    return false
  }

  /** Those with an MCP server. */
  withServer(): AgentLink[] {
    return this.all().filter(servesMcp)
  }

  /** The agent for something new: of those that can, the one with the least to do that is not leaving, and neither suspect nor full if others are not. */
  choose(
    loadOf: (name: string) => number,
    isSuspect: (link: AgentLink) => boolean,
    can: (link: AgentLink) => boolean = servesMcp,
    isFull = (_link: AgentLink): boolean => false,
  ): AgentLink | undefined {
    const all = this.all().filter((link) => can(link) && !this.isLeaving(link))
    if (all.length < 2) return all[0]
    const sound = unless(isSuspect, all)
    const candidates = unless(isFull, sound)
    return candidates.toSorted((a, b) => loadOf(a.name) - loadOf(b.name))[0]
  }

  /** Whether an agent has said that it is leaving, so that it gets nothing new. */
  isLeaving({ socket }: AgentLink): boolean {
    return this.#leaving.has(socket)
  }

  /** Whether an agent said, when it connected a moment ago, that it has the message with this key. Later it may have forgotten it. */
  holds({ socket }: AgentLink, key: string): boolean {
    const held = this.#held.get(socket)
    if (held === undefined || Date.now() <= held.untilMs) return held?.keys.has(key) === true
    this.#held.delete(socket)
    return false
  }

  get hasLeaving(): boolean {
    return this.all().some((link) => this.isLeaving(link))
  }

  drain(link: AgentLink): void {
    this.#leaving.add(link.socket)
    const attachment = attachmentOf(link.socket)
    if (attachment !== undefined) link.socket.serializeAttachment({ ...attachment, draining: true } satisfies LinkAttachment)
  }

  /** The link in whose time a child's tools had the state of this name (`toolsVersion`); undefined when it is there no more. */
  inState(toolsVersion: string): AgentLink | undefined {
    return this.all().find((link) => toolsVersion.startsWith(`${link.instance}.${link.connectedAtMs}.`))
  }

  /** Names the state of the tools of a child; differs for each link and child, and after each list_changed that a child has sent. */
  toolsVersion(link: AgentLink, ch: string): string {
    return `${link.instance}.${link.connectedAtMs}.${attachmentOf(link.socket)?.toolChanges ?? 0} ${ch}`
  }

  toolsChanged(link: AgentLink): void {
    const attachment = attachmentOf(link.socket)
    if (attachment === undefined) return
    const toolChanges = (attachment.toolChanges ?? 0) + 1
    link.socket.serializeAttachment({ ...attachment, toolChanges } satisfies LinkAttachment)
  }

  noteLastWords({ socket }: AgentLink, lastWords: LastWords): void {
    const attachment = attachmentOf(socket)
    if (attachment !== undefined) socket.serializeAttachment({ ...attachment, lastWords } satisfies LinkAttachment)
  }

  lastWordsOf({ socket }: AgentLink): LastWords | undefined {
    return attachmentOf(socket)?.lastWords
  }

  /** Of an agent of another make: what its owner is told of its connection. */
  foreignFactsOf({ socket, wire }: AgentLink): ForeignAgentFacts | undefined {
    return wire?.factsFor(attachmentOf(socket)?.token ?? '')
  }

  /** Closes the connection of an agent of another make that has this name. */
  endForeign(session: string): void {
    for (const link of this.all())
      if (this.foreignFactsOf(link)?.session === session) closeAgent(link.socket, CLOSE.GOING_AWAY, 'ended by its owner')
  }

  /** Signs of life as the socket's attachment has them. */
  signsOf({ socket, connectedAtMs }: AgentLink): LinkSigns {
    const { heardAtMs = connectedAtMs, silentSinceMs } = attachmentOf(socket) ?? {}
    return { heardAtMs, silentSinceMs }
  }

  noteSigns({ socket }: AgentLink, { heardAtMs, silentSinceMs }: LinkSigns): void {
    const attachment = attachmentOf(socket)
    if (attachment === undefined) return
    const { silentSinceMs: _, ...rest } = attachment
    const silence = silentSinceMs === undefined ? {} : { silentSinceMs }
    socket.serializeAttachment({ ...rest, heardAtMs, ...silence } satisfies LinkAttachment)
  }

  /** Closes the sockets whose agents have not said hello in time; returns when to look next, in milliseconds since 1970. */
  closeUngreeted(nowMs: number): number | undefined {
    let next: number | undefined
    for (const socket of this.#ctx.getWebSockets(AGENT_TAG)) {
      const attachment = attachmentOf(socket)
      const dueMs = attachment === undefined ? undefined : helloDueMs(attachment)
      if (dueMs === undefined || socket.readyState !== WebSocket.OPEN) continue
      if (dueMs <= nowMs) closeAgent(socket, CLOSE.NO_HELLO, 'no hello in time')
      else next = Math.min(dueMs, next ?? dueMs)
    }
    return next
  }

  /** Forgets a socket that has closed; returns the link it was, unless a newer one of the same agent has taken its place. */
  remove(socket: WebSocket): AgentLink | undefined {
    const link = this.of(socket) ?? this.#broken.get(socket)
    const now = link === undefined ? undefined : this.#byName.get(link.name)
    if (link === undefined || (now !== undefined && now !== link)) return undefined
    this.#byName.delete(link.name)
    return link
  }

  /** The sockets of agents, also of those that have not said hello, whose tokens fail a test. */
  withToken(isRefused: (token: string) => boolean): WebSocket[] {
    return this.#ctx.getWebSockets(AGENT_TAG).filter((socket) => {
      const token = attachmentOf(socket)?.token
      return token !== undefined && isRefused(token)
    })
  }

  closeAll(code: number, reason: string): void {
    for (const socket of this.#ctx.getWebSockets(AGENT_TAG)) closeAgent(socket, code, reason)
    this.#byName.clear()
  }

  #drop(link: AgentLink, code: number, reason: string): void {
    this.#byName.delete(link.name)
    closeAgent(link.socket, code, reason)
  }

  #restored(socket: WebSocket): AgentLink | undefined {
    const attachment = attachmentOf(socket)
    if (attachment?.hello === undefined) return undefined
    const wire = attachment.foreign === undefined ? undefined : this.#foreign.at(socket)
    return linkFrom(socket, attachment.hello, attachment.connectedAtMs, wire)
  }
}

/** Those for which this is not so, or all where it is so for all. */
function unless(isSo: (link: AgentLink) => boolean, links: readonly AgentLink[]): readonly AgentLink[] {
  const others = links.filter((link) => !isSo(link))
  return others.length === 0 ? links : others
}
