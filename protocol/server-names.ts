/** Names of the servers under one share: they stand in its addresses, and before `__` in the names of their tools and prompts. Pure. */

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
