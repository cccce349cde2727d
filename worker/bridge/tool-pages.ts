/** Reads a server's tools/list, or another of its lists, page by page; whoever calls it gets the pages. */
import { boundedValueAt } from './json/bounded-value.ts'
import { findPath, rootOf } from './json-view.ts'
import { MAX_TOOL_PAGES } from '../limits.ts'
import { isObject, type JsonObject } from '../../protocol/json-object.ts'

/** One page: the result to look at, and the whole answer as the server wrote it. */
export interface ListPage {
  readonly result: JsonObject
  readonly answer: Uint8Array
}

/** Gets one page of a list; undefined when the server does not give it. */
export type ListTools = (cursor: string | undefined) => Promise<ListPage | undefined>

/** All pages, up to MAX_TOOL_PAGES; one that cannot be had is the end. */
export async function* pagesOf(list: ListTools): AsyncGenerator<ListPage, void> {
  let cursor: string | undefined
  for (let pages = 0; pages < MAX_TOOL_PAGES; pages++) {
    const page = await list(cursor)
    if (page === undefined) return
    yield page
    const next = page.result['nextCursor']
    if (typeof next !== 'string') return
    cursor = next
  }
}

/** The page that an answer is; undefined for one without a result, or with too many values. */
export function readPage(answer: Uint8Array | undefined): ListPage | undefined {
  const result = answer === undefined ? undefined : boundedValueAt(answer, findPath(answer, rootOf(answer), 'result'))
  return answer !== undefined && isObject(result) ? { result, answer } : undefined
}

export function toolsOf(page: JsonObject | undefined): readonly unknown[] {
  return Array.isArray(page?.['tools']) ? page['tools'] : []
}
