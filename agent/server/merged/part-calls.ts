/** Requests and messages for one of several merged servers: which wait for it, in order, and which run in it. Each request is settled once. */
import type { Failure } from '../../../protocol/errors.ts'
import { canonicalId } from '../../../protocol/json/json-scan.ts'
import { otherTypeId } from '../../../protocol/json/json-id.ts'
import { BACKLOG_BYTES } from '../../limits.ts'

/** What became of a request: the server's message, or why there is none. */
export type PartAnswer =
  | { readonly kind: 'result' | 'error'; readonly bytes: Uint8Array }
  | { readonly kind: 'failure'; readonly failure: Failure }

/** A request to one server, until it is settled. */
export interface PartCall {
  readonly rawId: string
  readonly settle: (answer: PartAnswer) => void
}

/** A message for it; `call` where it is a request. */
export interface PartMessage {
  readonly bytes: Uint8Array
  readonly call: PartCall | undefined
  /** Called once it is taken, or can never be. */
  readonly done: (taken: boolean) => void
}

interface Running {
  readonly call: PartCall
  isWritten: boolean
}

export class PartCalls {
  #waiting: PartMessage[] = []
  #waitingBytes = 0
  /** By canonical id. */
  readonly #running = new Map<string, Running>()
  /** What is told of messages that were written, and of which it is not known whether they were taken. */
  readonly #written = new Set<() => void>()

  /** Keeps a message until `takeWaiting`; false where there is no room for it. */
  wait(message: PartMessage): boolean {
    if (this.#waitingBytes + message.bytes.length > BACKLOG_BYTES) return false
    this.#waiting.push(message)
    this.#waitingBytes += message.bytes.length
    return true
  }

  /** All that waits, which waits no more. */
  takeWaiting(): readonly PartMessage[] {
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    return waiting
  }

  /** A message is written. Returns what is told whether it was taken. */
  write({ call, done }: Pick<PartMessage, 'call' | 'done'>): (taken: boolean) => void {
    const running: Running | undefined = call && { call, isWritten: false }
    if (running !== undefined) this.#running.set(canonicalId(running.call.rawId), running)
    // Whoever counts what is not taken yet must be told, also where the server never says so.
    const told = (): void => {
      if (this.#written.delete(told)) done(true)
    }
    this.#written.add(told)
    return (taken) => {
      if (running !== undefined) running.isWritten = taken
      told()
    }
  }

  has(rawId: string): boolean {
    const id = canonicalId(rawId)
    return this.#running.has(id) || this.#waiting.some(({ call }) => call !== undefined && canonicalId(call.rawId) === id)
  }

  /** The call that an answer with this id ends, or one with the id of the other type, since some servers change types. */
  answered(rawId: string): PartCall | undefined {
    const id = canonicalId(rawId)
    const other = otherTypeId(id)
    const running = this.#running.get(id) ?? (other === undefined ? undefined : this.#running.get(other))
    if (running !== undefined) this.#running.delete(canonicalId(running.call.rawId))
    return running?.call
  }

  /** Its client has taken a request back, which is never settled then. True when the server has it. */
  cancel(rawId: string): boolean {
    const id = canonicalId(rawId)
    const at = this.#waiting.findIndex(({ call }) => call !== undefined && canonicalId(call.rawId) === id)
    const [held] = at === -1 ? [] : this.#waiting.splice(at, 1)
    if (held === undefined) return this.#running.delete(id)
    this.#waitingBytes -= held.bytes.length
    held.done(true)
    return false
  }

  /** All comes to this. `untaken`: raw ids of what was written and has not reached the server. */
  settleAll(failure: Failure, untaken: readonly string[]): void {
    const unread = new Set(untaken.map(canonicalId))
    const running = [...this.#running]
    this.#running.clear()
    for (const told of this.#written) told()
    const waiting = this.takeWaiting()
    for (const [id, { call, isWritten }] of running)
      call.settle({ kind: 'failure', failure: { ...failure, executed: isWritten && !unread.has(id) ? 'unknown' : 'no' } })
    for (const { call, done } of waiting) {
      done(true)
      call?.settle({ kind: 'failure', failure: { ...failure, executed: 'no' } })
    }
  }
}
