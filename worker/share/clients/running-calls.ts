/** The calls that run, from when they come until they have ended, for the audit. In memory only; of one that outlived sleep its stream tells what it was. */
import { ERRORS } from '../../../protocol/error-table.ts'
import type { ErrorCode } from '../../../protocol/errors.ts'
import { leafOf } from '../../contract/trust/pass.ts'
import type { AuditEvent } from '../../contract/call-records.ts'
import { isCharged } from '../../contract/trust/metering.ts'
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import type { Pass } from '../../contract/trust/trust-rpc.ts'
import { MAX_AUDITED_CALLS, MAX_CAPTURED_CALLS, MAX_CAPTURED_CALLS_OF_ONE, MAX_SHOWN_CHARS } from '../../usage-limits.ts'
import type { NewAuditEvent } from '../rows/audit-rows.ts'
import type { Streams } from './streams.ts'

/** A call that has ended. `session`: whose client it was made by, in full. */
export interface EndedCall extends Omit<NewAuditEvent, 'session' | 'client'>, Captured {
  readonly session?: string
}

interface Parts {
  readonly streams: Pick<Streams, 'call' | 'attachmentOf'>
  readonly record: (call: EndedCall) => void
  /** The link of the owner's that a principal comes from, by its rows. */
  readonly rootLinkOf: (principal: string) => string
  /** What is captured of a request or a response; undefined while nothing is. */
  readonly captures: () => Captures | undefined
}

export type Captured = Pick<AuditEvent, 'arguments' | 'result'>

/** What is kept of bodies for an owner who has asked for it. */
export interface Captures {
  readonly ofRequest: (body: Uint8Array) => string | undefined
  readonly ofResponse: (body: Uint8Array) => string | undefined
}

type Begun = Pick<EndedCall, 'whose' | 'at' | 'link' | 'principal' | 'address' | 'session' | 'method' | 'tool' | 'bytes' | 'arguments'>

const OK = 200

export class RunningCalls {
  readonly #parts: Parts
  readonly #running = new Map<string, Begun>()
  /** How many of them carry what is captured, by whose they are. */
  readonly #carrying = new Map<string, number>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#running.clear()
    this.#carrying.clear()
  }

  /** A call comes by this pass, or comes again. */
  began(pass: Pick<Pass, 'chain' | 'address'>, request: CallRequest, nowMs: number): void {
    const { key, principal, method, tool, size } = request
    if (request.isRelays === true || this.#running.has(key)) return
    const [oldest] = this.#running.size < MAX_AUDITED_CALLS ? [] : this.#running.keys()
    if (oldest !== undefined) this.#take(oldest)
    const [whose] = pass.chain
    this.#running.set(key, {
      whose,
      at: nowMs,
      link: leafOf(pass),
      principal,
      ...(pass.address === undefined ? {} : { address: pass.address }),
      ...('session' in request ? { session: request.session } : {}),
      method: method.slice(0, MAX_SHOWN_CHARS),
      ...(tool === undefined ? {} : { tool: tool.slice(0, MAX_SHOWN_CHARS) }),
      bytes: size,
      ...this.#argumentsOf(whose, request),
    })
  }

  /** Nobody takes the room of all: of one link so many are captured at a time. */
  #argumentsOf(whose: string, { method, body }: CallRequest): Pick<Captured, 'arguments'> {
    const captures = isCharged(method) ? this.#parts.captures() : undefined
    if (captures === undefined) return {}
    const count = this.#carrying.get(whose) ?? 0
    const all = Array.from(this.#carrying.values()).reduce((sum, one) => sum + one, 0)
    if (count >= MAX_CAPTURED_CALLS_OF_ONE || all >= MAX_CAPTURED_CALLS) return {}
    const text = captures.ofRequest(body)
    if (text === undefined) return {}
    this.#carrying.set(whose, count + 1)
    return { arguments: text }
  }

  /** The call is over for the audit, or comes anew. */
  #take(key: string): Begun | undefined {
    const begun = this.#running.get(key)
    this.#running.delete(key)
    if (begun?.arguments === undefined) return begun
    const left = (this.#carrying.get(begun.whose) ?? 0) - 1
    if (left > 0) this.#carrying.set(begun.whose, left)
    else this.#carrying.delete(begun.whose)
    return begun
  }

  /** What the Worker is told of a call that it has made. */
  told({ key, isRetry, wasHeld }: CallRequest, outcome: CallOutcome): void {
    switch (outcome.kind) {
      case 'failed':
        return this.ended(key, outcome.failure.code)
      case 'cut':
        return this.ended(key, outcome.code)
      case 'state_refused':
        return this.ended(key, 'STATE_REFUSED')
      case 'result':
        return this.ended(key, outcome.outcome ?? 'ok')
      case 'held':
        // As one that waits for an agent.
        if (wasHeld === true) this.#take(key)
        else this.#waits(key, 'APPROVAL_PENDING')
        return
      case 'initialized':
      case 'standby':
      case 'join':
        return this.ended(key, 'ok')
      case 'away':
        // Its Worker waits, and calls again: that is told by then.
        if (isRetry === true) this.#take(key)
        else this.#waits(key, 'AGENT_AWAY')
        return
      case 'no_stream':
      case 'stale':
      case 'bridge':
      case 'spread':
      case 'native':
        // Its Worker may find that it must not be made.
        this.#take(key)
        return
      default:
        // It is answered by another way, or comes again.
        return
    }
  }

  /** The server's answer is there, of so many bytes, or its agent has failed. `body`: the first of the answer. */
  answered(key: string, outcome: string, bytes: number, body?: Uint8Array, nowMs = Date.now()): void {
    const begun = this.#take(key) ?? this.#recalled(key)
    if (begun === undefined) return
    const result = body === undefined || !isCharged(begun.method) ? undefined : this.#parts.captures()?.ofResponse(body)
    this.#record(result === undefined ? begun : { ...begun, result }, outcome, nowMs - begun.at, begun.bytes + bytes)
  }

  /** The relay itself has ended a call. */
  ended(key: string, outcome: string, nowMs = Date.now()): void {
    const begun = this.#take(key)
    if (begun === undefined) return
    this.#record(begun, outcome, nowMs - begun.at, begun.bytes)
  }

  /** A call could not be made yet: for how long is not known here. */
  #waits(key: string, why: string): void {
    const begun = this.#take(key)
    if (begun !== undefined) this.#record(begun, why, null, begun.bytes)
  }

  #record(begun: Begun & Captured, outcome: string, ms: number | null, bytes: number): void {
    const call = { ...begun, outcome, status: statusOf(outcome), ms: begun.at === 0 ? null : ms, bytes }
    // The owner may want to know no more what a call carried that has begun before.
    this.#parts.record(this.#parts.captures() === undefined ? bare(call) : call)
  }

  /** A call that the object has forgotten in its sleep. When it began is not known, nor how long it was. */
  #recalled(key: string): Begun | undefined {
    const socket = this.#parts.streams.call(key)
    const attachment = socket === undefined ? undefined : this.#parts.streams.attachmentOf(socket)
    if (attachment?.repeat === undefined) return undefined
    const { link, address, session, repeat } = attachment
    const { principal, method, tool } = repeat
    const own = { ...(address === undefined ? {} : { address }), ...(session === undefined || session === '' ? {} : { session }) }
    return {
      whose: this.#parts.rootLinkOf(principal),
      at: 0,
      link,
      principal,
      ...own,
      method,
      ...(tool === undefined ? {} : { tool }),
      bytes: 0,
    }
  }
}

/** A call without what it carried. */
export function bare(call: EndedCall): EndedCall {
  const { arguments: _, result: __, ...rest } = call
  return rest
}

/** The HTTP status that belongs to an outcome. */
export function statusOf(outcome: string): number {
  return isErrorCode(outcome) ? ERRORS[outcome].http : OK
}

function isErrorCode(outcome: string): outcome is ErrorCode {
  return Object.hasOwn(ERRORS, outcome)
}
