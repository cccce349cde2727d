/** Reads a server's tools/list page by page; whoever calls it gets the pages. */
import type { JsonObject } from './names.ts'
import { MAX_TOOL_PAGES } from '../limits.ts'

/** Gets one page of tools/list; undefined when the server does not give it. */
export type ListTools = (cursor: string | undefined) => Promise<JsonObject | undefined>

/** All pages, up to MAX_TOOL_PAGES; one that cannot be had is the end. */
export async function* pagesOf(list: ListTools): AsyncGenerator<JsonObject, void> {
  let cursor: string | undefined
  for (let pages = 0; pages < MAX_TOOL_PAGES; pages++) {
    const page = await list(cursor)
    if (page === undefined) return
    yield page
    const next = page['nextCursor']
    if (typeof next !== 'string') return
    cursor = next
  }
}

export function toolsOf(page: JsonObject | undefined): readonly unknown[] {
  return Array.isArray(page?.['tools']) ? page['tools'] : []
}
