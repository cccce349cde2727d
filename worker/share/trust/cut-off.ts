/** Ends what is under way for links that nothing more is let in for: streams, calls, sessions, channels, agents. Others notice nothing of it. */
import { CLOSE } from '../../../protocol/handshake.ts'
import { CUT_CLOSE } from '../../contract/trust/pass.ts'
import { linkOf } from '../../contract/trust/principals.ts'
import type { StreamControl } from '../../contract/streams.ts'
import type { GrantFacts, PassRefusal } from '../../contract/trust/trust-rpc.ts'
import { MAX_TOLD_CHARS, TELL_PAUSE_MS } from '../../trust-limits.ts'
import { pause } from '../../within.ts'
import type { AgentNews } from '../agents/agent-news.ts'
import { type AgentLinks } from '../agents/links.ts'
import type { ChildIntroductions } from '../answers/child-introductions.ts'
import type { CreditGrants } from '../answers/credit-grants.ts'
import type { Sessions } from '../calls/sessions.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { Turns } from '../children/turns.ts'
import type { Streams } from '../clients/streams.ts'
import type { RunningCalls } from '../clients/running-calls.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'
import type { ApprovalKeeper } from './approval-keeper.ts'
import type { TrustGate } from './gate.ts'
import { type AgentLink, closeAgent, closeQuietly } from '../agents/agent-link.ts'

interface UnderWay {
  readonly cut: (refusalOf: (link: string) => PassRefusal | undefined) => void
  readonly tell: (newsFor: (socket: WebSocket, link: string) => GrantFacts | undefined) => void
}

interface Parts {
  readonly gate: TrustGate
  readonly approvalKeeper: ApprovalKeeper
  /** What is under way with a web app, and with an upstream. */
  readonly web: UnderWay
  readonly upstream: UnderWay
  readonly store: Store
  readonly links: AgentLinks
  readonly news: AgentNews
  readonly streams: Streams
  readonly waiters: Waiters
  readonly runningCalls: RunningCalls
  readonly channels: GroupChannels
  readonly turns: Turns
  readonly sessions: Sessions
  readonly introductions: ChildIntroductions
  readonly creditGrants: CreditGrants
  /** An agent's link has been closed for good. */
  readonly dismissed: (link: AgentLink, nowMs: number) => void
}

/** Refusals after which nothing is left to come back for. */
const FINAL: ReadonlySet<PassRefusal | undefined> = new Set<PassRefusal>(['LINK_REVOKED', 'LINK_EXPIRED', 'SHARE_EXPIRED'])

export class CutOff {
  readonly #parts: Parts
  /** State of what each stream was told last, while the object is awake. */
  readonly #told = new WeakMap<WebSocket, string>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Looks at all that is under way, now that something was decided or has ended. */
  look(nowMs: number): void {
    const { gate, store, news, sessions, channels, turns, approvalKeeper } = this.#parts
    const refusals = new Map<string, PassRefusal | undefined>()
    const refusalOf = (link: string): PassRefusal | undefined => {
      if (!refusals.has(link)) refusals.set(link, gate.refusalOf(link, nowMs, false))
      return refusals.get(link)
    }
    this.#endCalls(refusalOf)
    this.#parts.web.cut(refusalOf)
    this.#parts.upstream.cut(refusalOf)
    const isOver = (principal: string): boolean => FINAL.has(refusalOf(linkOf(principal)))
    for (const principal of store.sessions.principals().filter(isOver)) store.sessions.idsOf([principal]).forEach((id) => sessions.end(id))
    for (const { group } of store.channels.owned().filter(({ owner }) => isOver(owner))) {
      channels.close(group)
      turns.childGone(group)
    }
    news.release((link) => refusalOf(link) !== undefined)
    approvalKeeper.drop((chain) => {
      const codes = chain.map(refusalOf).filter((code) => code !== undefined)
      return codes.some((code) => FINAL.has(code)) ? 'for good' : codes.length > 0 ? 'for now' : undefined
    })
    this.#dismissAgents(nowMs)
  }

  /**
   * Tells Workers that hold streams what their clients may do now, unless it is what they were told last: what comes on a stream must be within that,
   * too. So much at a time, since one link may have thousands of streams, and what is told of each lies in memory until it is sent.
   */
  async tell(): Promise<void> {
    const { streams, web, upstream } = this.#parts
    for (const part of [web, upstream]) part.tell((socket, link) => this.#newsFor(socket, link))
    let chars = 0
    for (const { socket, attachment } of streams.all()) {
      const facts = socket.readyState === WebSocket.OPEN ? this.#newsFor(socket, attachment.link) : undefined
      if (facts === undefined) continue
      const text = JSON.stringify({ type: 'grant', facts } satisfies StreamControl)
      socket.send(text)
      chars += text.length
      if (chars < MAX_TOLD_CHARS) continue
      chars = 0
      await pause(TELL_PAUSE_MS)
    }
  }

  /** What the Worker of this socket has not been told; all that is pinned of a server goes with it, and a change is mostly one of another link. */
  #newsFor(socket: WebSocket, link: string): GrantFacts | undefined {
    const facts = this.#parts.gate.factsOf(link)
    if (facts === undefined || this.#told.get(socket) === facts.state) return undefined
    this.#told.set(socket, facts.state)
    return facts
  }

  #endCalls(refusalOf: (link: string) => PassRefusal | undefined): void {
    const { streams, waiters, runningCalls, introductions, creditGrants } = this.#parts
    for (const { socket, attachment } of streams.all()) {
      const code = refusalOf(attachment.link)
      if (code === undefined) continue
      if (attachment.key !== undefined) runningCalls.ended(attachment.key, code)
      closeQuietly(socket, CUT_CLOSE[code], code)
    }
    for (const waiter of waiters.where(({ principal }) => refusalOf(linkOf(principal)) !== undefined)) {
      const code = refusalOf(linkOf(waiter.principal))
      introductions.release(waiter.key)
      // Its Worker is about to open the stream, and is told then.
      if (waiter.buffer !== undefined) creditGrants.abandon(waiter)
      else if (code !== undefined) waiters.settle(waiter, { kind: 'cut', code })
    }
  }

  #dismissAgents(nowMs: number): void {
    const { gate, links, dismissed } = this.#parts
    for (const socket of links.withToken((token) => gate.refusalOf(token, nowMs, true) !== undefined)) {
      closeAgent(socket, CLOSE.TOKEN_REVOKED, 'the token was revoked or has ended')
      const link = links.remove(socket)
      if (link !== undefined) dismissed(link, nowMs)
    }
  }
}
