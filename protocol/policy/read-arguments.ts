/** Reads the arguments of a call from its bytes, each as it was sent. Pure. */
import type { Argument } from './argument-rules.ts'
import { membersAt, orUndefined, paramsMember, textAt } from './json-members.ts'

/**
 * `params.arguments` of a request. Undefined when it is no object, is malformed, has very many members, or when a key
 * beside it could be read in its place: no rule can be kept then. A request without arguments has an empty list of them.
 */
export function readArguments(message: Uint8Array): readonly Argument[] | undefined {
  return orUndefined(() => {
    const args = paramsMember(message, 'arguments')
    return args === undefined ? [] : membersAt(message, args[0]).map(({ key, span }) => [key, textAt(message, span)] as const)
  })
}
