/** Ids of what servers ask a client that several of them ask: each stands behind the tag of its channel, by which the answer finds its way. Pure. */

/** With what every tag begins: no server's own id does. */
const MARK = 'mcp-edge'
const BETWEEN = ' '

/** The tag of a channel whose group has this route (`routeOf`). */
export function askTag(route: string): string {
  return `${MARK}${route}`
}

/** The id that the client is shown for a server's own; both as JSON texts. */
export function taggedAskId(tag: string, rawId: string): string {
  return JSON.stringify(`${tag}${BETWEEN}${rawId}`)
}

/** What a tagged id is made of; undefined for any other. */
export function readAskId(rawId: string): { readonly route: string; readonly rawId: string } | undefined {
  if (!rawId.startsWith(`"${MARK}~`)) return undefined
  try {
    const id: unknown = JSON.parse(rawId)
    const at = typeof id === 'string' ? id.indexOf(BETWEEN) : -1
    return typeof id !== 'string' || at === -1 ? undefined : { route: id.slice(MARK.length, at), rawId: id.slice(at + 1) }
  } catch {
    return undefined
  }
}
