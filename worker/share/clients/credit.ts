/** Bytes that clients have not taken yet, per channel group, and how far an agent may therefore send on. No I/O. */
import { CHANNEL_WINDOW_BYTES } from '../../../protocol/limits.ts'

export interface CreditGrant {
  readonly ch: string
  /** The running total of the channel's body bytes that the agent may reach. */
  readonly upto: number
}

/** Where credit is withheld: the channel, and its running total when it asked. */
export interface Withheld {
  readonly ch: string
  readonly at: number
}

const HALF_WINDOW_BYTES = CHANNEL_WINDOW_BYTES / 2

/** Debtors are whatever holds bytes on their way to a client: a stream's socket, or a call whose stream is not open yet. */
export class CreditLedger<Debtor extends object> {
  readonly #debts = new Map<Debtor, { readonly group: string; bytes: number }>()
  readonly #totals = new Map<string, number>()
  readonly #withheld = new Map<string, Withheld>()
  #bytes = 0
  #maxBytes = 0

  add(debtor: Debtor, group: string, bytes: number): void {
    if (bytes === 0) return
    // A debtor owes to one group, whichever child its bytes came from, so that what it pays is taken off where it was added.
    const debt = this.#debts.get(debtor) ?? { group, bytes: 0 }
    debt.bytes += bytes
    this.#bytes += bytes
    this.#debts.set(debtor, debt)
    const total = (this.#totals.get(debt.group) ?? 0) + bytes
    this.#totals.set(debt.group, total)
    if (total > this.#maxBytes) this.#maxBytes = total
  }

  /** Takes bytes off a debt, all of them when none are named; returns the credit that this sets free. */
  settle(debtor: Debtor, bytes = Infinity): CreditGrant | undefined {
    const debt = this.#debts.get(debtor)
    if (debt === undefined) return undefined
    const paid = Math.min(bytes, debt.bytes)
    debt.bytes -= paid
    this.#bytes -= paid
    if (debt.bytes === 0) this.#debts.delete(debtor)
    const total = (this.#totals.get(debt.group) ?? 0) - paid
    if (total > 0) this.#totals.set(debt.group, total)
    else this.#totals.delete(debt.group)
    const withheld = this.#withheld.get(debt.group)
    return withheld === undefined ? undefined : this.ask(debt.group, withheld)
  }

  /** How far the channel may go on, or undefined while its clients owe more than half a window. */
  ask(group: string, wanted: Withheld): CreditGrant | undefined {
    const owed = this.#totals.get(group) ?? 0
    if (owed > HALF_WINDOW_BYTES) {
      this.#withheld.set(group, wanted)
      return undefined
    }
    this.#withheld.delete(group)
    return { ch: wanted.ch, upto: wanted.at + CHANNEL_WINDOW_BYTES - owed }
  }

  /** What one debtor owes now. */
  owedBy(debtor: Debtor): number {
    return this.#debts.get(debtor)?.bytes ?? 0
  }

  /** Whether one debtor alone owes more than its group may while the agent is to go on. */
  owesTooMuch(debtor: Debtor): boolean {
    return this.owedBy(debtor) > HALF_WINDOW_BYTES
  }

  withheld(group: string): Withheld | undefined {
    return this.#withheld.get(group)
  }

  /** Restores, after hibernation, a debt for which credit was withheld. */
  restore(debtor: Debtor, group: string, bytes: number, withheld: Withheld): void {
    this.add(debtor, group, bytes)
    this.#withheld.set(group, withheld)
  }

  /** What the debtors of a group owe now. */
  debtsOf(group: string): { readonly debtor: Debtor; readonly bytes: number }[] {
    const debts: { debtor: Debtor; bytes: number }[] = []
    for (const [debtor, debt] of this.#debts) if (debt.group === group) debts.push({ debtor, bytes: debt.bytes })
    return debts
  }

  /** Who owes most. */
  largest(): Debtor | undefined {
    let largest: Debtor | undefined
    let most = 0
    for (const [debtor, { bytes }] of this.#debts) {
      if (bytes <= most) continue
      largest = debtor
      most = bytes
    }
    return largest
  }

  /** What all owe now. */
  get bytes(): number {
    return this.#bytes
  }

  /** The most that one group ever owed. */
  get maxBytes(): number {
    return this.#maxBytes
  }
}
