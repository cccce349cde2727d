/** Brings what an agent sends to the client it is for, and grants the agent credit as clients take it. */
import type { Answer, Chunk, Failed } from '../../../protocol/frame.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { failedFrame, failureOf } from '../../contract/failed-frame.ts'
import { MAX_HANDSHAKE_BYTES, STREAM_OPENING_MS } from '../../limits.ts'
import type { Asks } from '../children/asks.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { CallOutcome } from '../../contract/rpc.ts'
import { STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import { decodeReturnAddress, type RelayPurpose, type ReturnAddress } from '../../contract/return-address.ts'
import type { CreditGrant, CreditLedger } from '../clients/credit.ts'
import { isBridgedGroup, isSpareGroup, groupOf, isModernGroup } from '../../contract/groups.ts'
import { closeQuietly, type AgentLink, sendFrame } from '../agents/links.ts'
import { type Message, Routing, type Target } from './routing.ts'
import { type Store } from '../rows/store.ts'
import type { SessionListens } from '../children/session-listens.ts'
import type { Streams } from '../clients/streams.ts'
import type { Subscriptions } from '../children/subscriptions.ts'
import type { Waiter, Waiters } from '../clients/waiters.ts'

/** What holds bytes on their way to a client. */
export type Debtor = WebSocket | Waiter

interface SnapshotWaiter {
  readonly waiter: Waiter
  readonly outcomeOf: (answer: Uint8Array) => CallOutcome
}

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly ledger: CreditLedger<Debtor>
  readonly subscriptions: Subscriptions
  readonly asks: Asks
  readonly listens: SessionListens
}

export class Delivery {
  readonly #parts: Parts
  readonly #routing: Routing
  /** Targets of messages whose chunks are under way, by channel and number. */
  readonly #transfers = new Map<string, Target>()
  /** Calls that wait for their child's answer to the relay's own handshake. */
  #snapshotWaiters: SnapshotWaiter[] = []

  constructor(parts: Parts) {
    this.#parts = parts
    this.#routing = new Routing(parts)
  }

  answer(link: AgentLink, header: Answer, frame: Uint8Array, body: Uint8Array): void {
    const isWhole = body.length === header.size
    const address = decodeReturnAddress(header.ra)
    if (address?.to === 'relay') this.#relayAnswer(address.purpose, header, body)
    else if (address?.to === 'listen') this.#parts.listens.ended(address.session, header.key, header.failed)
    else {
      if (address?.to === 'call' && isBridgedGroup(groupOf(header.ch))) this.#parts.asks.answered(address.key)
      const target = this.#again(header, this.#routing.answerTarget(address))
      if (target.kind === 'hold') sendFrame(link, { type: 'hold', ch: header.ch, n: header.n })
      else this.#put(header, target, frame, body.length, isWhole, header.failed)
    }
    this.#acknowledge(link, header.ch, header.n, header.at, header.ack)
    if (isWhole) this.#endSpare(header.ch, address)
  }

  failed(header: Failed, frame: Uint8Array): void {
    const address = decodeReturnAddress(header.ra)
    if (address?.to === 'relay') {
      if (address.purpose === 'snapshot') this.#refuseSnapshotWaiters(groupOf(header.ch), failureOf(header))
      return
    }
    if (address?.to === 'listen') {
      this.#parts.listens.ended(address.session, header.key, false)
      return
    }
    const target = this.#routing.answerTarget(address)
    if (header.executed === 'no' && mayComeAgain(header.code, target) && this.#callAgain(header.ch, target)) return
    if (target.kind === 'waiter') this.#toWaiter(target.waiter, frame, 0, true, true)
    else if (target.kind === 'sockets' && header.code === 'EVENTS_LOST') this.#awaitCall(target.sockets, frame)
    else if (target.kind === 'sockets') this.#toSockets(target.sockets, groupOf(header.ch), frame, 0)
  }

  /** The agent does not know the call of a resumed stream: the Worker that holds the request may be about to send it. */
  #awaitCall(sockets: readonly WebSocket[], frame: Uint8Array): void {
    const { streams } = this.#parts
    for (const socket of sockets) {
      const attachment = streams.attachmentOf(socket)
      const isAwaited = attachment?.kind === 'call' && attachment.isProbe !== true
      if (isAwaited) this.tellUnlessOnItsWay(socket, frame)
      else this.#toSockets([socket], '', frame, 0)
    }
  }

  /** A call cannot be made again: who has made it hears so in any case, and here its client, where that has come back for it. */
  tellReturned(key: string, session: string, failure: Failure): void {
    const { streams } = this.#parts
    const socket = streams.call(key, session)
    if (socket !== undefined && streams.attachmentOf(socket)?.resume !== undefined)
      this.#toSockets([socket], '', failedFrame(key, failure), 0)
  }

  /** Tells a resumed stream that its call has failed, once no Worker holds that any more. */
  tellUnlessOnItsWay(socket: WebSocket, frame: Uint8Array): void {
    const { streams, waiters } = this.#parts
    const { key = '', isRunning } = streams.attachmentOf(socket) ?? {}
    if (isRunning === true || socket.readyState !== WebSocket.OPEN) return
    const waitMs = waiters.onItsWayMs(key, Date.now())
    if (waitMs > 0) setTimeout(() => this.tellUnlessOnItsWay(socket, frame), waitMs)
    else this.#toSockets([socket], '', frame, 0)
  }

  message(link: AgentLink, header: Message, frame: Uint8Array, body: Uint8Array): void {
    const target = this.#again(header, this.#routing.messageTarget(header))
    if (target.kind === 'refuse' && header.type === 'ask') this.#parts.asks.refuse(link, header)
    else if (target.kind === 'hold') sendFrame(link, { type: 'hold', ch: header.ch, n: header.n })
    else this.#put(header, target, frame, body.length, body.length === header.size, false)
    // Servers ask for roots when they please, and whoever is asked has the same: that says nothing about the call.
    const isTelling = header.type === 'ask' && header.sure === true && header.method !== 'roots/list'
    if (isTelling && isBridgedGroup(groupOf(header.ch))) this.#noteAsker(header.ra)
    this.#acknowledge(link, header.ch, header.n, header.at, header.ack)
  }

  chunk(link: AgentLink, header: Chunk, frame: Uint8Array, body: Uint8Array): void {
    const name = `${header.ch} ${header.n}`
    const target = this.#transfers.get(name) ?? this.#routing.rememberedTarget(header)
    if (header.last) this.#transfers.delete(name)
    if (target.kind === 'sockets') this.#toSockets(target.sockets, groupOf(header.ch), frame, body.length)
    else if (target.kind === 'waiter') this.#toWaiterOrItsStream(target.waiter, frame, body.length)
    this.#acknowledge(link, header.ch, header.n, header.at, header.ack)
    if (header.last) this.#endSpare(header.ch, decodeReturnAddress(header.ra))
  }

  /** Whether the child of a group is yet to answer the relay's own handshake. */
  isSnapshotDue(group: string): boolean {
    return (
      this.#parts.store.channels.get(group)?.handshake !== undefined ||
      this.#snapshotWaiters.some(({ waiter }) => this.#isWaiting(waiter, group))
    )
  }

  /** Whether a call waits for its child's handshake. Nothing was sent for it that could come over a stream. */
  awaitsSnapshot(key: string): boolean {
    return this.#snapshotWaiters.some(({ waiter }) => waiter.key === key && this.#isWaiting(waiter, waiter.group))
  }

  #isWaiting(waiter: Waiter, group: string): boolean {
    return waiter.group === group && this.#parts.waiters.get(waiter.key) === waiter
  }

  /** A call waits until the child of its group has answered the relay's own handshake. */
  awaitSnapshot(waiter: Waiter, outcomeOf: (answer: Uint8Array) => CallOutcome): void {
    this.#snapshotWaiters.push({ waiter, outcomeOf })
  }

  /** The stream of a waiting call is open: sends it what came meanwhile. */
  handOver(waiter: Waiter, socket: WebSocket): void {
    for (const frame of waiter.buffer ?? []) socket.send(frame)
    const owed = this.#parts.ledger.debtsOf(waiter.group).find(({ debtor }) => debtor === waiter)
    if (owed !== undefined) this.#parts.ledger.add(socket, waiter.group, owed.bytes)
    this.#parts.ledger.settle(waiter)
  }

  /** Ends a call with a failure that the relay itself has found. */
  fail(key: string, failure: Failure): void {
    const waiter = this.#parts.waiters.get(key)
    if (waiter !== undefined && waiter.buffer === undefined) {
      if (waiter.isInitialize) this.#endRefusedSession(waiter)
      this.#parts.waiters.settle(waiter, { kind: 'failed', failure })
    } else if (waiter !== undefined) waiter.buffer?.push(failedFrame(key, failure))
    else this.#parts.streams.call(key)?.send(failedFrame(key, failure))
  }

  /** A client has taken bytes, all that it owed when none are named; the agent may go on when that sets credit free. */
  settle(socket: WebSocket, bytes?: number): void {
    const { ledger, streams } = this.#parts
    const group = streams.attachmentOf(socket)?.group
    const credit = ledger.settle(socket, bytes)
    const withheld = group === undefined ? undefined : ledger.withheld(group)
    // Rewritten with every payment: after sleep the debt must not be larger than it is.
    if (withheld !== undefined) streams.markOwing(socket, { bytes: ledger.owedBy(socket), ...withheld })
    this.grant(credit)
  }

  /** Tells the agent how far it may go on, now that clients took bytes. */
  grant(credit: CreditGrant | undefined): void {
    if (credit === undefined) return
    const group = groupOf(credit.ch)
    for (const { debtor } of this.#parts.ledger.debtsOf(group))
      if (debtor instanceof WebSocket) this.#parts.streams.markOwing(debtor, undefined)
    const current = this.#parts.channels.current(group)
    if (current?.ch === credit.ch) sendFrame(current.link, { type: 'credit', ch: credit.ch, upto: credit.upto })
  }

  /** What comes for a stream that goes on: the agent says of each message whether it knows that it does. */
  #again({ to, ch, ra }: Answer | Message, target: Target): Target {
    if (to !== undefined) return this.#routing.againTarget(to, target)
    const isFollowed = (socket: WebSocket): boolean => {
      const { kind, group, session, resume } = this.#parts.streams.attachmentOf(socket) ?? {}
      if (resume?.ch !== ch) return false
      return kind === 'call' || (kind === 'listen' && group === session && ra === undefined)
    }
    // It was on its way when the agent was asked for what is missing, and comes again in its place.
    return target.kind === 'sockets' && target.sockets.some(isFollowed) ? { kind: 'drop' } : target
  }

  #noteAsker(ra: string | undefined): void {
    const address = decodeReturnAddress(ra)
    if (address?.to === 'call') this.#parts.asks.note(address.key)
  }

  /** A spare child has answered the one call that it was for. */
  #endSpare(ch: string, address: ReturnAddress | undefined): void {
    if (address?.to === 'call' && isSpareGroup(groupOf(ch))) this.#parts.channels.close(groupOf(ch))
  }

  #relayAnswer(purpose: RelayPurpose, header: Answer, body: Uint8Array): void {
    if (purpose === 'replay') return
    this.#parts.channels.initialized(header.ch)
    if (purpose === 'handshake') return
    if (!header.failed && body.length === header.size && body.length <= MAX_HANDSHAKE_BYTES) {
      const group = groupOf(header.ch)
      this.#parts.store.channels.putSnapshot(group, body)
      for (const { waiter, outcomeOf } of this.#takeSnapshotWaiters(group)) this.#parts.waiters.settle(waiter, outcomeOf(body))
    } else
      this.#refuseSnapshotWaiters(groupOf(header.ch), {
        code: 'CHILD_START_FAILED',
        executed: 'no',
        detail: 'the server refused the handshake, or answered with more than 256 KiB',
      })
  }

  /** The group's child cannot serve anyone: the next client that comes starts another. */
  #refuseSnapshotWaiters(group: string, failure: Failure): void {
    this.#parts.channels.close(group)
    for (const { waiter } of this.#takeSnapshotWaiters(group)) this.fail(waiter.key, failure)
  }

  #takeSnapshotWaiters(group: string): SnapshotWaiter[] {
    const all = this.#snapshotWaiters
    this.#snapshotWaiters = all.filter(({ waiter }) => waiter.group !== group)
    return all.filter(({ waiter }) => waiter.group === group)
  }

  /** A session whose initialize was refused never began; its child has nobody to serve. */
  #endRefusedSession(waiter: Waiter): void {
    this.#parts.channels.close(waiter.session)
    this.#parts.store.endSession(waiter.session)
  }

  /** The child ended before the call reached it, as idle ones do, or died: the call is made again, for a new child. */
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

  #put(header: Answer | Message, target: Target, frame: Uint8Array, bodyBytes: number, isWhole: boolean, isFailure: boolean): void {
    if (!isWhole) {
      this.#transfers.set(`${header.ch} ${header.n}`, target)
      if (target.kind === 'sockets' && header.type === 'answer') target.sockets.forEach((socket) => this.#parts.streams.markBegun(socket))
    }
    if (target.kind === 'sockets') this.#toSockets(target.sockets, groupOf(header.ch), frame, bodyBytes)
    else if (target.kind === 'waiter') this.#toWaiter(target.waiter, frame, bodyBytes, isWhole && header.type === 'answer', isFailure)
  }

  #toSockets(sockets: readonly WebSocket[], group: string, frame: Uint8Array, bodyBytes: number): void {
    for (const socket of sockets) {
      try {
        socket.send(frame)
        this.#parts.ledger.add(socket, group, bodyBytes)
      } catch {
        // Closing; its close event settles what it owes.
      }
    }
  }

  #toWaiter(waiter: Waiter, frame: Uint8Array, bodyBytes: number, isLastWord: boolean, isFailure: boolean): void {
    if (isFailure && waiter.isInitialize) this.#endRefusedSession(waiter)
    if (isLastWord && waiter.buffer === undefined) {
      this.#parts.waiters.settle(waiter, { kind: 'frame', frame, restarted: waiter.restarted })
      return
    }
    if (waiter.buffer === undefined) {
      waiter.buffer = []
      waiter.bufferedAtMs = Date.now()
      waiter.resolve({ kind: 'stream', restarted: waiter.restarted })
    }
    waiter.buffer.push(frame)
    this.#parts.ledger.add(waiter, waiter.group, bodyBytes)
  }

  /** The call may have moved to its stream since the first frame of the message. */
  #toWaiterOrItsStream(waiter: Waiter, frame: Uint8Array, bodyBytes: number): void {
    if (this.#parts.waiters.get(waiter.key) === waiter) this.#toWaiter(waiter, frame, bodyBytes, false, false)
    else {
      const socket = this.#parts.streams.call(waiter.key)
      if (socket !== undefined) this.#toSockets([socket], waiter.group, frame, bodyBytes)
    }
  }

  #acknowledge(link: AgentLink, ch: string, n: number, at: number, ack: true | undefined): void {
    if (ack === undefined) return
    sendFrame(link, { type: 'receipt', ch, n })
    const group = groupOf(ch)
    const credit = this.#parts.ledger.ask(group, { ch, at })
    if (credit === undefined) this.#withhold(group, ch, at)
    else this.grant(credit)
  }

  /** Clients owe too much: asks them what they have taken, and notes their debts so that sleep does not lose them. */
  #withhold(group: string, ch: string, at: number): void {
    for (const { debtor, bytes } of this.#parts.ledger.debtsOf(group)) {
      if (!(debtor instanceof WebSocket)) {
        if (Date.now() - debtor.bufferedAtMs > STREAM_OPENING_MS) this.#abandon(debtor)
        continue
      }
      this.#parts.streams.markOwing(debtor, { bytes, ch, at })
      try {
        debtor.send(JSON.stringify({ type: 'sync' } satisfies StreamControl))
      } catch {
        closeQuietly(debtor, STREAM_CLOSE.ENDED, 'broken')
      }
    }
  }

  /** The Worker that was to open this call's stream is gone. */
  #abandon(waiter: Waiter): void {
    this.#parts.waiters.settle(waiter, { kind: 'moved' })
    this.grant(this.#parts.ledger.settle(waiter))
  }
}

/** Whether a call that its child has not seen may be made again: always where that was told to end, once where it died. */
function mayComeAgain(code: Failed['code'], target: Target): boolean {
  return code === 'CHANNEL_CLOSED' || (code === 'CHILD_DIED' && target.kind === 'waiter' && target.waiter.isRetry !== true)
}
