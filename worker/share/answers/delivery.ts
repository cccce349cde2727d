/** Passes each message of an agent to the client that it belongs to. What no client can take yet, the agent is told to hold. */
import type { Answer, Ask, Chunk, Failed } from '../../../protocol/frame.ts'
import { clientsGroup, groupOf, isBridgedGroup, isModernGroup, isSpareGroup } from '../../contract/groups.ts'
import { decodeReturnAddress, type ReturnAddress } from '../../contract/return-address.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import type { Askers } from '../children/askers.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { GroupRoots } from '../children/group-roots.ts'
import { repeatFacts, type RepeatableCalls } from '../children/repeatable-calls.ts'
import type { SessionListens } from '../children/session-listens.ts'
import type { Subscriptions } from '../children/subscriptions.ts'
import type { Turns } from '../children/turns.ts'
import type { PostedCalls } from '../clients/posted-calls.ts'
import type { UntakenMessages } from '../clients/untaken-messages.ts'
import type { RunningCalls } from '../clients/running-calls.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'
import type { ChildAsks } from './child-asks.ts'
import type { ChildIntroductions } from './child-introductions.ts'
import type { ClientFrames } from './client-frames.ts'
import type { CreditGrants } from './credit-grants.ts'
import { type Message, Routing, type Target } from './routing.ts'
import { SentAgain } from './sent-again.ts'
import { type AgentLink, closeQuietly, sendFrame } from '../agents/agent-link.ts'

/** A message of which more is to come over its link. */
interface Transfer {
  readonly link: AgentLink
  readonly ch: string
  readonly target: Target
}

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly runningCalls: RunningCalls
  readonly clientFrames: ClientFrames
  readonly creditGrants: CreditGrants
  readonly introductions: ChildIntroductions
  readonly subscriptions: Subscriptions
  readonly askers: Askers
  readonly childAsks: ChildAsks
  readonly turns: Turns
  readonly roots: GroupRoots
  readonly listens: SessionListens
  readonly untaken: UntakenMessages
  readonly postedCalls: PostedCalls
  readonly repeatableCalls: RepeatableCalls
  /** Has what is missing on a listening stream asked for once more. */
  readonly askAgain: (socket: WebSocket) => void
}

export class Delivery {
  readonly #parts: Parts
  readonly #routing: Routing
  readonly #sentAgain: SentAgain
  /** Targets of messages whose chunks are under way, by channel and number. */
  readonly #transfers = new Map<string, Transfer>()

  constructor(parts: Parts) {
    this.#parts = parts
    this.#routing = new Routing(parts)
    this.#sentAgain = new SentAgain(parts.streams, this.#routing, parts.askAgain)
  }

  /** The first frame of an answer, or all of it. `frame` is passed on as it came; `body` is what it carries. */
  answer(link: AgentLink, header: Answer, frame: Uint8Array, body: Uint8Array): void {
    const isWhole = body.length === header.size
    const address = decodeReturnAddress(header.ra)
    if (address?.to === 'relay') this.#parts.introductions.answered(address.purpose, header, body)
    else if (address?.to === 'listen') this.#parts.listens.ended(address.session, header.key, header.failed)
    else {
      if (address?.to === 'call' && isBridgedGroup(groupOf(header.ch))) this.#parts.childAsks.answered(address.key)
      const target = this.#sentAgain.target(header, this.#routing.answerTarget(address))
      if (address?.to === 'session') this.#postedAnswer(header.key, target)
      if (target.kind === 'hold') sendFrame(link, { type: 'hold', ch: header.ch, n: header.n })
      else this.#put(link, header, target, frame, body.length, isWhole, header.failed)
    }
    this.#parts.creditGrants.acknowledge(link, header)
    if (isWhole) this.#ended(header.ch, address)
  }

  /** A call has failed, in the agent or before its child. */
  failed(header: Failed, frame: Uint8Array): void {
    const address = decodeReturnAddress(header.ra)
    if (address?.to === 'relay') {
      this.#parts.introductions.failed(address.purpose, header)
      return
    }
    if (address?.to === 'listen') {
      this.#parts.listens.ended(address.session, header.key, false)
      return
    }
    if (address?.to === 'session' && this.#postedAgain(header)) return
    if (address?.to === 'session') this.#parts.postedCalls.failed(address.session, header.key, frame)
    const target = this.#routing.answerTarget(address)
    if (header.executed === 'no' && mayComeAgain(header, target) && this.#callAgain(header.ch, target)) return
    if (header.executed === 'unknown' && header.code === 'CHILD_DIED' && this.#repeat(header.ch, target)) return
    this.#parts.runningCalls.answered(header.key, header.code, 0)
    if (target.kind === 'waiter') this.#parts.clientFrames.toWaiter(target.waiter, frame, 0, true, true)
    else if (target.kind === 'sockets' && header.code === 'EVENTS_LOST') this.#eventsLost(target.sockets, address, frame)
    else if (target.kind === 'sockets') this.#parts.clientFrames.toSockets(target.sockets, groupOf(header.ch), frame, 0)
    this.#parts.turns.look(groupOf(header.ch))
  }

  /**
   * The agent does not know the call of a resumed stream: the Worker that holds the request may be about to send it. Or what came for
   * a GET stream is kept no more: whoever has not said what it has seen may have seen all of that, and is told nothing; nor is one for
   * which it came before, and is asked for again since its agent was cut off.
   */
  #eventsLost(sockets: readonly WebSocket[], address: ReturnAddress | undefined, frame: Uint8Array): void {
    const { streams } = this.#parts
    for (const socket of sockets) {
      const { kind, isProbe, isMarked, resume } = streams.attachmentOf(socket) ?? {}
      const hasCaughtUp = resume?.stage === 'caught-up' || resume?.wasCaughtUp === true
      const isMissed = isMarked === true && !hasCaughtUp && this.#routing.isOfThisRound(socket, address)
      if (kind === 'call' && isProbe !== true) this.#parts.clientFrames.failUnlessOnItsWay(socket, frame)
      else if (kind !== 'listen' || isMissed) this.#parts.clientFrames.toSockets([socket], '', frame, 0)
    }
  }

  /** The first frame, or all, of a child's notification or request. */
  message(link: AgentLink, header: Message, frame: Uint8Array, body: Uint8Array): void {
    const found = this.#sentAgain.target(header, this.#routing.messageTarget(header))
    const target = found.kind === 'judge' && header.type === 'ask' ? this.#judged(header, frame, body, found.call) : found
    if (target.kind === 'hold') this.#hold(link, header)
    else this.#put(link, header, target, frame, body.length, body.length === header.size, false)
    if (target.kind === 'sockets') this.#untold(header, target)
    // Servers may ask for roots at any time: that says nothing about the call.
    const isTelling = header.type === 'ask' && header.sure === true && header.method !== 'roots/list'
    if (isTelling && isBridgedGroup(groupOf(header.ch))) this.#noteAsker(header.ra)
    this.#parts.creditGrants.acknowledge(link, header)
  }

  #hold(link: AgentLink, { ch, n }: Message): void {
    sendFrame(link, { type: 'hold', ch, n })
    this.#parts.untaken.held({ ch, n })
  }

  /** A child is gone: of what it has begun to say nothing more comes. */
  childGone(ch: string): void {
    for (const [name, transfer] of this.#transfers) if (transfer.ch === ch) this.#transfers.delete(name)
  }

  /** A link is gone: what had come over it in part comes again, or never. */
  linkGone({ socket }: AgentLink): void {
    for (const [name, { link }] of this.#transfers) if (link.socket === socket) this.#transfers.delete(name)
  }

  /** A further frame of any of these. */
  chunk(link: AgentLink, header: Chunk, frame: Uint8Array, body: Uint8Array): void {
    const name = `${header.ch} ${header.n}`
    const target = this.#transfers.get(name)?.target ?? this.#routing.rememberedTarget(header)
    if (header.last) this.#transfers.delete(name)
    if (target.kind === 'sockets') this.#toSockets(target, header.ch, frame, body.length)
    else if (target.kind === 'waiter') this.#parts.clientFrames.toWaiterOrItsStream(target.waiter, frame, body.length)
    this.#parts.creditGrants.acknowledge(link, header)
    if (header.last) this.#ended(header.ch, decodeReturnAddress(header.ra))
  }

  /** Where an ask goes whose call the child has not told for certain. */
  #judged(header: Ask, frame: Uint8Array, body: Uint8Array, callKey: string | undefined): Target {
    const key = this.#parts.childAsks.receive(header, frame, body, callKey)
    return key === undefined ? { kind: 'drop' } : this.#routing.answerTarget({ to: 'call', key })
  }

  /** The agent cannot hold what one of several clients of a child is to hear: it is asked to say it again. */
  #untold(header: Message, { absent = [] }: Extract<Target, { kind: 'sockets' }>): void {
    for (const session of absent) this.#parts.store.untoldTasks.note(session, header, Date.now())
  }

  #noteAsker(ra: string | undefined): void {
    const address = decodeReturnAddress(ra)
    if (address?.to === 'call') this.#parts.childAsks.passed(address.key, Date.now())
  }

  /** A call is answered. A spare child was for that call alone; on any other the next may have its turn. */
  #ended(ch: string, address: ReturnAddress | undefined): void {
    if (address?.to !== 'call') return
    const group = groupOf(ch)
    if (isSpareGroup(group)) {
      this.#parts.channels.close(group)
      this.#parts.roots.forget(group)
    } else this.#parts.turns.look(group)
  }

  /** The child ended, as idle ones do, or died before the call reached it: the call is made again, on a new child. */
  #callAgain(ch: string, target: Target): boolean {
    this.#parts.channels.died(ch)
    if (target.kind === 'sockets' && target.sockets.every((socket) => this.#parts.streams.attachmentOf(socket)?.kind === 'call')) {
      for (const socket of target.sockets) closeQuietly(socket, STREAM_CLOSE.AGAIN, 'call again')
      return true
    }
    if (target.kind !== 'waiter' || target.waiter.buffer !== undefined) return false
    const { group, session } = target.waiter
    if (!isModernGroup(group) && !isBridgedGroup(group) && this.#parts.store.sessions.get(session) === undefined) return false
    this.#parts.waiters.settle(target.waiter, { kind: 'again' })
    return true
  }

  /** The child died under a call that may run twice: it is made again, once, on a new child. False for any other call. */
  #repeat(ch: string, target: Target): boolean {
    const { repeatableCalls, streams, waiters, channels, subscriptions } = this.#parts
    if (target.kind === 'waiter') {
      const { waiter } = target
      if (waiter.buffer !== undefined || waiter.isResend === true || !repeatableCalls.canRepeatNow(waiter.repeat)) return false
      waiters.settle(waiter, { kind: 'repeat' })
    } else {
      const [socket, ...others] = target.kind === 'sockets' ? target.sockets : []
      const { repeat, hasBegun, wasSent } = (socket === undefined ? undefined : streams.attachmentOf(socket)) ?? {}
      if (socket === undefined || others.length > 0 || hasBegun === true || wasSent === true) return false
      if (!repeatableCalls.canRepeatNow(repeat)) return false
      closeQuietly(socket, STREAM_CLOSE.REPEAT, 'its server has died')
    }
    if (channels.linkOf(ch) !== undefined) subscriptions.endAll(groupOf(ch))
    channels.died(ch)
    return true
  }

  /** The same two rules for a call over HTTP+SSE, which the Worker of its session's stream makes again; false where it ends with its failure. */
  #postedAgain({ ch, key, code, executed }: Failed): boolean {
    const { postedCalls, repeatableCalls, channels, subscriptions } = this.#parts
    const isUnrun = executed === 'no' && (code === 'CHILD_DIED' || code === 'CHANNEL_CLOSED')
    const request = isUnrun || (executed === 'unknown' && code === 'CHILD_DIED') ? postedCalls.get(key) : undefined
    const mayRun = request !== undefined && (isUnrun || repeatableCalls.canRepeatNow(repeatFacts(request)))
    if (!mayRun || !postedCalls.makeAgain(key, isUnrun ? 'unrun' : 'repeatable')) {
      postedCalls.drop(key)
      return false
    }
    if (!isUnrun && channels.linkOf(ch) !== undefined) subscriptions.endAll(groupOf(ch))
    channels.died(ch)
    return true
  }

  /** A call over HTTP+SSE is answered, which its agent keeps while the session has no stream. */
  #postedAnswer(key: string, { kind }: Target): void {
    if (kind === 'hold') this.#parts.postedCalls.hold(key)
    else this.#parts.postedCalls.drop(key)
  }

  #put(
    link: AgentLink,
    header: Answer | Message,
    target: Target,
    frame: Uint8Array,
    bodyBytes: number,
    isWhole: boolean,
    isFailure: boolean,
  ): void {
    if (!isWhole) {
      this.#transfers.set(`${header.ch} ${header.n}`, { link, ch: header.ch, target })
      if (target.kind === 'sockets' && header.type === 'answer') target.sockets.forEach((socket) => this.#parts.streams.markBegun(socket))
    }
    if (target.kind === 'sockets') {
      if (target.isOverheard !== true) this.#parts.untaken.sent(target.sockets, header, Date.now())
      this.#toSockets(target, header.ch, frame, bodyBytes)
    } else if (target.kind === 'waiter')
      this.#parts.clientFrames.toWaiter(target.waiter, frame, bodyBytes, isWhole && header.type === 'answer', isFailure)
  }

  #toSockets({ sockets, isOverheard }: Extract<Target, { kind: 'sockets' }>, ch: string, frame: Uint8Array, bodyBytes: number): void {
    const group = groupOf(ch)
    if (isOverheard === true) this.#parts.clientFrames.toListeners(sockets, clientsGroup(group), frame, bodyBytes)
    else this.#parts.clientFrames.toSockets(sockets, group, frame, bodyBytes)
  }
}

/** Whether a call that its child has not seen may be made again: always when the child was told to end, once when it died. */
function mayComeAgain({ code, ch }: Failed, target: Target): boolean {
  if (code !== 'CHILD_DIED' || target.kind !== 'waiter') return code === 'CHANNEL_CLOSED'
  const { isRetry, ch: sentTo } = target.waiter
  // An agent says again on a new link what came of the try before, when the next one may be on its way: it knows that key best.
  return isRetry !== true || (sentTo !== undefined && sentTo !== ch)
}
