/** Ends calls that were never sent to their agent: there was no turn for them, they were cancelled before, or their agent has gone. Nothing has run of them. */
import { failedFrame } from '../../../protocol/failed-frame.ts'
import type { Call } from '../../../protocol/frame.ts'
import { encodeFrame } from '../../../protocol/frame-codec.ts'
import { groupOf, isSpareGroup } from '../../contract/groups.ts'
import { decodeReturnAddress } from '../../contract/return-address.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import type { UnsentCode } from '../agents/call-turns.ts'
import { closeQuietly } from '../agents/agent-link.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { PostedCalls } from '../clients/posted-calls.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'
import type { Delivery } from './delivery.ts'

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly postedCalls: PostedCalls
  readonly delivery: Delivery
  /** A call was charged, and has failed. */
  readonly failed: (key: string) => void
}

export class UnsentCalls {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Whether anybody waits for the answer of a call. */
  isWanted({ key, ra }: Call): boolean {
    const { store, streams, waiters } = this.#parts
    const address = decodeReturnAddress(ra)
    if (address?.to === 'session') return store.sessions.get(address.session) !== undefined
    return waiters.get(key) !== undefined || streams.call(key) !== undefined
  }

  /** Fails a call, as its agent would. */
  refuse(call: Call, code: UnsentCode): void {
    const { channels, delivery, failed } = this.#parts
    const header = failedFrame(call, { code, executed: 'no' })
    failed(call.key)
    delivery.failed(header, encodeFrame(header))
    // A spare child was for that call alone.
    if (isSpareGroup(groupOf(call.ch))) channels.close(groupOf(call.ch))
  }

  /** Has the Worker of a call make it again; over HTTP+SSE the one that holds the session's stream, if the call is kept. */
  giveBack(call: Call): void {
    const { key, ra } = call
    const { streams, waiters, postedCalls } = this.#parts
    if (decodeReturnAddress(ra)?.to === 'session') return postedCalls.makeAgain(key, 'unrun') ? undefined : this.refuse(call, 'AGENT_BUSY')
    const waiter = waiters.get(key)
    if (waiter !== undefined && waiter.buffer === undefined) return waiters.settle(waiter, { kind: 'again' })
    const socket = streams.call(key)
    if (socket === undefined) return
    waiters.turnAway(key, Date.now())
    closeQuietly(socket, STREAM_CLOSE.AGAIN, 'call again')
  }
}
