/** Reads a server's tools/list, or another of its lists, page by page; whoever calls it gets the pages. */
import { boundedValueAt } from './json/bounded-value.ts'
import { findPath, rootOf } from './json-view.ts'
import { MAX_TOOL_PAGES } from '../limits.ts'
import type { Failure } from '../../protocol/errors.ts'
import { isObject, type JsonObject } from '../../protocol/json/json-object.ts'

/** One page: the result to look at, and the whole answer as the server wrote it. */
export interface ListPage {
  readonly result: JsonObject
  readonly answer: Uint8Array
}

/** Why nothing is known of a list: how asking for it has failed, or `changed`: it is to be asked of another child than was thought, or once more. */
export type Unlisted = Failure | 'changed'

/** Gets one page of a list; undefined when the server was asked and does not give it. */
export type ListTools = (cursor: string | undefined) => Promise<ListPage | Unlisted | undefined>

/**
 * Hands on all pages, up to MAX_TOOL_PAGES; one that the server does not give is the end. Returns why the list could not be
 * read to its end, where the server could not be asked for the rest: what was handed on is then no list to judge by.
 */
export async function readPages(list: ListTools, take: (page: ListPage) => Promise<void> | void): Promise<Unlisted | undefined> {
  let cursor: string | undefined
  for (let pages = 0; pages < MAX_TOOL_PAGES; pages++) {
    const page = await list(cursor)
    if (page === undefined) return undefined
    if (isUnlisted(page)) return page
    await take(page)
    const next = page.result['nextCursor']
    if (typeof next !== 'string') return undefined
    cursor = next
  }
  return undefined
}

/** Whether this says why there is no list, in the place of one or of a page. */
export function isUnlisted(listed: object | Unlisted): listed is Unlisted {
  return listed === 'changed' || (typeof listed === 'object' && 'code' in listed)
}

/** The page that an answer is; undefined for one without a result, or with too many values. */
export function readPage(answer: Uint8Array | undefined): ListPage | undefined {
  const result = answer === undefined ? undefined : boundedValueAt(answer, findPath(answer, rootOf(answer), 'result'))
  return answer !== undefined && isObject(result) ? { result, answer } : undefined
}

export function toolsOf(page: JsonObject | undefined): readonly unknown[] {
  return Array.isArray(page?.['tools']) ? page['tools'] : []
}
