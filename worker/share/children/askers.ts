/** Knows which calls of clients without sessions ask their clients, by method and name: certainly, perhaps, or not. A server may ask the clients of one group what it does not ask those of another. */
import { MAX_ASKERS } from '../../asking-limits.ts'
import { mainGroup } from '../../contract/groups.ts'
import { Newest } from '../../newest.ts'
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
  /** Names that were answered without having asked, by group; forgotten with the object's memory, like the two below. */
  readonly #quiet = new Newest<true>(MAX_ASKERS)
  /** Names of calls that ran when something was asked that could be of any of them, by group, with the keys of those calls. */
  readonly #suspects = new Newest<readonly string[]>(MAX_ASKERS)
  /** Calls that were answered, and whose streams are still open. */
  readonly #answered = new Set<string>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A call has asked, and it was certainly this one. */
  note(key: string): void {
    const asker = this.#askerOf(key)?.asker
    if (asker !== undefined) this.#parts.store.bridge.markAsker(asker)
  }

  /** Any of these calls on a group's child may have asked. */
  suspect(group: string, calls: readonly RunningAsker[]): void {
    for (const { asker } of calls) {
      const name = nameOf(group, asker)
      this.#quiet.delete(name)
      if (this.#parts.store.bridge.isAsker(asker)) continue
      this.#suspects.set(
        name,
        calls.filter((call) => call.asker === asker).map(({ key }) => key),
      )
    }
  }

  /** A call was answered without having asked: calls of this name are taken not to ask the clients of its group. */
  answered(key: string): void {
    const { asker, group } = this.#askerOf(key) ?? {}
    if (asker === undefined || group === undefined) return
    if (this.#parts.waiters.get(key) === undefined) this.#answered.add(key)
    if (this.isQuiet(group, asker) || this.#parts.store.bridge.isAsker(asker)) return
    const name = nameOf(group, asker)
    // A call that was suspected proves nothing by its answer; the next one of its name runs alone.
    if (this.#suspects.get(name)?.includes(key) === true) return
    this.#suspects.delete(name)
    this.#quiet.set(name, true)
  }

  /** The stream of a call has closed; true when the call was answered before. */
  closed(key: string): boolean {
    return this.#answered.delete(key)
  }

  isQuiet(group: string, asker: string): boolean {
    return this.#quiet.get(nameOf(group, asker)) === true
  }

  /** Whether calls of this name have asked, in whichever group, or may have asked the clients of this one. */
  mayAsk(group: string, asker: string): boolean {
    return this.#suspects.get(nameOf(group, asker)) !== undefined || this.#parts.store.bridge.isAsker(asker)
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

  #askerOf(key: string): { readonly asker?: string; readonly group: string } | undefined {
    const waiter = this.#parts.waiters.get(key)
    if (waiter !== undefined) return waiter
    const socket = this.#parts.streams.call(key)
    return socket === undefined ? undefined : this.#parts.streams.attachmentOf(socket)
  }
}

/** A spare child asks for its group. */
function nameOf(group: string, asker: string): string {
  return `${mainGroup(group)} ${asker}`
}
