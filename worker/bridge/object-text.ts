/** Writes JSON objects whose values are JSON texts already, so that what a peer wrote stays as it was. Pure. */

/** JSON texts by key, in order; undefined where there is no such member. */
type Members = ReadonlyMap<string, string | undefined> | Readonly<Record<string, string | undefined>>

export function objectText(members: Members): string {
  return `{${membersText(members)}}`
}

/** The same without its braces. */
export function membersText(members: Members): string {
  const entries = members instanceof Map ? [...members] : Object.entries(members)
  return entries.flatMap(([key, text]) => (text === undefined ? [] : [`${JSON.stringify(key)}:${text}`])).join(',')
}
