/** The calls of one channel that were neither answered nor failed. One that runs for RECEIPT_AFTER_MS is receipted. */
import { RECEIPT_AFTER_MS } from '../../limits.ts'
import { isHandshake, isListen, type RunningCall } from './call-memory.ts'

interface AcceptedCall {
  readonly call: RunningCall
  readonly receiptTimer: NodeJS.Timeout
}

export class AcceptedCalls {
  readonly #receipt: (key: string) => void
  readonly #byKey = new Map<string, AcceptedCall>()
  readonly #byTag = new Map<string, RunningCall>()

  /** `receipt` tells the relay that a call has come. */
  constructor(receipt: (key: string) => void) {
    this.#receipt = receipt
  }

  /** Whether there is one that does not only listen: those may do so for ever, and do not count. */
  get isBusy(): boolean {
    return this.busyCount > 0
  }

  /** How many there are of those. */
  get busyCount(): number {
    return this.all().filter((call) => !isListen(call)).length
  }

  /** Whether one is a handshake. Until that is answered the child serves nobody, and only the relay knows whether anybody waits for it. */
  get hasHandshake(): boolean {
    return this.all().some(isHandshake)
  }

  get hasListener(): boolean {
    return this.all().some(isListen)
  }

  all(): RunningCall[] {
    return [...this.#byKey.values()].map(({ call }) => call)
  }

  get(key: string): RunningCall | undefined {
    return this.#byKey.get(key)?.call
  }

  /** The newest call with this tag, by which a cancellation names it. */
  tagged(tag: string): RunningCall | undefined {
    return this.#byTag.get(tag)
  }

  add(call: RunningCall): void {
    const { key, tag } = call
    this.#byKey.set(key, { call, receiptTimer: setTimeout(() => this.#receipt(key), RECEIPT_AFTER_MS) })
    this.#byTag.set(tag, call)
  }

  delete(key: string): void {
    const accepted = this.#byKey.get(key)
    if (accepted === undefined) return
    clearTimeout(accepted.receiptTimer)
    this.#byKey.delete(key)
    if (this.#byTag.get(accepted.call.tag) === accepted.call) this.#byTag.delete(accepted.call.tag)
  }
}
