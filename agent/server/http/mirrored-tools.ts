/** What an HTTP server of revision 2026-07-28 wants mirrored of its tools' arguments (`Mcp-Param-*`), as it has listed them last. Bounded; no I/O. */
import { type MirroredParam, readMirroredParams } from '../../../protocol/mirrors/mirrored-params.ts'
import { MAX_LIST_PAGES } from '../../limits.ts'

interface ListedTool {
  readonly name?: unknown
  readonly inputSchema?: unknown
}

/** Asks for one page of the list; undefined when no answer comes that can be read. */
export type AskPage = (cursor: string | undefined) => Promise<unknown>

export class MirroredTools {
  /** Of those tools alone that want something mirrored. */
  #params: ReadonlyMap<string, readonly MirroredParam[]> | undefined
  #listing: Promise<void> | undefined

  /** The tools have changed, or the server says that the headers of a call are wrong. */
  forget(): void {
    this.#params = undefined
  }

  /** What is mirrored of a tool's arguments; asks for the list where it is not known. Never rejects: what cannot be listed wants nothing. */
  async paramsOf(tool: string, ask: AskPage): Promise<readonly MirroredParam[]> {
    if (this.#params === undefined) await (this.#listing ??= this.#list(ask).finally(() => (this.#listing = undefined)))
    return this.#params?.get(tool) ?? []
  }

  async #list(ask: AskPage): Promise<void> {
    const params = new Map<string, readonly MirroredParam[]>()
    let cursor: string | undefined
    for (let page = 0; page < MAX_LIST_PAGES; page++) {
      const result = await ask(cursor)
      if (typeof result !== 'object' || result === null || !('tools' in result) || !Array.isArray(result.tools)) return
      for (const { name, inputSchema } of result.tools.filter(isTool)) {
        const read = readMirroredParams(inputSchema)
        if (typeof name === 'string' && read.ok && read.value.length > 0) params.set(name, read.value)
      }
      cursor = 'nextCursor' in result && typeof result.nextCursor === 'string' ? result.nextCursor : undefined
      if (cursor === undefined) break
    }
    this.#params = params
  }
}

function isTool(value: unknown): value is ListedTool {
  return typeof value === 'object' && value !== null
}
