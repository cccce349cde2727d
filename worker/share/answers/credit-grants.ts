/** Flow control towards agents: grants credit as clients take what was sent to them, and withholds it while they owe too much. */
import { MAX_BUFFERED_BYTES, STREAM_OPENING_MS } from '../../limits.ts'
import { groupOf } from '../../contract/groups.ts'
import { STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import { log } from '../../log.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { CreditGrant, CreditLedger } from '../clients/credit.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiter, Waiters } from '../clients/waiters.ts'
import { type AgentLink, closeQuietly, sendFrame } from '../agents/agent-link.ts'

/** What holds bytes on their way to a client: its stream, or a call whose stream is not open yet. */
export type Debtor = WebSocket | Waiter

interface Parts {
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly ledger: CreditLedger<Debtor>
}

export class CreditGrants {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A client has taken bytes, all that it owed when none are named; the agent may go on when that sets credit free. */
  taken(socket: WebSocket, bytes?: number): void {
    const { ledger, streams } = this.#parts
    const group = streams.attachmentOf(socket)?.group
    const credit = ledger.settle(socket, bytes)
    const withheld = group === undefined ? undefined : ledger.withheld(group)
    // Rewritten each time, so that a debt restored after hibernation is no larger than the real one.
    if (withheld !== undefined) streams.markOwing(socket, { bytes: ledger.owedBy(socket), ...withheld })
    this.#grant(credit)
  }

  /** Notes bytes on their way to a client. While all owe too much, streams end, of those who owe most: their clients can come back for the rest. */
  owe(debtor: Debtor, group: string, bytes: number): void {
    const { ledger } = this.#parts
    ledger.add(debtor, group, bytes)
    while (ledger.bytes > MAX_BUFFERED_BYTES) {
      const largest = ledger.largest()
      if (largest === undefined) return
      log('stream.overdue', { bytes: ledger.owedBy(largest) })
      if (!(largest instanceof WebSocket)) this.abandon(largest)
      else {
        closeQuietly(largest, STREAM_CLOSE.OVERDUE, 'its client takes too little of what comes')
        this.taken(largest)
      }
    }
  }

  /** Receipts a message whose agent asks for it, and grants it more where its clients keep up. */
  acknowledge(link: AgentLink, { ch, n, at, ack }: { ch: string; n: number; at: number; ack?: true | undefined }): void {
    if (ack === undefined) return
    sendFrame(link, { type: 'receipt', ch, n })
    const group = groupOf(ch)
    const credit = this.#parts.ledger.ask(group, { ch, at })
    if (credit === undefined) this.#withhold(group, ch, at)
    else this.#grant(credit)
  }

  /** Tells the agent how far it may go on. */
  #grant(credit: CreditGrant | undefined): void {
    if (credit === undefined) return
    const { channels, ledger, streams } = this.#parts
    const group = groupOf(credit.ch)
    for (const { debtor } of ledger.debtsOf(group)) if (debtor instanceof WebSocket) streams.markOwing(debtor, undefined)
    const current = channels.current(group)
    if (current?.ch === credit.ch) sendFrame(current.link, { type: 'credit', ch: credit.ch, upto: credit.upto })
  }

  /** Clients owe too much: asks them what they have taken, and notes their debts so that hibernation does not lose them. */
  #withhold(group: string, ch: string, at: number): void {
    for (const { debtor, bytes } of this.#parts.ledger.debtsOf(group)) {
      if (!(debtor instanceof WebSocket)) {
        if (Date.now() - debtor.bufferedAtMs > STREAM_OPENING_MS) this.abandon(debtor)
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
  abandon(waiter: Waiter): void {
    this.#parts.waiters.settle(waiter, { kind: 'moved' })
    this.#grant(this.#parts.ledger.settle(waiter))
  }
}
