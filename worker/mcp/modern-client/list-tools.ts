/** Lists a server's tools in the name of the client that calls one of them. */
import { scanMessage } from '../../../protocol/json-scan.ts'
import { boundedValueAt } from '../../bridge/json/bounded-value.ts'
import { findPath, rootOf } from '../../bridge/json-view.ts'
import { toLegacyRequest } from '../../bridge/modern-to-legacy.ts'
import { isObject, type JsonObject, objectIn } from '../../bridge/names.ts'
import { Courier } from '../call/courier.ts'
import { readAnswer } from '../call/whole-message.ts'
import type { ModernCall } from './request.ts'
import { clientOf, groupCallRequest } from '../call/call-request.ts'

const encoder = new TextEncoder()

/** One page of tools/list, or undefined when the server does not give it. `bridge`: version of a child of the handshake era. `seen`: gets the answer as its server wrote it. */
export async function listToolsFor(
  call: ModernCall,
  bridge: string | undefined,
  cursor: string | undefined,
  seen?: (answer: Uint8Array) => void,
): Promise<JsonObject | undefined> {
  const { visitor, message, request: caller } = call
  const { progressToken: _, ...meta } = objectIn(message.params, '_meta') ?? {}
  const modern = encoder.encode(
    JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'tools/list', params: { _meta: meta, ...(cursor === undefined ? {} : { cursor }) } }),
  )
  const bytes = bridge === undefined ? modern : toLegacyRequest(modern, 'tools/list')
  const facts = scanMessage(bytes)
  if (!facts.ok) return undefined
  // What is checked by it must be what the server says now.
  const { canStandBy: _kept, ...own } = groupCallRequest(clientOf(caller), { bytes, facts: facts.value, params: {} }, 'single')
  const request = { ...own, ...(bridge === undefined ? {} : { bridge }), isRelays: true } as const
  const answer = await readAnswer(new Courier(visitor.share, request, bytes))
  if (answer === undefined) return undefined
  seen?.(answer)
  return readResult(answer)
}

function readResult(answer: Uint8Array): JsonObject | undefined {
  const result = boundedValueAt(answer, findPath(answer, rootOf(answer), 'result'))
  return isObject(result) ? result : undefined
}
