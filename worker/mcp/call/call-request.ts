/** Makes the call that a client's request becomes. */
import type { Caller, CallRequest } from '../../contract/rpc.ts'
import { canStandBy } from '../../contract/listings.ts'
import { randomKey } from '../../call-key.ts'
import type { ClientMessage } from '../message.ts'
import { firstPart } from '../../carry/upload.ts'

/** A tool with a longer name is not looked up. */
const MAX_TOOL_CHARS = 256

export function callRequest(caller: Caller, { bytes, facts, params }: ClientMessage, delivery: CallRequest['delivery']): CallRequest {
  const { method, id, requestToken, uri } = facts
  const { cursor, level, name, protocolVersion } = params
  return {
    ...caller,
    key: randomKey(),
    method,
    rawId: id?.raw ?? 'null',
    id: id?.span ?? [0, 0],
    ...(requestToken === undefined ? {} : { rawToken: requestToken.raw, token: requestToken.span }),
    body: firstPart(bytes),
    size: bytes.length,
    delivery,
    ...(method === 'tools/call' && typeof name === 'string' && name.length <= MAX_TOOL_CHARS ? { tool: name } : {}),
    ...(uri === undefined ? {} : { uri }),
    ...(canStandBy(method, params) ? { canStandBy: true, ...(typeof cursor === 'string' ? { cursor } : {}) } : {}),
    ...(typeof level === 'string' ? { level } : {}),
    ...(method === 'initialize' && typeof protocolVersion === 'string' ? { revision: protocolVersion } : {}),
  }
}
