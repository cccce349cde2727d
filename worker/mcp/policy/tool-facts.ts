/** What servers say of their tools in tools/list, and of what their other lists have, as far as clients are judged by it; and what an isolate remembers of it for sessions. */
import type { ToolFacts } from '../../../protocol/policy/judge.ts'
import { noteTool } from '../../../protocol/policy/list-cut.ts'
import { digestedEntries } from '../../bridge/tool-digest.ts'
import { type ListPage, type ListTools, readPages, type Unlisted } from '../../bridge/tool-pages.ts'
import type { ListMethod } from '../../contract/listings.ts'
import { Newest } from '../../newest.ts'
import type { KnownTools } from './held-call.ts'
import {
  LISTED_ENTRY_BYTES,
  MAX_CACHED_TOOL_BYTES,
  MAX_CACHED_TOOL_SETS,
  MAX_LISTED_ENTRIES,
  MAX_LISTED_NAME_BYTES,
} from '../../trust-limits.ts'

/** Of an entry that says nothing of itself, as prompts do not. */
const UNMARKED: ToolFacts = { isReadOnly: false, isDestructive: true }

/** What the entries of one list say of themselves, by name, as far as there is room for them. */
export class ListedFacts {
  readonly #facts = new Map<string, ToolFacts>()
  #nameBytes = 0
  #isCut = false
  #hasMore = false

  get(name: string): ToolFacts | undefined {
    return this.#facts.get(name)
  }

  /** Whether the list has more than is known here. */
  get isCut(): boolean {
    return this.#isCut || this.#hasMore
  }

  /** In memory, nearly. */
  get bytes(): number {
    return this.#nameBytes + LISTED_ENTRY_BYTES * this.#facts.size
  }

  /** Notes what a page says of its entries; absent hints mean the worse (MCP, `ToolAnnotations`). One that cannot be read for certain lists nothing. */
  async note({ result, answer }: ListPage): Promise<void> {
    this.#hasMore = typeof result['nextCursor'] === 'string'
    const entries = await digestedEntries(answer)
    if (entries === undefined) this.#isCut = true
    for (const { name, facts = UNMARKED, digest } of entries ?? [])
      // Of one that is there already more may be said, which may be worse.
      if (this.#facts.has(name) || this.#takeRoom(name)) noteTool(this.#facts, { name, facts: { ...facts, digest } })
  }

  #takeRoom(name: string): boolean {
    const bytes = 2 * name.length
    const hasRoom = this.#facts.size < MAX_LISTED_ENTRIES && this.#nameBytes + bytes <= MAX_LISTED_NAME_BYTES
    if (hasRoom) this.#nameBytes += bytes
    else this.#isCut = true
    return hasRoom
  }
}

/** The entries of a list of a session's child, and the state of the child in which it has listed them. */
export interface SessionTools extends KnownTools {
  readonly version: string
}

/** The lists of one session's child that were read, each with its size in memory. */
type SessionLists = ReadonlyMap<ListMethod, SessionTools & { readonly tools: ListedFacts }>

/** By lane and session: a server may show its tools to one client and not to another. */
const known = new Newest<SessionLists>(MAX_CACHED_TOOL_SETS, { most: MAX_CACHED_TOOL_BYTES, sizeOf: bytesOf })

export function knownSessionTools(share: string, session: string, method: ListMethod): SessionTools | undefined {
  return known.get(`${share} ${session}`)?.get(method)
}

/** The server has listed something else. */
export function forgetSessionTools(share: string, session: string): void {
  known.delete(`${share} ${session}`)
}

/** Reads all pages and remembers what they say. What stands on pages that the server does not give is not offered; where it cannot be asked, nothing is remembered. */
export async function learnSessionTools(
  share: string,
  session: string,
  { method, version }: { readonly method: ListMethod; readonly version: string },
  list: ListTools,
): Promise<SessionTools | Unlisted> {
  const tools = new ListedFacts()
  const unlisted = await readPages(list, (page) => tools.note(page))
  if (unlisted !== undefined) return unlisted
  const learned = { version, tools }
  known.set(`${share} ${session}`, new Map([...(known.get(`${share} ${session}`) ?? []), [method, learned]]))
  return learned
}

function bytesOf(lists: SessionLists): number {
  return [...lists.values()].reduce((bytes, { tools }) => bytes + tools.bytes, 0)
}
