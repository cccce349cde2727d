/** Decides what becomes of calls whose agent is gone: they wait for it during the grace time, are made again, or fail once it is certainly lost. */
import type { Failure } from '../../../protocol/errors.ts'
import type { Hello } from '../../../protocol/handshake.ts'
import { GRACE_MS } from '../../../protocol/limits.ts'
import { failureFrame } from '../../contract/failure-frame.ts'
import { SHARED_GROUP } from '../../contract/groups.ts'
import { STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import type { RestartNews } from './restart-news.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { ClientFrames } from './client-frames.ts'
import { type AgentLinks } from '../agents/links.ts'
import { type Store } from '../rows/store.ts'
import type { Streams } from '../clients/streams.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import { repeatFacts, type RepeatableCalls } from '../children/repeatable-calls.ts'
import type { PostedCalls } from '../clients/posted-calls.ts'
import type { SessionCallRequest } from '../../contract/share-rpc.ts'
import type { Waiter, Waiters } from '../clients/waiters.ts'
import { DEPARTED } from '../rows/link-rows.ts'
import { closeQuietly, type AgentLink } from '../agents/agent-link.ts'

const LOST: Failure = { code: 'AGENT_LOST', executed: 'unknown' }

interface Parts {
  readonly store: Store
  readonly servedSets: ServedSets
  readonly restartNews: RestartNews
  readonly links: AgentLinks
  readonly streams: Streams
  readonly waiters: Waiters
  readonly clientFrames: ClientFrames
  readonly repeatableCalls: RepeatableCalls
  readonly postedCalls: PostedCalls
  readonly channels: GroupChannels
}

export class LostAgents {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * A link has closed. A cut cable and a killed agent look the same, so its calls wait for it, except those that another
   * agent may run.
   */
  lost(link: Pick<AgentLink, 'name' | 'instance'>, nowMs: number): void {
    this.#parts.store.links.put(link.name, link.instance, nowMs)
    for (const waiter of this.#parts.waiters.where(({ agent }) => agent === link.name)) {
      if (!this.#beginElsewhere(waiter)) this.#repeat(waiter)
    }
    for (const { socket } of this.#parts.streams.callsOf(link.name)) this.#repeatStream(socket)
    for (const request of this.#parts.postedCalls.of(link.name)) this.#repeatPosted(request)
  }

  /** An agent has left in good order: its children are gone, and another agent may take over at once. */
  departed(link: AgentLink, nowMs: number): void {
    this.#parts.store.links.put(link.name, DEPARTED, nowMs)
    this.#failCallsOf(link.name, LOST)
  }

  /** An agent is back, or a new one under its name: settles what the old link left behind. */
  returned(link: AgentLink, hello: Hello): void {
    const { store, servedSets, restartNews } = this.#parts
    const before = store.links.get(link.name)
    store.links.put(link.name, link.instance)
    store.links.serves(link.name, link.set)
    if (servedSets.hasAny && before?.instance !== link.instance) restartNews.namesChanged()
    if (before !== undefined && before.instance !== link.instance) this.#failCallsOf(link.name, LOST)
    else this.#sendAgain(link.name, hello.held)
    if (before !== undefined) this.#parts.channels.endStandIns()
  }

  /** An agent that was told to go, by the owner or by another agent's takeover, does not come back. */
  dismissed(name: string): void {
    const { store, servedSets, restartNews } = this.#parts
    if (servedSets.hasAny) restartNews.namesChanged()
    store.links.drop(name)
    this.#failCallsOf(name, LOST)
    this.#parts.channels.endStandIns()
  }

  /** Ends the calls whose agent has not come back in time; returns when to look next, in milliseconds since 1970. */
  sweep(nowMs: number): number | undefined {
    let next: number | undefined
    for (const { name, lostAtMs } of this.#parts.store.links.lost()) {
      if (this.#parts.links.named(name) !== undefined) continue
      const endsAtMs = lostAtMs + GRACE_MS
      if (endsAtMs <= nowMs) this.dismissed(name)
      else if (next === undefined || endsAtMs < next) next = endsAtMs
    }
    return next
  }

  /**
   * Calls that the agent has never seen were lost on the way: their Workers make them again. So they do for one that was
   * resent: its answer may have come when nobody waited for it, and the agent gives it once more for the same key.
   */
  #sendAgain(agent: string, keys: readonly string[]): void {
    const held = new Set(keys)
    for (const waiter of this.#parts.waiters.where(({ agent: name, buffer }) => name === agent && buffer === undefined)) {
      if (!held.has(waiter.key) || waiter.isResend === true) this.#parts.waiters.settle(waiter, { kind: 'again' })
    }
    for (const { socket, key } of this.#parts.streams.callsOf(agent)) {
      const { resume, wasSent } = this.#parts.streams.attachmentOf(socket) ?? {}
      // The request of a resumed stream is held by another Worker.
      if (resume !== undefined || (held.has(key) && wasSent !== true)) continue
      this.#parts.waiters.turnAway(key, Date.now())
      closeQuietly(socket, STREAM_CLOSE.AGAIN, 'call again')
    }
    const { postedCalls } = this.#parts
    for (const { key, isResend } of postedCalls.of(agent)) {
      if (!held.has(key) && !postedCalls.makeAgain(key, 'unrun'))
        postedCalls.fail(key, { code: 'AGENT_LOST', executed: isResend === true ? 'unknown' : 'no' })
    }
    this.#tellSessions({ type: 'held', agent, keys })
  }

  #failCallsOf(agent: string, failure: Failure): void {
    for (const waiter of this.#parts.waiters.where(({ agent: name }) => name === agent))
      if (!this.#repeat(waiter)) this.#parts.clientFrames.fail(waiter.key, failure)
    for (const { socket, key } of this.#parts.streams.callsOf(agent))
      if (!this.#repeatStream(socket)) this.#failStream(socket, key, failure)
    for (const request of this.#parts.postedCalls.of(agent))
      if (!this.#repeatPosted(request)) this.#parts.postedCalls.fail(request.key, failure)
    this.#parts.postedCalls.failHeld(agent, failure)
    this.#tellSessions({ type: 'lost', agent, failure })
  }

  /** A session whose initialize was under way has no child yet that could remember anything: it begins on another agent. */
  #beginElsewhere(waiter: Waiter): boolean {
    const { channels, waiters } = this.#parts
    const { isInitialize, group, session, buffer } = waiter
    if (!isInitialize || group !== session || buffer !== undefined || channels.chooseLink() === undefined) return false
    waiters.settle(waiter, { kind: 'again' })
    return channels.forsake(group)
  }

  #repeat(waiter: Waiter): boolean {
    if (waiter.buffer !== undefined || !this.#parts.repeatableCalls.canRepeatNow(waiter.repeat)) return false
    this.#parts.waiters.settle(waiter, { kind: 'repeat' })
    return true
  }

  #repeatStream(socket: WebSocket): boolean {
    const { repeat, hasBegun } = this.#parts.streams.attachmentOf(socket) ?? {}
    if (hasBegun === true || !this.#parts.repeatableCalls.canRepeatNow(repeat)) return false
    closeQuietly(socket, STREAM_CLOSE.REPEAT, 'its agent is lost, and another is there')
    return true
  }

  #repeatPosted(request: SessionCallRequest): boolean {
    const { repeatableCalls, postedCalls } = this.#parts
    return repeatableCalls.canRepeatNow(repeatFacts(request)) && postedCalls.makeAgain(request.key, 'repeatable')
  }

  /** The call of a resumed stream may be held by another Worker, which sends it to the next agent. */
  #failStream(socket: WebSocket, key: string, failure: Failure): void {
    const { clientFrames, streams } = this.#parts
    const { resume, isRunning, wasSent } = streams.attachmentOf(socket) ?? {}
    if (resume === undefined || isRunning === true || wasSent === true) clientFrames.fail(key, failure)
    else clientFrames.failUnlessOnItsWay(socket, failureFrame(key, failure))
  }

  /** Workers of HTTP+SSE streams know themselves which calls wait on them, and which agent has each. */
  #tellSessions(control: Extract<StreamControl, { readonly agent: string }>): void {
    const { channels } = this.#parts.store
    const ofAll = channels.routed(SHARED_GROUP)
    for (const { socket, attachment } of this.#parts.streams.all()) {
      const { kind, group, session = '' } = attachment
      if (kind !== 'session' || socket.readyState !== WebSocket.OPEN) continue
      const isConcerned = [group, ...channels.routed(session), ...ofAll].some((one) => channels.get(one)?.agent === control.agent)
      if (isConcerned) socket.send(JSON.stringify(control))
    }
  }
}
