/** Passes frames on to clients unchanged, to a call that waits over RPC or onto a stream's socket. Bytes are owed until the client has taken them. */
import type { Failure } from '../../../protocol/errors.ts'
import { failureFrame } from '../../contract/failure-frame.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import type { AgentNews } from '../agents/agent-news.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { CreditLedger } from '../clients/credit.ts'
import type { RunningCalls } from '../clients/running-calls.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiter, Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'
import type { CreditGrants, Debtor } from './credit-grants.ts'
import { closeQuietly } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly runningCalls: RunningCalls
  readonly news: AgentNews
  readonly ledger: CreditLedger<Debtor>
  readonly creditGrants: CreditGrants
}

export class ClientFrames {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  toSockets(sockets: readonly WebSocket[], group: string, frame: Uint8Array, bodyBytes: number): void {
    for (const socket of sockets) {
      try {
        socket.send(frame)
        this.#parts.creditGrants.owe(socket, group, bodyBytes)
      } catch {
        // Closing; its close event settles what it owes.
      }
    }
  }

  /** What a spare child says to those who listen to its group: its own credit does not wait for them, so who owes too much is ended. */
  toListeners(sockets: readonly WebSocket[], group: string, frame: Uint8Array, bodyBytes: number): void {
    for (const socket of sockets) {
      if (this.#parts.ledger.owesTooMuch(socket)) closeQuietly(socket, STREAM_CLOSE.BEHIND, 'it is not read')
      else this.toSockets([socket], group, frame, bodyBytes)
    }
  }

  /** `isLastWord`: nothing comes after this frame. Otherwise frames wait until the Worker has opened the call's stream. */
  toWaiter(waiter: Waiter, frame: Uint8Array, bodyBytes: number, isLastWord: boolean, isFailure: boolean): void {
    if (isFailure && waiter.isInitialize) this.#endRefusedSession(waiter)
    if (isLastWord && waiter.buffer === undefined) {
      this.#parts.waiters.settle(waiter, { kind: 'frame', frame, restarted: waiter.restarted })
      return
    }
    this.#parts.waiters.toStream(waiter).push(frame)
    this.#parts.creditGrants.owe(waiter, waiter.group, bodyBytes)
  }

  /** For a chunk: the call may have moved to its stream since the first frame of the message. */
  toWaiterOrItsStream(waiter: Waiter, frame: Uint8Array, bodyBytes: number): void {
    if (this.#parts.waiters.get(waiter.key) === waiter) this.toWaiter(waiter, frame, bodyBytes, false, false)
    else {
      const socket = this.#parts.streams.call(waiter.key)
      if (socket !== undefined) this.toSockets([socket], waiter.group, frame, bodyBytes)
    }
  }

  /** The stream of a waiting call has opened: sends the frames that came meanwhile. */
  handOver(waiter: Waiter, socket: WebSocket): void {
    const { ledger } = this.#parts
    for (const frame of waiter.buffer ?? []) socket.send(frame)
    const owed = ledger.debtsOf(waiter.group).find(({ debtor }) => debtor === waiter)
    if (owed !== undefined) ledger.add(socket, waiter.group, owed.bytes)
    ledger.settle(waiter)
  }

  /** Ends a call with a failure that the relay itself has found. */
  fail(key: string, failure: Failure): void {
    const { waiters, streams, runningCalls } = this.#parts
    runningCalls.ended(key, failure.code)
    const waiter = waiters.get(key)
    if (waiter !== undefined && waiter.buffer === undefined) {
      if (waiter.isInitialize) this.#endRefusedSession(waiter)
      waiters.settle(waiter, { kind: 'failed', failure })
    } else if (waiter !== undefined) waiter.buffer?.push(failureFrame(key, failure))
    else streams.call(key)?.send(failureFrame(key, failure))
  }

  /**
   * Tells a client that has come back for a call that it cannot be made again; the Worker that made it learns so from the outcome.
   * `isUnmade`: unless an agent has it after all.
   */
  failResumed(key: string, session: string, failure: Failure, isUnmade = false): void {
    const { streams } = this.#parts
    const socket = streams.call(key, session)
    const { resume, isRunning } = (socket && streams.attachmentOf(socket)) ?? {}
    if (socket !== undefined && resume !== undefined && !(isUnmade && isRunning === true))
      this.toSockets([socket], '', failureFrame(key, failure), 0)
  }

  /** Tells a resumed stream that its call has failed, unless a Worker still holds the call and may send it. */
  failUnlessOnItsWay(socket: WebSocket, frame: Uint8Array): void {
    const { streams, waiters, news } = this.#parts
    const { key = '', isRunning } = streams.attachmentOf(socket) ?? {}
    if (isRunning === true || socket.readyState !== WebSocket.OPEN) return
    const waitMs = waiters.onItsWayMs(key, news.toldAtMs, Date.now(), news.mark)
    if (waitMs > 0) setTimeout(() => this.failUnlessOnItsWay(socket, frame), waitMs)
    else this.toSockets([socket], '', frame, 0)
  }

  /** A session whose initialize was refused never began; its child has nobody to serve. */
  #endRefusedSession({ session }: Waiter): void {
    this.#parts.channels.close(session)
    this.#parts.store.endSession(session)
  }
}
