/** All that is kept of how the share is used: who its clients are, and what was done with each link. Told to the owner only. */
import type { ApprovalDecision } from '../../contract/trust/approvals.ts'
import type { RefusedCalls, UsageAnswer, UsageOrder } from '../../contract/call-records.ts'
import type { Exhausted } from '../../contract/trust/metering.ts'
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import type { Pass } from '../../contract/trust/trust-rpc.ts'
import { MAX_SHOWN_CHARS } from '../../usage-limits.ts'
import type { CallLedger } from '../clients/call-ledger.ts'
import { type RunningCalls, statusOf } from '../clients/running-calls.ts'
import type { ApprovalRow } from '../rows/approval-rows.ts'
import type { ClientList } from './client-list.ts'
import type { AdminCommand } from '../../contract/share-admin.ts'

interface Parts {
  readonly clientList: ClientList
  readonly callLedger: CallLedger
  readonly runningCalls: RunningCalls
}

export class Usage {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A client calls, by this pass. What is made again, or by the relay itself, is no call more. */
  called(pass: Pass, request: CallRequest, nowMs: number): void {
    this.#parts.clientList.called(request, nowMs)
    this.#parts.runningCalls.began(pass, request, nowMs)
    if (request.refused !== undefined) this.#parts.callLedger.refused(request.refused)
    this.#parts.callLedger.used(pass.chain, request.isRetry === true || request.isRelays === true ? 0 : 1, nowMs)
  }

  /** What limits have said of a call. One that they refuse is counted, and so is what its Worker has told with it. Nobody waits for that here. */
  charged(pass: Pass, request: CallRequest, told: Exhausted | CallOutcome | Promise<Exhausted | CallOutcome>): void {
    const note = ({ kind }: Exhausted | CallOutcome): void => {
      if (kind === 'limited') this.#parts.callLedger.refused([...(request.refused ?? []), limitedCall(pass, request)])
    }
    if (told instanceof Promise) void told.then(note, () => undefined)
    else note(told)
  }

  /** Limits have refused a request that is no call of the Share's. */
  limited(pass: Pass, what: Pick<CallRequest, 'principal' | 'method' | 'tool'>): void {
    this.#parts.callLedger.refused([limitedCall(pass, what)])
  }

  /** What the Worker is told of a call. Nobody waits for that here. */
  attend(request: CallRequest, outcome: CallOutcome | Promise<CallOutcome>): void {
    const { runningCalls } = this.#parts
    if (request.delivery === 'session' && request.refusal !== undefined) runningCalls.ended(request.key, request.refusal.code)
    if (!(outcome instanceof Promise)) runningCalls.told(request, outcome)
    else
      void outcome.then(
        (told) => runningCalls.told(request, told),
        () => undefined,
      )
  }

  /** The owner has decided about a call that waits. */
  decided({ chain, principal, tool }: Pick<ApprovalRow, 'chain' | 'principal' | 'tool'>, decision: ApprovalDecision): void {
    const by = { whose: chain[0] ?? '', link: chain.at(-1) ?? '', principal }
    const what = { method: 'tools/call', tool: tool.slice(0, MAX_SHOWN_CHARS) }
    this.#parts.callLedger.record({ at: Date.now(), ...by, ...what, outcome: decision, status: statusOf(decision), ms: null, bytes: 0 })
  }

  /** What an owner's question, or order about a client, comes to. */
  obey(order: UsageOrder): UsageAnswer {
    const { clientList, callLedger } = this.#parts
    if (order.op === 'uses') return { uses: callLedger.uses() }
    return order.op === 'audit' ? { audit: callLedger.events(order.after, order.afterRefused) } : { clients: clientList.obey(order) }
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#parts.clientList.forget()
    this.#parts.callLedger.forget()
    this.#parts.runningCalls.forget()
  }
}

function limitedCall(
  { chain, address }: Pass,
  { principal, method, tool }: Pick<CallRequest, 'principal' | 'method' | 'tool'>,
): RefusedCalls {
  const by = { whose: chain[0], principal, ...(address === undefined ? {} : { address }) }
  const what = { method: method.slice(0, MAX_SHOWN_CHARS), ...(tool === undefined ? {} : { tool: tool.slice(0, MAX_SHOWN_CHARS) }) }
  return { ...by, ...what, outcome: 'RATE_LIMIT_EXCEEDED', count: 1, at: Date.now() }
}

const OPS: ReadonlySet<string> = new Set<UsageOrder['op']>(['clients', 'end_client', 'uses', 'audit'])

/** Whether an order is about use. */
export function isUsageOrder(command: AdminCommand): command is UsageOrder {
  return OPS.has(command.op)
}
