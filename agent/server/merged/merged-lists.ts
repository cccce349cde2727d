/** One list of several servers, page by page: a cursor names the server with whose page the next begins, and that server's own cursor. Pure. */
import { isObject } from '../../../protocol/json/json-object.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { cutMembers } from '../../../protocol/members/object-members.ts'
import { concat, type Replacement, replacement, splice } from '../../../protocol/splice.ts'
import { MERGED_PAGE_BYTES } from '../../limits.ts'
import { elementsOf, textOf, valueAt } from './message-spans.ts'

/** A method that lists. */
export interface ListKind {
  readonly member: string
  /** Where in a server's capabilities it stands that it has such a list. */
  readonly capability: readonly string[]
  /** What tells that it has changed; undefined where nothing does. */
  readonly changed: string | undefined
}

export const LIST_KINDS: Readonly<Record<string, ListKind>> = {
  'tools/list': { member: 'tools', capability: ['tools'], changed: 'notifications/tools/list_changed' },
  'prompts/list': { member: 'prompts', capability: ['prompts'], changed: 'notifications/prompts/list_changed' },
  'resources/list': { member: 'resources', capability: ['resources'], changed: 'notifications/resources/list_changed' },
  'resources/templates/list': { member: 'resourceTemplates', capability: ['resources'], changed: 'notifications/resources/list_changed' },
  'tasks/list': { member: 'tasks', capability: ['tasks', 'list'], changed: undefined },
}

/** Where a page begins. */
export interface PageStart {
  readonly server: string
  /** That server's own; absent for its first page. */
  readonly cursor?: string | undefined
}

export function encodeCursor({ server, cursor }: PageStart): string {
  return Buffer.from(JSON.stringify(cursor === undefined ? [server] : [server, cursor])).toString('base64url')
}

/** Undefined for what is no cursor of ours. */
export function decodeCursor(text: string): PageStart | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    const [server, cursor] = Array.isArray(read) ? (read as unknown[]) : []
    if (typeof server !== 'string' || (cursor !== undefined && typeof cursor !== 'string')) return undefined
    return { server, cursor }
  } catch {
    return undefined
  }
}

/** The request for a list, with a server's own cursor in place of ours, or with none. */
export function withCursor(request: Uint8Array, cursor: string | undefined): Uint8Array {
  const params = valueAt(request, ['params'])
  const span = valueAt(request, ['params', 'cursor'])
  if (params === undefined || span === undefined) return request
  if (cursor !== undefined) return splice(request, [replacement(span, JSON.stringify(cursor))])
  const { cuts } = cutMembers(request, params[0], (key) => key === 'cursor')
  return splice(
    request,
    cuts.map((cut): Replacement => ({ span: cut, bytes: new Uint8Array(0) })),
  )
}

/** A server's page. */
export interface OwnPage {
  /** The list as it was written. */
  readonly list: Uint8Array
  readonly entries: readonly Uint8Array[]
  readonly next: string | undefined
}

/** Undefined for an answer that has no such list. */
export function readPage(answer: Uint8Array, { member }: ListKind): OwnPage | undefined {
  const result = valueAt(answer, ['result'])
  const list = valueAt(answer, [member], result)
  if (list === undefined) return undefined
  const entries = elementsOf(answer, list).map(([from, to]: Span) => answer.subarray(from, to))
  return { list: answer.subarray(...list), entries, next: textOf(answer, valueAt(answer, ['nextCursor'], result)) }
}

/** A server's entries as clients are to see them. */
export interface ShownPage {
  readonly server: string
  readonly entries: readonly Uint8Array[]
  readonly next: string | undefined
}

/**
 * The answer to a request for a list: pages of servers one behind the other, until one has more pages, or there is too much for one page. The
 * first is whole in any case.
 */
export function mergedPage(rawId: string, { member }: ListKind, pages: readonly ShownPage[]): Uint8Array {
  const entries: Uint8Array[] = []
  let bytes = 0
  let next: PageStart | undefined
  for (const page of pages) {
    const size = page.entries.reduce((sum, entry) => sum + entry.length + 1, 0)
    if (bytes > 0 && bytes + size > MERGED_PAGE_BYTES) next = { server: page.server }
    else {
      for (const entry of page.entries) entries.push(entry)
      bytes += size
      if (page.next !== undefined) next = { server: page.server, cursor: page.next }
    }
    if (next !== undefined) break
  }
  const pieces = entries.flatMap((entry, index) => (index === 0 ? [entry] : [COMMA, entry]))
  const cursor = next === undefined ? '' : `,"nextCursor":"${encodeCursor(next)}"`
  return concat([Buffer.from(`{"jsonrpc":"2.0","id":${rawId},"result":{"${member}":[`), ...pieces, Buffer.from(`]${cursor}}}`)])
}

const COMMA = Uint8Array.of(0x2c)

/** Whether a server has such a list, by its capabilities. */
export function hasList(capabilities: Readonly<Record<string, unknown>>, { capability }: ListKind): boolean {
  let at: unknown = capabilities
  for (const key of capability) at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined
  return at !== undefined && at !== null && at !== false
}
