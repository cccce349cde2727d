/**
 * URIs of resources, and templates of them, of several servers: each stays as its server wrote it, unless another server has given the same
 * one before; then the later one's has the server's name in it, and names it alone. For one session. Pure.
 */
import { MERGED_URIS } from '../../limits.ts'
import { matchesGlob, MAX_MATCHED_CHARS } from '../../../protocol/policy/name-glob.ts'

/** A resource as its own server knows it. */
export interface OwnUri {
  readonly server: string
  readonly uri: string
}

/** What stands before the part of a URI that names the thing: `file://`, `mem:`, or nothing. */
const HEAD = /^(?:[a-z][a-z0-9+.-]*:(?:\/\/)?)?/i

/** `ui://app` of the server `b` is `ui://b__app`. */
export function namedUri(server: string, uri: string): string {
  const head = HEAD.exec(uri)?.[0] ?? ''
  return `${head}${server}__${uri.slice(head.length)}`
}

/** The reverse; undefined of a URI that does not name this server. */
export function unnamedUri(server: string, uri: string): string | undefined {
  const head = HEAD.exec(uri)?.[0] ?? ''
  const mark = `${server}__`
  return uri.startsWith(mark, head.length) ? head + uri.slice(head.length + mark.length) : undefined
}

export class MergedUris {
  readonly #resources = new UriBook()
  readonly #templates = new UriBook()

  /** The URI by which clients know a resource that a server has named. */
  resource(server: string, uri: string): string {
    return this.#resources.claim(server, uri)
  }

  /** The same for a template. */
  template(server: string, template: string): string {
    return this.#templates.claim(server, template)
  }

  /** The URI by which clients know it, if a server has named it before; else as it is. */
  known(server: string, uri: string): string {
    return this.#resources.known(server, uri) ?? uri
  }

  /** Whose resource a client means; undefined where it cannot be told. `servers`: which there are. */
  find(uri: string, servers: Iterable<string>): OwnUri | undefined {
    const listed = this.#resources.get(uri) ?? this.#templates.get(uri)
    if (listed !== undefined) return listed
    for (const server of servers) {
      const own = unnamedUri(server, uri)
      if (own !== undefined) return { server, uri: own }
    }
    return this.#matching(uri)
  }

  /** What a server has named that is none any more. */
  forget(server: string): void {
    this.#resources.forget(server)
    this.#templates.forget(server)
  }

  #matching(uri: string): OwnUri | undefined {
    if (uri.length > MAX_MATCHED_CHARS) return undefined
    for (const [template, { server }] of this.#templates.all) {
      // Those with a server's name in them have been looked for.
      if (template.includes('{') && matchesGlob(template.replace(/\{[^{}]*\}/g, '*'), uri)) return { server, uri }
    }
    return undefined
  }
}

/** One kind of them, both ways round. */
class UriBook {
  readonly all = new Map<string, OwnUri>()
  /** By server and own URI. */
  readonly #known = new Map<string, string>()

  get(uri: string): OwnUri | undefined {
    return this.all.get(uri)
  }

  known(server: string, uri: string): string | undefined {
    return this.#known.get(keyOf(server, uri))
  }

  claim(server: string, uri: string): string {
    const before = this.known(server, uri)
    if (before !== undefined) return before
    let shown = uri
    while (this.all.has(shown)) shown = namedUri(server, shown)
    this.all.set(shown, { server, uri })
    this.#known.set(keyOf(server, uri), shown)
    const [oldest] = this.all
    if (oldest !== undefined && this.all.size > MERGED_URIS) this.#drop(oldest)
    return shown
  }

  forget(server: string): void {
    for (const entry of this.all) if (entry[1].server === server) this.#drop(entry)
  }

  #drop([shown, { server, uri }]: readonly [string, OwnUri]): void {
    this.all.delete(shown)
    this.#known.delete(keyOf(server, uri))
  }
}

function keyOf(server: string, uri: string): string {
  return `${server} ${uri}`
}
