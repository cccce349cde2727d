/** What servers say of their tools in tools/list, and of what their other lists have, as far as clients are judged by it; and what an isolate remembers of it for sessions. */
import type { ToolFacts } from '../../../protocol/policy/judge.ts'
import { noteTool } from '../../../protocol/policy/list-cut.ts'
import { digestedEntries } from '../../bridge/tool-digest.ts'
import { type ListTools, pagesOf } from '../../bridge/tool-pages.ts'
import type { ListMethod } from '../../contract/listings.ts'
import { MAX_CACHED_TOOL_SETS } from '../../limits.ts'
import { Newest } from '../../newest.ts'
import type { KnownTools } from './held-call.ts'

/** The entries of a list of a session's child, and the state of the child in which it has listed them. */
export interface SessionTools extends KnownTools {
  readonly version: string
}

/** By lane and session: a server may show its tools to one client and not to another. There, by the list. */
const known = new Newest<Map<ListMethod, SessionTools>>(MAX_CACHED_TOOL_SETS)

export function knownSessionTools(share: string, session: string, method: ListMethod): SessionTools | undefined {
  return known.get(`${share} ${session}`)?.get(method)
}

/** The server has listed something else. */
export function forgetSessionTools(share: string, session: string): void {
  known.delete(`${share} ${session}`)
}

/** Reads all pages and remembers what they say. What stands on pages that cannot be had is not offered. */
export async function learnSessionTools(
  share: string,
  session: string,
  { method, version }: { readonly method: ListMethod; readonly version: string },
  list: ListTools,
): Promise<SessionTools> {
  const tools = new Map<string, ToolFacts>()
  for await (const { answer } of pagesOf(list)) await noteListed(tools, answer)
  const learned = { version, tools }
  const lists = known.get(`${share} ${session}`) ?? new Map<ListMethod, SessionTools>()
  known.set(`${share} ${session}`, lists.set(method, learned))
  return learned
}

/** Of an entry that says nothing of itself, as prompts do not. */
const UNMARKED: ToolFacts = { isReadOnly: false, isDestructive: true }

/** Notes what the entries of a list say of themselves; absent hints mean the worse (MCP, `ToolAnnotations`). An answer that cannot be read for certain lists nothing. */
export async function noteListed(tools: Map<string, ToolFacts>, answer: Uint8Array): Promise<void> {
  for (const { name, facts = UNMARKED, digest } of (await digestedEntries(answer)) ?? [])
    noteTool(tools, { name, facts: { ...facts, digest } })
}
