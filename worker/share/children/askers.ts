/** Knows which calls of clients without sessions ask their clients, by method and name: certainly, perhaps, or not. */
import { MAX_ASKERS } from '../../asking-limits.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'

interface Parts {
  readonly store: Store
  readonly streams: Streams
  readonly waiters: Waiters
}

/** A call that runs and may ask its client. */
export interface RunningAsker {
  readonly key: string
  /** Method and name. */
  readonly asker: string
}

export class Askers {
  readonly #parts: Parts
  /** Names that were answered without having asked; forgotten with the object's memory, like the two below. */
  readonly #quiet = new Set<string>()
  /** Names of calls that ran when something was asked that could be of any of them, with the keys of those calls. */
  readonly #suspects = new Map<string, readonly string[]>()
  /** Calls that were answered, and whose streams are still open. */
  readonly #answered = new Set<string>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A call has asked, and it was certainly this one. */
  note(key: string): void {
    const asker = this.#askerOf(key)
    if (asker !== undefined) this.#parts.store.bridge.markAsker(asker)
  }

  /** Any of these calls may have asked. */
  suspect(calls: readonly RunningAsker[]): void {
    for (const { asker } of calls) {
      this.#quiet.delete(asker)
      const isKnown = this.#parts.store.bridge.isAsker(asker) || this.#suspects.size >= MAX_ASKERS
      if (!isKnown)
        this.#suspects.set(
          asker,
          calls.filter((call) => call.asker === asker).map(({ key }) => key),
        )
    }
  }

  /** A call was answered without having asked: calls of this name are taken not to ask. */
  answered(key: string): void {
    const asker = this.#askerOf(key)
    if (asker === undefined) return
    if (this.#parts.waiters.get(key) === undefined) this.#answered.add(key)
    if (this.#quiet.has(asker) || this.#parts.store.bridge.isAsker(asker)) return
    // A call that was suspected proves nothing by its answer; the next one of its name runs alone.
    if (this.#suspects.get(asker)?.includes(key) === true) return
    this.#suspects.delete(asker)
    if (this.#quiet.size < MAX_ASKERS) this.#quiet.add(asker)
  }

  /** The stream of a call has closed; true when the call was answered before. */
  closed(key: string): boolean {
    return this.#answered.delete(key)
  }

  isQuiet(asker: string): boolean {
    return this.#quiet.has(asker)
  }

  /** Whether calls of this name have asked, or may have. */
  mayAsk(asker: string): boolean {
    return this.#suspects.has(asker) || this.#parts.store.bridge.isAsker(asker)
  }

  /** Calls that run on a group's child and may ask, oldest first as far as that is known. */
  running(group: string): RunningAsker[] {
    const { waiters, streams } = this.#parts
    const streaming = streams.callsOfGroup(group).map((socket) => streams.attachmentOf(socket))
    const waiting = waiters.where((waiter) => waiter.group === group)
    return [...streaming, ...waiting].flatMap((call) =>
      call?.asker === undefined || call.key === undefined || this.#answered.has(call.key) ? [] : [{ key: call.key, asker: call.asker }],
    )
  }

  /** Keys of calls that run on a group's child and cannot ask: lists, completions. */
  others(group: string): string[] {
    const { waiters, streams } = this.#parts
    const streaming = streams.callsOfGroup(group).map((socket) => streams.attachmentOf(socket))
    const waiting = waiters.where((waiter) => waiter.group === group)
    return [...streaming, ...waiting].flatMap((call) =>
      call?.key === undefined || call.asker !== undefined || call.isListen === true ? [] : [call.key],
    )
  }

  /** Whether a call runs that has not been answered. */
  isRunning(key: string): boolean {
    const { waiters, streams } = this.#parts
    return waiters.get(key) !== undefined || (streams.call(key) !== undefined && !this.#answered.has(key))
  }

  #askerOf(key: string): string | undefined {
    const waiter = this.#parts.waiters.get(key)
    if (waiter !== undefined) return waiter.asker
    const socket = this.#parts.streams.call(key)
    return socket === undefined ? undefined : this.#parts.streams.attachmentOf(socket)?.asker
  }
}
