/** What servers say of their tools in tools/list, as far as policies look at it; and what an isolate remembers of it for sessions. */
import type { ToolFacts } from '../../../protocol/policy/judge.ts'
import { noteTool } from '../../../protocol/policy/list-cut.ts'
import { isObject, objectIn } from '../../bridge/names.ts'
import { type ListTools, pagesOf, toolsOf } from '../../bridge/tool-pages.ts'
import { MAX_CACHED_TOOL_SETS } from '../../limits.ts'
import { Newest } from '../../newest.ts'
import type { KnownTools } from './held-call.ts'
import type { ToolDigests } from './tool-digests.ts'

/** The tools of a session's child, and the state of the child in which it has listed them. */
export interface SessionTools extends KnownTools {
  readonly version: string
}

/** By lane and session: a server may show its tools to one client and not to another. */
const known = new Newest<SessionTools>(MAX_CACHED_TOOL_SETS)

export function knownSessionTools(share: string, session: string): SessionTools | undefined {
  return known.get(`${share} ${session}`)
}

/** Reads all pages and remembers what they say. Tools of pages that cannot be had are not offered. `digests`: where `list` notes the pages. */
export async function learnSessionTools(
  share: string,
  session: string,
  version: string,
  list: ListTools,
  digests?: ToolDigests,
): Promise<SessionTools> {
  const tools = new Map<string, ToolFacts>()
  for await (const page of pagesOf(list)) for (const tool of toolsOf(page)) noteListedTool(tools, tool)
  const learned = { version, tools, digests: await digests?.byName() }
  known.set(`${share} ${session}`, learned)
  return learned
}

/** Notes what an entry of tools/list says of itself; absent hints mean the worse (MCP, `ToolAnnotations`). */
export function noteListedTool(tools: Map<string, ToolFacts>, tool: unknown): void {
  if (!isObject(tool) || typeof tool['name'] !== 'string') return
  const { readOnlyHint, destructiveHint } = objectIn(tool, 'annotations') ?? {}
  noteTool(tools, { name: tool['name'], facts: { isReadOnly: readOnlyHint === true, isDestructive: destructiveHint !== false } })
}
