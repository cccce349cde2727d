/** Asks a session's server for its tools, in the name of its client, that calls one. */
import { scanMessage } from '../../../protocol/json-scan.ts'
import { boundedValueAt } from '../../bridge/json/bounded-value.ts'
import { findPath, rootOf } from '../../bridge/json-view.ts'
import { modernRequest } from '../../bridge/legacy-to-modern.ts'
import { isObject, type JsonObject } from '../../bridge/names.ts'
import { randomKey } from '../../call-key.ts'
import type { Caller, CallRequest } from '../../contract/share-rpc.ts'
import { Courier } from '../call/courier.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { readAnswer } from '../call/whole-message.ts'
import { callRequest } from '../call/call-request.ts'

const encoder = new TextEncoder()

/** Gets the whole answer, as its server wrote it. */
type SeeAnswer = (answer: Uint8Array) => void

/** One page of tools/list, or undefined when the server does not give it. `envelope`: `_meta` members as JSON texts; `bridge`: as in CallRequest. */
export async function listSessionTools(
  share: ShareClient,
  caller: Caller,
  envelope: Readonly<Record<string, string>>,
  bridge: string,
  cursor: string | undefined,
  seen?: SeeAnswer,
): Promise<JsonObject | undefined> {
  const params = cursor === undefined ? {} : { cursor: JSON.stringify(cursor) }
  return listed(share, caller, modernRequest(newId(), 'tools/list', envelope, params), { bridge }, seen)
}

/** The same of a server of the handshake era. */
export function listOwnTools(
  share: ShareClient,
  caller: Caller,
  cursor: string | undefined,
  seen?: SeeAnswer,
): Promise<JsonObject | undefined> {
  const params = cursor === undefined ? '' : `,"params":${JSON.stringify({ cursor })}`
  return listed(share, caller, `{"jsonrpc":"2.0","id":${newId()},"method":"tools/list"${params}}`, {}, seen)
}

/** An id that no client has: a call must not be cancelled in another's place, nor two of ours be one. */
function newId(): string {
  return `"mcp-edge.tools.${randomKey()}"`
}

async function listed(
  share: ShareClient,
  caller: Caller,
  text: string,
  more: Pick<CallRequest, 'bridge'>,
  seen: SeeAnswer | undefined,
): Promise<JsonObject | undefined> {
  const bytes = encoder.encode(text)
  const facts = scanMessage(bytes)
  if (!facts.ok) return undefined
  // What is told by it must be what the server says now.
  const { canStandBy: _, ...own } = callRequest(caller, { bytes, facts: facts.value, params: {} }, 'single')
  const answer = await readAnswer(new Courier(share, { ...own, ...more, isRelays: true }, bytes))
  if (answer === undefined) return undefined
  seen?.(answer)
  return readResult(answer)
}

function readResult(answer: Uint8Array): JsonObject | undefined {
  const result = boundedValueAt(answer, findPath(answer, rootOf(answer), 'result'))
  return isObject(result) ? result : undefined
}
