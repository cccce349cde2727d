/** Looks at a long message's bytes for the few values that the relay reads, and makes nothing of the rest: what it holds is its peer's. Pure. */
import type { Span } from '../../../protocol/json/json-scan.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { err, ok, type Result } from '../../../protocol/result.ts'
import { MAX_GLANCE_BYTES } from '../../limits.ts'
import { findPath, isArrayAt, isObjectAt, rootOf, scalarAt, valueAt } from '../json-view.ts'
import { isNullAt, walkObject } from '../../../protocol/members/object-members.ts'
import type { JsonObject } from '../../../protocol/json/json-object.ts'

/** Members of params that doors, bridge and calls look at. Arguments are not among them: `scalarIn` reads one of them. */
const LOOKED_AT: readonly string[] = [
  '_meta',
  'name',
  'uri',
  'ref',
  'taskId',
  'task',
  'cursor',
  'level',
  'protocolVersion',
  'requestState',
  'notifications',
]

/**
 * The value of a message that is known to be JSON, as far as the relay looks at it; results and errors are there or null, no
 * more. Errors: a member to be looked at, and no scalar, is longer than MAX_GLANCE_BYTES.
 */
export function glance(body: Uint8Array): Result<JsonObject, Failure> {
  const message: Record<string, unknown> = {}
  let params: Span | undefined
  walkObject(body, rootOf(body), (key, span) => {
    if (key === 'params') params = span
    else if (key === 'result' || key === 'error') message[key] = isNullAt(body, span) ? null : {}
    else if (key === 'jsonrpc' || key === 'id' || key === 'method') message[key] = isContainer(body, span) ? {} : valueAt(body, span)
  })
  if (params === undefined) return ok(message)
  if (!isObjectAt(body, params)) return ok({ ...message, params: isNullAt(body, params) ? null : [] })
  const seen: Record<string, unknown> = {}
  let tooLong: string | undefined
  walkObject(body, params[0], (key, span) => {
    if (!LOOKED_AT.includes(key)) return
    if (isContainer(body, span) && span[1] - span[0] > MAX_GLANCE_BYTES) tooLong = key
    else seen[key] = valueAt(body, span)
  })
  if (tooLong !== undefined) return err({ code: 'BODY_TOO_LARGE', at: `params.${tooLong}`, detail: 'it may have 64 KiB' })
  return ok({ ...message, params: seen })
}

/** What `scalarAt` gives for a path of a message. */
export function scalarIn(body: Uint8Array, ...path: readonly string[]): unknown {
  return scalarAt(body, findPath(body, rootOf(body), ...path))
}

function isContainer(body: Uint8Array, span: Span): boolean {
  return isObjectAt(body, span) || isArrayAt(body, span)
}
