/**
 * URIs of resources, and templates of them, of several servers: each stays as its server wrote it, unless another server has given the same
 * one before; then the later one's has the server's name in it, and names it alone. For one session. Pure.
 */
import { MERGED_URIS } from '../../limits.ts'
import { matchesGlob, MAX_MATCHED_CHARS } from '../../../protocol/policy/name-glob.ts'
import { namedUri, unnamedUri } from '../../../protocol/server-names.ts'

/** A resource as its own server knows it. */
export interface OwnUri {
  readonly server: string
  readonly uri: string
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

  /** The URI by which clients know it, if a server has named it before; else as it is. Undefined where clients would take it for another server's. */
  known(server: string, uri: string): string | undefined {
    const known = this.#resources.known(server, uri)
    if (known !== undefined) return known
    const whose = this.find(uri)
    return whose === undefined || whose.server === server ? uri : undefined
  }

  /**
   * Whose resource a client means; undefined where it cannot be told. A server's name in a URI means something only in one that clients were
   * given: else whoever writes it there would spell any URI in another way.
   */
  find(uri: string): OwnUri | undefined {
    return this.#resources.get(uri) ?? this.#templates.get(uri) ?? this.#matching(uri)
  }

  /** What a server has named that is none any more. */
  forget(server: string): void {
    this.#resources.forget(server)
    this.#templates.forget(server)
  }

  /** By templates: first by those that name their server, whose URIs others may match as well. */
  #matching(uri: string): OwnUri | undefined {
    if (uri.length > MAX_MATCHED_CHARS) return undefined
    let plain: OwnUri | undefined
    for (const [shown, { server, uri: template }] of this.#templates.all) {
      if (!template.includes('{') || !matchesGlob(globOf(shown), uri)) continue
      if (shown === template) plain ??= { server, uri }
      else {
        const own = unnamedAlike(server, { shown, template }, uri)
        if (own !== undefined && matchesGlob(globOf(template), own)) return { server, uri: own }
      }
    }
    return plain
  }
}

function globOf(template: string): string {
  return template.replace(/\{[^{}]*\}/g, '*')
}

/** A URI with the server's name cut out of it as often as it was put into the template. */
function unnamedAlike(
  server: string,
  { shown, template }: { readonly shown: string; readonly template: string },
  uri: string,
): string | undefined {
  let own: string | undefined = uri
  for (let at: string | undefined = shown; at !== undefined && at !== template; at = unnamedUri(server, at))
    own = own === undefined ? undefined : unnamedUri(server, own)
  return own
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
