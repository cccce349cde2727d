/** Names of the servers under one share: they stand in its addresses, before `__` in the names of their tools and prompts, and in URIs that two have given. Pure. */

/** Without an underscore, so that the first `__` of a prefixed name ends that of its server. */
const NAME = /^[a-z0-9-]{1,20}$/

/** What begins the addresses of a share already, or those of its own host. */
const RESERVED: ReadonlySet<string> = new Set(['k', 'mcp', 'sse', 'messages', 'http', 'authorize', 'register', 'token', 'reverse-proxy'])

/** Whether a server of a share may be called so. */
export function isServerName(text: string): boolean {
  return NAME.test(text) && !RESERVED.has(text)
}

/** The name by which policies and owners know a tool or prompt of a server, the same as in a list of several servers. `server`: absent of the one that has no name. */
export function prefixedName(server: string | undefined, name: string): string {
  return server === undefined ? name : `${server}__${name}`
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

/** Readings of one URI: a name is in it once for each server that has given the same before, which are few. */
const MAX_URI_READINGS = 16

/** Where a server's name may stand in a URI. */
const NAME_IN_URI = /^([a-z0-9-]{1,20})__/i

/**
 * All that a server could be asked for by a URI: it as it is, and with what may be a server's name cut out of it, again and again. Undefined
 * of a URI with more readings than any has that is meant.
 */
export function uriReadings(uri: string): readonly string[] | undefined {
  const readings = [uri]
  for (let last = uri; ;) {
    const head = HEAD.exec(last)?.[0] ?? ''
    const name = NAME_IN_URI.exec(last.slice(head.length))?.[1]
    const next = name === undefined ? undefined : unnamedUri(name, last)
    if (next === undefined) return readings
    if (readings.push((last = next)) > MAX_URI_READINGS) return undefined
  }
}
