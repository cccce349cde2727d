/** What several servers say of themselves in answer to initialize, as one server's answer. Pure. */
import { isObject, type JsonObject } from '../../../protocol/json/json-object.ts'
import { MERGED_INSTRUCTIONS_CHARS } from '../../limits.ts'
import { scanWithoutNulls } from '../../../protocol/members/null-members.ts'

/** What one server has said. */
export interface ServerHello {
  readonly protocolVersion: string
  readonly capabilities: JsonObject
  readonly instructions: string | undefined
  readonly serverInfo: JsonObject
}

/** Undefined when the answer is not that of a server with a handshake. */
export function readHello(answer: Uint8Array): ServerHello | undefined {
  let message: unknown
  try {
    message = JSON.parse(Buffer.from(scanWithoutNulls(answer).bytes).toString('utf8'))
  } catch {
    return undefined
  }
  const result = isObject(message) ? message['result'] : undefined
  if (!isObject(result) || typeof result['protocolVersion'] !== 'string') return undefined
  const { capabilities, instructions, serverInfo } = result
  return {
    protocolVersion: result['protocolVersion'],
    capabilities: isObject(capabilities) ? capabilities : {},
    instructions: typeof instructions === 'string' && instructions.trim() !== '' ? instructions : undefined,
    serverInfo: isObject(serverInfo) ? serverInfo : {},
  }
}

/** Kinds of lists that a merged server has in any case: a server that comes later, or is changed, may have some. */
const ALWAYS: JsonObject = { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true } }

/** The result of initialize for all of them, by name, in their order. `names`: of all, also of those that have not answered. */
export function mergedHello(hellos: ReadonlyMap<string, ServerHello>, names: readonly string[], version: string): JsonObject {
  const all = [...hellos]
  const [lowest = ''] = all.map(([, { protocolVersion }]) => protocolVersion).toSorted()
  const instructions = all.flatMap(([name, hello]) =>
    hello.instructions === undefined ? [] : [`## ${name}\n\n${hello.instructions.slice(0, MERGED_INSTRUCTIONS_CHARS)}`],
  )
  return {
    protocolVersion: lowest,
    capabilities: all.reduce<JsonObject>((joined, [, { capabilities }]) => union(joined, capabilities), ALWAYS),
    serverInfo: { name: 'mcp-edge-agent', title: names.join(', '), version },
    ...(instructions.length > 0 && { instructions: instructions.join('\n\n') }),
    _meta: { 'mcp-edge/servers': Object.fromEntries(all.map(([name, { serverInfo }]) => [name, serverInfo])) },
  }
}

/** All members of both; of two that are no objects the first that says more than false. */
function union(one: JsonObject, other: JsonObject): JsonObject {
  const joined: Record<string, unknown> = { ...one }
  for (const [key, value] of Object.entries(other)) {
    const before = Object.hasOwn(joined, key) ? joined[key] : undefined
    const both = isObject(before) && isObject(value) ? union(before, value) : before === undefined || before === false ? value : before
    // Not by assignment, which would take `__proto__` for something else.
    Object.defineProperty(joined, key, { value: both, enumerable: true, configurable: true, writable: true })
  }
  return joined
}
