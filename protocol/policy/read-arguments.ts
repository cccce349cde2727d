/** Reads the arguments of a call from its bytes, each as it was sent. Pure. */
import { skipSpace } from '../json-skip.ts'
import type { Argument } from './argument-rules.ts'
import { memberNamed, membersAt, orUndefined, textAt } from './json-members.ts'

/**
 * `params.arguments` of a request. Undefined when it is no object, is malformed, has very many members, or when a key
 * beside it could be read in its place: no rule can be kept then. A request without arguments has an empty list of them.
 */
export function readArguments(message: Uint8Array): readonly Argument[] | undefined {
  return orUndefined(() => {
    const params = memberNamed(membersAt(message, skipSpace(message, 0)), 'params')
    if (params === undefined) return []
    const args = memberNamed(membersAt(message, params[0]), 'arguments')
    return args === undefined ? [] : membersAt(message, args[0]).map(({ key, span }) => [key, textAt(message, span)] as const)
  })
}
