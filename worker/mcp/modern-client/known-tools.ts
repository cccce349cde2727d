/** What an isolate remembers of a server's tools, and whether the headers of a call mirror its arguments as the tool wants it. */
import { err, ok, type Result } from '../../../protocol/result.ts'
import { checkParamHeaders } from '../../bridge/headers/param-headers.ts'
import type { HeaderReader } from '../../bridge/headers/standard-headers.ts'
import { scalarIn } from '../../bridge/json/glance.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { Newest } from '../../newest.ts'
import type { ClientMessage } from '../message.ts'
import type { KnownTools } from '../policy/held-call.ts'
import { ListedFacts } from '../policy/tool-facts.ts'
import { type ListTools, readPages, toolsOf, type Unlisted } from '../../bridge/tool-pages.ts'
import { MirroredTools } from './mirrored-tools.ts'
import { MAX_CACHED_TOOL_BYTES, MAX_CACHED_TOOL_SETS, REFUSED_LIST_MS } from '../../trust-limits.ts'

export interface ToolSet extends KnownTools {
  readonly version: string
  readonly tools: ListedFacts
  readonly mirrored: MirroredTools
}

const toolSets = new Newest<ToolSet>(MAX_CACHED_TOOL_SETS, {
  most: MAX_CACHED_TOOL_BYTES,
  sizeOf: ({ tools, mirrored }) => tools.bytes + mirrored.bytes,
})

/** `audience`: the clients to whom a server has listed its tools, and which of its lists it is. */
export function knownTools(audience: string): ToolSet | undefined {
  return toolSets.get(audience)
}

/** The server has listed something else. `audience`: a client's, whichever list is meant. */
export function forgetTools(audience: string): void {
  for (const [name] of toolSets.entries()) if (name.startsWith(audience)) toolSets.delete(name)
}

/** Lists that a server has refused, and until when that is believed, in milliseconds since 1970. */
const refused = new Newest<{ readonly version: string; readonly untilMs: number }>(MAX_CACHED_TOOL_SETS)

/** The state of a child whose server has just refused this list; undefined where it may be asked. */
export function refusedIn(audience: string, nowMs: number): string | undefined {
  const known = refused.get(audience)
  return known !== undefined && nowMs < known.untilMs ? known.version : undefined
}

/** The server has refused this list in this state: it is not asked again before each call. */
export function noteRefused(audience: string, version: string, nowMs: number): void {
  refused.set(audience, { version, untilMs: nowMs + REFUSED_LIST_MS })
}

/** Reads all pages and remembers what they say. Pages that the server does not give are left out, and their tools are not checked; where it cannot be asked, nothing is remembered. */
export async function learnTools(audience: string, version: string, list: ListTools): Promise<ToolSet | Unlisted> {
  const mirrored = new MirroredTools()
  const tools = new ListedFacts()
  const unlisted = await readPages(list, (page) => {
    for (const tool of toolsOf(page.result)) mirrored.note(tool)
    return tools.note(page)
  })
  if (unlisted !== undefined) return unlisted
  const toolSet = { version, mirrored, tools }
  toolSets.set(audience, toolSet)
  return toolSet
}

/** Whether a call's `Mcp-Param-*` headers say what its arguments say (MCP 2026-07-28, Streamable HTTP, custom headers). */
export function checkToolHeaders(
  { mirrored }: ToolSet,
  { bytes, params }: Pick<ClientMessage, 'bytes' | 'params'>,
  headers: HeaderReader,
): Result<undefined, Failure> {
  const { name } = params
  const needed = typeof name === 'string' ? mirrored.get(name) : undefined
  // In the bytes: the arguments of a long message are no values.
  const argumentAt = (path: readonly string[]): unknown => scalarIn(bytes, 'params', 'arguments', ...path)
  const fault = needed === undefined ? undefined : checkParamHeaders(needed, argumentAt, headers)
  return fault === undefined ? ok(undefined) : err(fault)
}
