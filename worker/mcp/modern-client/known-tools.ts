/** What an isolate remembers of a server's tools, and whether the headers of a call mirror its arguments as the tool wants it. */
import { err, ok, type Result } from '../../../protocol/result.ts'
import { type MirroredParam, readMirroredParams } from '../../../protocol/mirrors/mirrored-params.ts'
import { checkParamHeaders } from '../../bridge/param-headers.ts'
import type { HeaderReader } from '../../bridge/standard-headers.ts'
import { scalarIn } from '../../bridge/json/glance.ts'
import { isObject } from '../../bridge/names.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { MAX_CACHED_TOOL_SETS } from '../../limits.ts'
import { Newest } from '../../newest.ts'
import type { ClientMessage } from '../message.ts'
import type { ToolFacts } from '../../../protocol/policy/judge.ts'
import type { KnownTools } from '../policy/held-call.ts'
import { noteListed } from '../policy/tool-facts.ts'
import { type ListTools, pagesOf, toolsOf } from '../../bridge/tool-pages.ts'

export interface ToolSet extends KnownTools {
  readonly version: string
  /** By name; only tools with annotations that are valid. */
  readonly mirrored: ReadonlyMap<string, readonly MirroredParam[]>
}

const toolSets = new Newest<ToolSet>(MAX_CACHED_TOOL_SETS)

/** `audience`: the clients to whom a server has listed its tools, and which of its lists it is. */
export function knownTools(audience: string): ToolSet | undefined {
  return toolSets.get(audience)
}

/** The server has listed something else. `audience`: a client's, whichever list is meant. */
export function forgetTools(audience: string): void {
  for (const [name] of toolSets.entries()) if (name.startsWith(audience)) toolSets.delete(name)
}

/** Reads all pages and remembers what they say. Pages that cannot be had are left out, and their tools are not checked. */
export async function learnTools(audience: string, version: string, list: ListTools): Promise<ToolSet> {
  const mirrored = new Map<string, readonly MirroredParam[]>()
  const tools = new Map<string, ToolFacts>()
  for await (const { result, answer } of pagesOf(list)) {
    for (const tool of toolsOf(result)) addTool(mirrored, tool)
    await noteListed(tools, answer)
  }
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

function addTool(mirrored: Map<string, readonly MirroredParam[]>, tool: unknown): void {
  if (!isObject(tool) || typeof tool['name'] !== 'string') return
  const read = readMirroredParams(tool['inputSchema'])
  if (read.ok && read.value.length > 0) mirrored.set(tool['name'], read.value)
}
