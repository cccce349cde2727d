/** What a server process says of its tools, asked of it by the agent itself: page by page, anew after a change, and for each kind of client by itself. Bounded. */
import { canonicalId } from '../../protocol/json/json-scan.ts'
import type { ToolFacts } from '../../protocol/policy/judge.ts'
import { noteTool, readToolPage, type ToolPage } from '../../protocol/policy/list-cut.ts'
import { MAX_LIST_PAGES, MAX_LISTED_TOOLS, MAX_TOOL_LISTS, MAX_TOOL_NAME_CHARS, TOOL_LIST_MS } from '../limits.ts'
import { type ToolAudience, toolAudience } from './tool-audience.ts'

/** Is told what the server says of each of its tools; undefined of one that it does not list. */
type Told = (factsOf: (name: string) => ToolFacts | undefined) => void

/** A list on its way. */
interface Listing {
  /** Of the page that is asked for. */
  id: string
  readonly tools: Map<string, ToolFacts>
  readonly timer: NodeJS.Timeout
  nameChars: number
  pages: number
  /** The tools have changed since it began. */
  isStale: boolean
}

/** The tools as the server lists them to one audience. */
interface AudienceTools {
  readonly audience: ToolAudience
  tools: ReadonlyMap<string, ToolFacts> | undefined
  listing: Listing | undefined
  /** Only while a list is on its way. */
  waiting: Told[]
}

export class ToolList {
  readonly #write: (request: string) => void
  /** By the audience's name; the one that was asked for last stands last. */
  readonly #lists = new Map<string, AudienceTools>()

  /** `write` sends a request to the server. */
  constructor(write: (request: string) => void) {
    this.#write = write
  }

  /**
   * Tells of the tools, at once when they are known; `params` are those of the call for which that is asked. A server that
   * does not answer in TOOL_LIST_MS, or not with a list, has no tools for those who wait, and is asked again for the next.
   */
  tell({ _meta: meta }: Readonly<Record<string, unknown>>, told: Told): void {
    const list = this.#listFor(toolAudience(meta))
    const { tools } = list
    if (tools !== undefined) return told((name) => tools.get(name))
    list.waiting.push(told)
    if (list.listing === undefined) this.#begin(list)
  }

  /** The server has said that its tools have changed. */
  changed(): void {
    for (const list of this.#lists.values()) {
      list.tools = undefined
      if (list.listing !== undefined) list.listing.isStale = true
    }
  }

  /** Whether a request was made here. */
  isAsked(rawId: string): boolean {
    const id = canonicalId(rawId)
    return [...this.#lists.values()].some(({ listing }) => listing !== undefined && id === canonicalId(JSON.stringify(listing.id)))
  }

  /** Takes the answer to a request made here; false for any other. `result`: where its result begins, undefined of an error. */
  answered(rawId: string, answer: Uint8Array, result: number | undefined): boolean {
    const id = canonicalId(rawId)
    for (const list of this.#lists.values()) {
      const { listing } = list
      if (listing === undefined || id !== canonicalId(JSON.stringify(listing.id))) continue
      this.#take(list, listing, result === undefined ? undefined : readToolPage(answer, result))
      return true
    }
    return false
  }

  /** The process is gone: nobody is told any more. */
  close(): void {
    for (const { listing } of this.#lists.values()) clearTimeout(listing?.timer)
    this.#lists.clear()
  }

  #listFor(audience: ToolAudience): AudienceTools {
    const known = this.#lists.get(audience.name)
    if (known === undefined) this.#makeRoom()
    const list = known ?? { audience, tools: undefined, listing: undefined, waiting: [] }
    this.#lists.delete(audience.name)
    this.#lists.set(audience.name, list)
    return list
  }

  /** Forgets what was asked for longest ago. What is on its way stays: no more of them are than calls may wait. */
  #makeRoom(): void {
    for (const [name, { listing }] of this.#lists) {
      if (this.#lists.size < MAX_TOOL_LISTS) return
      if (listing === undefined) this.#lists.delete(name)
    }
  }

  #begin(list: AudienceTools): void {
    clearTimeout(list.listing?.timer)
    const timer = setTimeout(() => this.#end(list, undefined), TOOL_LIST_MS)
    list.listing = { id: '', tools: new Map(), timer, nameChars: 0, pages: 0, isStale: false }
    this.#ask(list, list.listing, undefined)
  }

  #ask({ audience }: AudienceTools, listing: Listing, cursor: string | undefined): void {
    // Random, so that no client's id is taken for it, nor an answer to the page before.
    listing.id = `mcp-edge-${crypto.randomUUID()}`
    const meta = audience.envelope === undefined ? {} : { _meta: audience.envelope }
    const params = { ...(cursor === undefined ? {} : { cursor }), ...meta }
    this.#write(JSON.stringify({ jsonrpc: '2.0', id: listing.id, method: 'tools/list', params }))
  }

  #take(list: AudienceTools, listing: Listing, page: ToolPage | undefined): void {
    if (page === undefined) return this.#end(list, undefined)
    for (const tool of page.tools) if (hasRoomFor(listing, tool.name)) noteTool(listing.tools, tool)
    listing.pages++
    if (page.nextCursor !== undefined && listing.pages < MAX_LIST_PAGES) this.#ask(list, listing, page.nextCursor)
    else if (listing.isStale) this.#begin(list)
    else this.#end(list, listing.tools)
  }

  #end(list: AudienceTools, tools: ReadonlyMap<string, ToolFacts> | undefined): void {
    clearTimeout(list.listing?.timer)
    list.listing = undefined
    list.tools = tools
    const { waiting } = list
    list.waiting = []
    for (const told of waiting) told((name) => tools?.get(name))
  }
}

/** Takes room for a tool. Of too many those that come last are not offered. */
function hasRoomFor(listing: Listing, name: string): boolean {
  // Of one that is there already more may be said, which may be worse.
  if (listing.tools.has(name)) return true
  if (listing.tools.size === MAX_LISTED_TOOLS || listing.nameChars + name.length > MAX_TOOL_NAME_CHARS) return false
  listing.nameChars += name.length
  return true
}
