/** What a server can do whose share has others beside it (`--serves`): its clients are offered the lists of all, which are one. Pure. */
import type { JsonObject } from '../../protocol/json/json-object.ts'
import { isObject } from '../../protocol/json/json-object.ts'
import { type Replacement, replacement } from '../../protocol/splice.ts'
import { findPath, isObjectAt, rootOf, valueAt } from './json-view.ts'
import { objectIn } from './names.ts'

/** Capabilities of lists that are joined; what there is of them changes as agents come and go. */
const JOINED = ['tools', 'prompts', 'resources'] as const

/** The same, and all that is listed of several agents. */
export function joinedCapabilities(capabilities: JsonObject): JsonObject {
  const joined = JOINED.map((name) => [name, { ...objectIn(capabilities, name), listChanged: true }] as const)
  return { ...capabilities, ...Object.fromEntries(joined) }
}

/** What must be written into an answer to initialize, or server/discover, so that it says so. `answer`: from its beginning on. */
export function joinedCapabilityEdits(answer: Uint8Array): Replacement[] {
  const span = findPath(answer, rootOf(answer), 'result', 'capabilities')
  const capabilities = isObjectAt(answer, span) ? valueAt(answer, span) : undefined
  return span === undefined || !isObject(capabilities) ? [] : [replacement(span, JSON.stringify(joinedCapabilities(capabilities)))]
}
