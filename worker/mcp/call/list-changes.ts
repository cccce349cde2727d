/** Writes the relay's own notifications that a server's lists may have changed. */
import { changeMethods, readFilter, subscriptionEdits } from '../../bridge/listen.ts'
import { boundedValueAt } from '../../bridge/json/bounded-value.ts'
import { findPath, rootOf } from '../../bridge/json-view.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import type { StreamControl } from '../../contract/streams.ts'
import { splice } from '../../../protocol/splice.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** One notification each. */
export function changeMessages(methods: readonly string[]): string[] {
  return methods.map((method) => `{"jsonrpc":"2.0","method":${JSON.stringify(method)}}`)
}

/** The same for a listen (MCP 2026-07-28): `rawId` is the id of its request. */
export function listenMessages(methods: readonly string[], rawId: string): string[] {
  return methods.map((method) => {
    const bytes = encoder.encode(`{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":{}}`)
    return decoder.decode(splice(bytes, subscriptionEdits(bytes, rawId)))
  })
}

/** Those changes that a subscriptions/listen request asks for. */
export function changesWanted(methods: readonly string[], request: Uint8Array): string[] {
  const notifications = boundedValueAt(request, findPath(request, rootOf(request), 'params', 'notifications'))
  const filter = readFilter({ notifications })
  const wanted = filter.ok ? changeMethods(filter.value) : []
  return methods.filter((method) => wanted.includes(method))
}

/** What a client hears of a control that its call's stream got: one that listens, that its server was started anew. `body`: of its request. */
export function changesHeard(control: StreamControl, { method, rawId }: Pick<CallRequest, 'method' | 'rawId'>, body: Uint8Array): string[] {
  if (control.type !== 'changed' || method !== 'subscriptions/listen') return []
  return listenMessages(changesWanted(control.methods, body), rawId)
}
