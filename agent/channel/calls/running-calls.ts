/** The calls that run in one child: gives them ids, and finds the call to which a message of the child belongs. No I/O, no clock. */
import { otherTypeId } from '../../../protocol/json/json-id.ts'
import { canonicalId, type MessageFacts } from '../../../protocol/json/json-scan.ts'
import { CallIds } from './call-ids.ts'
import { isHandshake, isListen, type RunningCall } from './call-memory.ts'
import { CANCELLED_CALLS, CANCELLED_LINGER_MS } from '../../limits.ts'

/** Where a message of the child goes. */
export interface Address {
  /** Return address of the call that it belongs to. */
  readonly ra?: string
  /** Whether that is certain, not only likely. */
  readonly sure?: true
}

interface RunningEntry {
  readonly call: RunningCall
  /** Canonical id and progress token that the child sees. */
  readonly id: string
  readonly token: string | undefined
}

/** Servers that hold ids in 32 bits exist. */
const MAX_ASSIGNED_ID = 2 ** 31 - 1

export class RunningCalls {
  readonly #ids: 'keep' | 'assign'
  #nextId = 1
  readonly #byId = new CallIds<RunningEntry>()
  readonly #byKey = new Map<string, RunningEntry>()
  /** Those other than listens, oldest first. */
  readonly #requests = new Set<RunningEntry>()
  #newest: RunningEntry | undefined
  readonly #byToken = new Map<string, RunningEntry>()
  /** Cancelled calls of which the child may still send messages, by id, and until when. */
  readonly #cancelled = new Map<string, { readonly untilMs: number; readonly isListen: boolean }>()

  constructor(ids: 'keep' | 'assign') {
    this.#ids = ids
  }

  get size(): number {
    return this.#byKey.size
  }

  /** The next free integer, for a call of an `assign` channel. */
  assignId(): string {
    for (;;) {
      const id = String(this.#nextId)
      this.#nextId = this.#nextId === MAX_ASSIGNED_ID ? 1 : this.#nextId + 1
      if (!this.#byId.has(id) && !this.#cancelled.has(id)) return id
    }
  }

  /** False when a call with this id runs, or was cancelled and may still be answered. `id` and `token` are canonical. */
  start(call: RunningCall, id: string, token: string | undefined, nowMs: number): boolean {
    this.#forgetCancelled(nowMs)
    if (this.#byId.has(id) || this.#cancelled.has(id)) return false
    const entry = { call, id, token }
    this.#byId.set(id, entry)
    this.#byKey.set(call.key, entry)
    if (!isListen(call)) {
      this.#requests.add(entry)
      this.#newest = entry
    }
    if (token !== undefined) this.#byToken.set(token, entry)
    return true
  }

  /** The id of the running call that the child means by one that it has written, which may have another type. */
  meantId(id: string): string {
    return this.#byId.meant(id)
  }

  /** The call that an answer with this id ends, which then runs no more. */
  answered(id: string | undefined): RunningCall | undefined {
    const entry = id === undefined ? undefined : this.#byId.get(id)
    if (id !== undefined && entry === undefined) this.#cancelled.delete(id)
    if (entry !== undefined) this.#remove(entry)
    return entry?.call
  }

  /** Ends a call without an answer. Returns the id under which the child knows it. */
  end(key: string): string | undefined {
    const entry = this.#byKey.get(key)
    if (entry !== undefined) this.#remove(entry)
    return entry?.id
  }

  /** As `end`, for a call of which the child may still send messages for CANCELLED_LINGER_MS. */
  cancel(key: string, nowMs: number): string | undefined {
    const entry = this.#byKey.get(key)
    const id = this.end(key)
    if (entry !== undefined) this.#cancelled.set(entry.id, { untilMs: nowMs + CANCELLED_LINGER_MS, isListen: isListen(entry.call) })
    const [oldest] = this.#cancelled.keys()
    if (oldest !== undefined && this.#cancelled.size > CANCELLED_CALLS) this.#cancelled.delete(oldest)
    return id
  }

  /** The handshake that runs alone: an error that names no call can be about nothing else. As `answered`, it runs no more. */
  answeredHandshake(): RunningCall | undefined {
    const [entry] = this.#requests
    if (entry === undefined || this.#byKey.size > 1 || !isHandshake(entry.call)) return undefined
    this.#remove(entry)
    return entry.call
  }

  /** The call that runs under this id. */
  named(id: string): RunningCall | undefined {
    return this.#byId.get(id)?.call
  }

  /** The child has proved that it did not take these calls, by their raw ids, though they were written to it. */
  notTaken(rawIds: readonly string[]): void {
    for (const rawId of rawIds) {
      const call = this.named(this.meantId(canonicalId(rawId)))
      if (call !== undefined) call.written = false
    }
  }

  /**
   * Where a message goes: to the call whose progress token or subscription id it names, or nowhere (undefined) when that runs
   * no more. One that names neither belongs for sure to the only call that runs; with `keep` and several, perhaps to the
   * newest. Listens do not count there. `of`: the raw id of the call that it belongs to, where the server has shown that by its stream.
   */
  address(facts: MessageFacts, nowMs: number, of?: string): Address | undefined {
    if (facts.progressToken !== undefined) return sure(this.#named(this.#byToken, canonicalId(facts.progressToken.raw)))
    if (facts.subscriptionId !== undefined) return sure(this.#named(this.#byId, canonicalId(facts.subscriptionId.raw)))
    const own = of === undefined ? undefined : sure(this.#byId.get(canonicalId(of)))
    if (own !== undefined) return own
    this.#forgetCancelled(nowMs)
    const newest = this.#newestRequest()
    if (newest === undefined) return {}
    if (this.#requests.size === 1 && ![...this.#cancelled.values()].some((cancelled) => !cancelled.isListen)) return sure(newest) ?? {}
    return this.#ids === 'keep' ? { ra: newest.call.ra } : {}
  }

  /** By the same token or id, or by one of the other type of a server that changes types. */
  #named(entries: { get(name: string): RunningEntry | undefined }, name: string): RunningEntry | undefined {
    const found = entries.get(name)
    if (found !== undefined || !this.#byId.changesTypes) return found
    const other = otherTypeId(name)
    return other === undefined ? undefined : entries.get(other)
  }

  /** Searched only after the newest call has ended before an older one. */
  #newestRequest(): RunningEntry | undefined {
    if (this.#newest === undefined) for (const entry of this.#requests) this.#newest = entry
    return this.#newest
  }

  #remove(entry: RunningEntry): void {
    this.#requests.delete(entry)
    if (this.#newest === entry) this.#newest = undefined
    this.#byId.delete(entry.id)
    this.#byKey.delete(entry.call.key)
    if (entry.token !== undefined && this.#byToken.get(entry.token) === entry) this.#byToken.delete(entry.token)
  }

  #forgetCancelled(nowMs: number): void {
    for (const [id, { untilMs }] of this.#cancelled) if (untilMs <= nowMs) this.#cancelled.delete(id)
  }
}

function sure(entry: RunningEntry | undefined): Address | undefined {
  return entry === undefined ? undefined : { ra: entry.call.ra, sure: true }
}
