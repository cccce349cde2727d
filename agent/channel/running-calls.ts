/** The calls that run in one child: gives them ids, finds the call that a message of the child belongs to. */
import { canonicalId, type MessageFacts } from '../../protocol/json-scan.ts'
import { isListen, type RunningCall } from './call-memory.ts'
import { CANCELLED_CALLS, CANCELLED_LINGER_MS } from '../limits.ts'

/** Where a message of the child goes. `sure` when the call is certain. */
export interface Address {
  readonly ra?: string
  readonly sure?: true
}

interface Slot {
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
  readonly #byId = new Map<string, Slot>()
  readonly #byKey = new Map<string, Slot>()
  /** Those that do not only listen, oldest first. */
  readonly #speaking = new Set<Slot>()
  #newest: Slot | undefined
  readonly #byToken = new Map<string, Slot>()
  /** Cancelled calls that may still speak, by id, with the time until then. */
  readonly #cancelled = new Map<string, { readonly untilMs: number; readonly listens: boolean }>()

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

  /** False when the id is running, or was cancelled and may still be answered. `id` and `token` are canonical. */
  start(call: RunningCall, id: string, token: string | undefined, nowMs: number): boolean {
    this.#forgetCancelled(nowMs)
    if (this.#byId.has(id) || this.#cancelled.has(id)) return false
    const slot = { call, id, token }
    this.#byId.set(id, slot)
    this.#byKey.set(call.key, slot)
    if (!isListen(call)) {
      this.#speaking.add(slot)
      this.#newest = slot
    }
    if (token !== undefined) this.#byToken.set(token, slot)
    return true
  }

  /** The call that an answer with this id ends, which then runs no more. */
  answered(id: string | undefined): RunningCall | undefined {
    const slot = id === undefined ? undefined : this.#byId.get(id)
    if (id !== undefined && slot === undefined) this.#cancelled.delete(id)
    if (slot !== undefined) this.#remove(slot)
    return slot?.call
  }

  /** Ends a call without an answer. Returns the id under which the child knows it. */
  end(key: string): string | undefined {
    const slot = this.#byKey.get(key)
    if (slot !== undefined) this.#remove(slot)
    return slot?.id
  }

  /** As `end`, but the child may still speak for it. */
  cancel(key: string, nowMs: number): string | undefined {
    const slot = this.#byKey.get(key)
    const id = this.end(key)
    if (slot !== undefined) this.#cancelled.set(slot.id, { untilMs: nowMs + CANCELLED_LINGER_MS, listens: isListen(slot.call) })
    const [oldest] = this.#cancelled.keys()
    if (oldest !== undefined && this.#cancelled.size > CANCELLED_CALLS) this.#cancelled.delete(oldest)
    return id
  }

  /** The call that runs under this id. */
  named(id: string): RunningCall | undefined {
    return this.#byId.get(id)?.call
  }

  /**
   * The only call that speaks of this token or subscription; for a message without either, the only one running, else a
   * hint. A call that only listens is never meant by those. Undefined: nobody waits for it.
   */
  address(facts: MessageFacts, nowMs: number): Address | undefined {
    if (facts.progressToken !== undefined) return sure(this.#byToken.get(canonicalId(facts.progressToken.raw)))
    if (facts.subscriptionId !== undefined) return sure(this.#byId.get(canonicalId(facts.subscriptionId.raw)))
    this.#forgetCancelled(nowMs)
    const newest = this.#newestSpeaking()
    if (newest === undefined) return {}
    if (this.#speaking.size === 1 && ![...this.#cancelled.values()].some(({ listens }) => !listens)) return sure(newest) ?? {}
    return this.#ids === 'keep' ? { ra: newest.call.ra } : {}
  }

  /** Looked for only when the newest was answered before the others. */
  #newestSpeaking(): Slot | undefined {
    if (this.#newest === undefined) for (const slot of this.#speaking) this.#newest = slot
    return this.#newest
  }

  #remove(slot: Slot): void {
    this.#speaking.delete(slot)
    if (this.#newest === slot) this.#newest = undefined
    this.#byId.delete(slot.id)
    this.#byKey.delete(slot.call.key)
    if (slot.token !== undefined && this.#byToken.get(slot.token) === slot) this.#byToken.delete(slot.token)
  }

  #forgetCancelled(nowMs: number): void {
    for (const [id, { untilMs }] of this.#cancelled) if (untilMs <= nowMs) this.#cancelled.delete(id)
  }
}

function sure(slot: Slot | undefined): Address | undefined {
  return slot === undefined ? undefined : { ra: slot.call.ra, sure: true }
}
