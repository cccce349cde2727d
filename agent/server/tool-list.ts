/** What a server process says of its tools, asked of it by the agent itself: page by page, and anew after a change. */
import { canonicalId } from '../../protocol/json-scan.ts'
import type { ToolFacts } from '../../protocol/policy/judge.ts'
import { noteTool, readToolPage } from '../../protocol/policy/list-cut.ts'
import { MAX_LIST_PAGES, TOOL_LIST_MS } from '../limits.ts'

type Params = Readonly<Record<string, unknown>>

/** Is told what the server says of each of its tools; undefined of one that it does not list. */
type Told = (factsOf: (name: string) => ToolFacts | undefined) => void

/** A list on its way. */
interface Listing {
  /** Of the page that is asked for. */
  id: string
  readonly tools: Map<string, ToolFacts>
  /** What a request needs of a server that has no handshake. */
  readonly envelope: Params | undefined
  pages: number
  /** The tools have changed since it began. */
  isStale: boolean
}

export class ToolList {
  readonly #write: (request: string) => void
  #tools: ReadonlyMap<string, ToolFacts> | undefined
  #listing: Listing | undefined
  #timer: NodeJS.Timeout | undefined
  #waiting: Told[] = []

  /** `write` sends a request to the server. */
  constructor(write: (request: string) => void) {
    this.#write = write
  }

  /**
   * Tells of the tools, at once when they are known; `params` are those of the call for which that is asked. A server that
   * does not answer in TOOL_LIST_MS, or not with a list, has no tools for those who wait, and is asked again for the next.
   */
  tell(params: Params, told: Told): void {
    const tools = this.#tools
    if (tools !== undefined) return told((name) => tools.get(name))
    this.#waiting.push(told)
    if (this.#listing === undefined) this.#begin(envelopeOf(params))
  }

  /** The server has said that its tools have changed. */
  changed(): void {
    this.#tools = undefined
    if (this.#listing !== undefined) this.#listing.isStale = true
  }

  /** Takes the answer to a request made here; false for any other. `result`: where its result begins, undefined of an error. */
  answered(rawId: string, answer: Uint8Array, result: number | undefined): boolean {
    const listing = this.#listing
    if (listing === undefined || canonicalId(rawId) !== canonicalId(JSON.stringify(listing.id))) return false
    const page = result === undefined ? undefined : readToolPage(answer, result)
    if (page === undefined) this.#end(undefined)
    else {
      for (const tool of page.tools) noteTool(listing.tools, tool)
      listing.pages++
      if (page.nextCursor !== undefined && listing.pages < MAX_LIST_PAGES) this.#ask(listing, page.nextCursor)
      else if (listing.isStale) this.#begin(listing.envelope)
      else this.#end(listing.tools)
    }
    return true
  }

  /** The process is gone: nobody is told any more. */
  close(): void {
    clearTimeout(this.#timer)
    this.#listing = undefined
    this.#waiting = []
  }

  #begin(envelope: Params | undefined): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#end(undefined), TOOL_LIST_MS)
    this.#listing = { id: '', tools: new Map(), envelope, pages: 0, isStale: false }
    this.#ask(this.#listing, undefined)
  }

  #ask(listing: Listing, cursor: string | undefined): void {
    // Random, so that no client's id is taken for it, nor an answer to the page before.
    listing.id = `mcp-edge-${crypto.randomUUID()}`
    const meta = listing.envelope === undefined ? {} : { _meta: listing.envelope }
    const params = { ...(cursor === undefined ? {} : { cursor }), ...meta }
    this.#write(JSON.stringify({ jsonrpc: '2.0', id: listing.id, method: 'tools/list', params }))
  }

  #end(tools: ReadonlyMap<string, ToolFacts> | undefined): void {
    clearTimeout(this.#timer)
    this.#listing = undefined
    this.#tools = tools
    const waiting = this.#waiting
    this.#waiting = []
    for (const told of waiting) told((name) => tools?.get(name))
  }
}

const ENVELOPE: ReadonlySet<string> = new Set(
  ['protocolVersion', 'clientInfo', 'clientCapabilities'].map((key) => `io.modelcontextprotocol/${key}`),
)

/** The members of `_meta` without which revision 2026-07-28 takes no request (basic/index). */
function envelopeOf({ _meta: meta }: Params): Params | undefined {
  if (typeof meta !== 'object' || meta === null) return undefined
  const kept = Object.entries(meta).filter(([key]) => ENVELOPE.has(key))
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}
