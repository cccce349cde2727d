/** Asks a child without handshake for its tools, in the name of a session that calls one. */
import { scanMessage } from '../../../protocol/json-scan.ts'
import { findPath, rootOf, valueAt } from '../../bridge/json-view.ts'
import { modernRequest } from '../../bridge/legacy-to-modern.ts'
import { isObject, type JsonObject } from '../../bridge/names.ts'
import type { Caller } from '../../contract/rpc.ts'
import { Courier } from '../call/courier.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { WholeAnswer } from '../call/whole-answer.ts'
import { callRequest } from '../call/call-request.ts'

const encoder = new TextEncoder()

/** One page of tools/list, or undefined when the server does not give it. `envelope`: `_meta` members as JSON texts; `bridge`: as in CallRequest. */
export async function listSessionTools(
  share: ShareClient,
  caller: Caller,
  envelope: Readonly<Record<string, string>>,
  bridge: string,
  cursor: string | undefined,
): Promise<JsonObject | undefined> {
  const params = cursor === undefined ? {} : { cursor: JSON.stringify(cursor) }
  // An id that no client has: the call must not be cancelled in another's place.
  const bytes = encoder.encode(modernRequest('"mcp-edge.tools"', 'tools/list', envelope, params))
  const facts = scanMessage(bytes)
  if (!facts.ok) return undefined
  // What is told by it must be what the server says now.
  const { canStandBy: _, ...own } = callRequest(caller, { bytes, facts: facts.value, params: {} }, 'single')
  const request = { ...own, bridge }
  const courier = new Courier(share, request, bytes)
  const answer = new WholeAnswer()
  try {
    for (let item = await courier.next(); item?.kind === 'frame'; item = await courier.next()) {
      const { header, body } = item
      courier.taken(body.length)
      const whole =
        header.type === 'answer'
          ? answer.begin(header, body)
          : header.type === 'chunk' && answer.owns(header)
            ? answer.goOn(header, body)
            : undefined
      if (whole !== undefined) return readResult(whole.body)
    }
    return undefined
  } finally {
    courier.close()
  }
}

function readResult(answer: Uint8Array): JsonObject | undefined {
  const result = valueAt(answer, findPath(answer, rootOf(answer), 'result'))
  return isObject(result) ? result : undefined
}
