/**
 * What an HTTP server of revision 2026-07-28 wants mirrored of its tools' arguments (`Mcp-Param-*`), as it has listed them last to clients
 * that say the same of themselves. Bounded; no I/O.
 */
import { type MirroredParam, readMirroredParams } from '../../../protocol/mirrors/mirrored-params.ts'
import { MAX_LIST_PAGES, MAX_LISTED_TOOLS, MAX_TOOL_LISTS, MAX_TOOL_NAME_CHARS, UNLISTED_MS } from '../../limits.ts'

interface ListedTool {
  readonly name?: unknown
  readonly inputSchema?: unknown
}

/** Asks for one page of the list; undefined when no answer comes that can be read. */
export type AskPage = (cursor: string | undefined) => Promise<unknown>

/** Of those tools alone that want something mirrored. */
type Mirrors = ReadonlyMap<string, readonly MirroredParam[]>

interface KnownMirrors {
  readonly params: Mirrors
  /** In monotonic milliseconds. */
  readonly untilMs: number
}

export class MirroredTools {
  /** By the audience's name; the one that was listed last stands last. */
  readonly #known = new Map<string, KnownMirrors>()
  readonly #listings = new Map<string, Promise<KnownMirrors>>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** The server says that the headers of a call by this audience are wrong. */
  forget(audience: string): void {
    this.#known.delete(audience)
  }

  /**
   * What is mirrored of a tool's arguments; asks for the list where it is not known. Never rejects: what cannot be listed wants
   * nothing, and is not asked for again before UNLISTED_MS have passed, since no call should wait for it each time.
   */
  async paramsOf(audience: string, tool: string, ask: AskPage): Promise<readonly MirroredParam[]> {
    const known = this.#known.get(audience)
    const { params } = known !== undefined && this.#now() < known.untilMs ? known : await this.#listed(audience, ask)
    return params.get(tool) ?? []
  }

  #listed(audience: string, ask: AskPage): Promise<KnownMirrors> {
    const underWay = this.#listings.get(audience)
    if (underWay !== undefined) return underWay
    const listing = this.#list(ask)
      .then((params) => this.#keep(audience, params))
      .finally(() => this.#listings.delete(audience))
    this.#listings.set(audience, listing)
    return listing
  }

  #keep(audience: string, params: Mirrors | undefined): KnownMirrors {
    const known = { params: params ?? new Map(), untilMs: params === undefined ? this.#now() + UNLISTED_MS : Infinity }
    this.#known.delete(audience)
    this.#known.set(audience, known)
    const [oldest] = this.#known.keys()
    if (oldest !== undefined && this.#known.size > MAX_TOOL_LISTS) this.#known.delete(oldest)
    return known
  }

  /** Undefined where the server does not list. Of too many tools those that come last want nothing. */
  async #list(ask: AskPage): Promise<Mirrors | undefined> {
    const params = new Map<string, readonly MirroredParam[]>()
    let nameChars = 0
    let cursor: string | undefined
    for (let page = 0; page < MAX_LIST_PAGES; page++) {
      const result = await ask(cursor)
      if (typeof result !== 'object' || result === null || !('tools' in result) || !Array.isArray(result.tools)) return undefined
      for (const { name, inputSchema } of result.tools.filter(isTool)) {
        const read = readMirroredParams(inputSchema)
        if (typeof name !== 'string' || !read.ok || read.value.length === 0) continue
        nameChars += name.length + charsOf(read.value)
        if (params.size < MAX_LISTED_TOOLS && nameChars <= MAX_TOOL_NAME_CHARS) params.set(name, read.value)
      }
      cursor = 'nextCursor' in result && typeof result.nextCursor === 'string' ? result.nextCursor : undefined
      if (cursor === undefined) break
    }
    return params
  }
}

function charsOf(params: readonly MirroredParam[]): number {
  return params.reduce((chars, { name, path }) => path.reduce((sum, key) => sum + key.length, chars + name.length), 0)
}

function isTool(value: unknown): value is ListedTool {
  return typeof value === 'object' && value !== null
}
