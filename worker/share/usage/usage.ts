/** All that is kept of how the share is used: who its clients are, and what was done with each link. Told to the owner only. */
import type { UsageAnswer, UsageOrder } from '../../contract/call-records.ts'
import type { AdminCommand, CallRequest } from '../../contract/share-rpc.ts'
import type { Pass } from '../../contract/trust-rpc.ts'
import type { CallLedger } from '../clients/call-ledger.ts'
import type { ClientList } from './client-list.ts'

interface Parts {
  readonly clientList: ClientList
  readonly callLedger: CallLedger
}

export class Usage {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A client calls, by this pass. What is made again, or by the relay itself, is no call more. */
  called({ chain }: Pass, request: CallRequest, nowMs: number): void {
    this.#parts.clientList.called(request, nowMs)
    this.#parts.callLedger.used(chain, request.isRetry === true || request.isRelays === true ? 0 : 1, nowMs)
  }

  /** What an owner's question, or order about a client, comes to. */
  obey(order: UsageOrder): UsageAnswer {
    const { clientList, callLedger } = this.#parts
    return order.op === 'uses' ? { uses: callLedger.uses() } : { clients: clientList.obey(order) }
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#parts.clientList.forget()
    this.#parts.callLedger.forget()
  }
}

const OPS: ReadonlySet<string> = new Set<UsageOrder['op']>(['clients', 'end_client', 'uses'])

/** Whether an order is about use. */
export function isUsageOrder(command: AdminCommand): command is UsageOrder {
  return OPS.has(command.op)
}
