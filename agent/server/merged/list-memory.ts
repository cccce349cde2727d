/** What a client was shown of one server's lists, as digests: whether a list has changed since can be told without keeping it. Pure. */
import { createHash } from 'node:crypto'
import { MAX_LIST_PAGES } from '../../limits.ts'

interface PageMark {
  readonly digest: string
  /** The digest of the next page's cursor. */
  readonly next: string | undefined
}

export class ListMemory {
  /** By method, then by digests of cursors, since these may be of any length; the first page has the empty one. */
  readonly #pages = new Map<string, Map<string, PageMark>>()

  /** Methods by which something was listed. */
  get methods(): readonly string[] {
    return [...this.#pages.keys()]
  }

  note(method: string, cursor: string | undefined, entries: Uint8Array, next: string | undefined): void {
    const pages = cursor === undefined ? new Map<string, PageMark>() : (this.#pages.get(method) ?? new Map<string, PageMark>())
    if (pages.size < MAX_LIST_PAGES) pages.set(keyOf(cursor) ?? '', { digest: digestOf(entries), next: keyOf(next) })
    this.#pages.set(method, pages)
  }

  forget(method: string): void {
    this.#pages.delete(method)
  }

  /**
   * Whether the page that is now the `index`th, from 0, differs from what was shown there; undefined when it does not, and the next must be
   * looked at as well.
   */
  differs(method: string, index: number, entries: Uint8Array, next: string | undefined): boolean | undefined {
    let shown = this.#pages.get(method)?.get('')
    for (let at = 0; at < index && shown !== undefined; at++)
      shown = shown.next === undefined ? undefined : this.#pages.get(method)?.get(shown.next)
    // Nobody has asked for more of it.
    if (shown === undefined) return false
    if (shown.digest !== digestOf(entries) || (shown.next === undefined) !== (next === undefined)) return true
    return next === undefined ? false : undefined
  }
}

function keyOf(cursor: string | undefined): string | undefined {
  return cursor === undefined ? undefined : digestOf(cursor)
}

function digestOf(entries: Uint8Array | string): string {
  return createHash('sha256').update(entries).digest('base64url')
}
