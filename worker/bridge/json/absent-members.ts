/** Takes out of a client's message the members that are null where JSON-RPC and MCP have optional ones. Pure. */
import { splice } from '../../../protocol/splice.ts'
import { editObject, findPath, isObjectAt, rootOf } from '../json-view.ts'
import { isObject, type JsonObject } from '../../../protocol/json/json-object.ts'

/**
 * A message as a serialiser would have written it that leaves out what is not there; `message` is its value. Clients that
 * have one class for all messages write the rest as null, which schemas of servers refuse, and then nobody answers.
 * A request whose id is null stays what it is, which is invalid; a notification is known by its method.
 */
export function withoutNulls(body: Uint8Array, message: JsonObject): Uint8Array {
  const absent = absentMembers(message)
  const { params } = message
  const isMetaNull = isObject(params) && params['_meta'] === null
  const isTokenNull = isObject(params) && isObject(params['_meta']) && params['_meta']['progressToken'] === null
  if (absent.length === 0 && !isMetaNull && !isTokenNull) return body
  const root = rootOf(body)
  const edits = editObject(body, root, { drop: (key) => absent.includes(key) })
  const inside = isMetaNull ? findPath(body, root, 'params') : isTokenNull ? findPath(body, root, 'params', '_meta') : undefined
  if (isObjectAt(body, inside))
    edits.push(...editObject(body, inside[0], { drop: (key) => key === (isMetaNull ? '_meta' : 'progressToken') }))
  return splice(body, edits)
}

function absentMembers(message: JsonObject): string[] {
  const { id, method, params, result, error } = message
  const isSaid = (value: unknown): boolean => value !== undefined && value !== null
  const absent: string[] = []
  if (params === null) absent.push('params')
  if (id === null && typeof method === 'string' && method.startsWith('notifications/')) absent.push('id')
  if (method === null && (isSaid(result) || isSaid(error))) absent.push('method')
  if (result === null && (isSaid(method) || isSaid(error))) absent.push('result')
  if (error === null && (isSaid(method) || isSaid(result))) absent.push('error')
  return absent
}
