/** Ids of the relay's own requests to clients: each names the Worker that waits for the response, and which of its questions it answers. */

export interface AskName {
  /** Key of the round of questions. */
  readonly key: string
  readonly index: number
}

/** The id as JSON text. */
export function rawAskName({ key, index }: AskName): string {
  return `"mcp-edge.${key}.${index}"`
}

/** Undefined for an id that `rawAskName` did not make. */
export function readAskName(rawId: string | undefined): AskName | undefined {
  const [, key, index] = /^"mcp-edge\.([0-9a-f]{32})\.(\d{1,3})"$/.exec(rawId ?? '') ?? []
  return key === undefined || index === undefined ? undefined : { key, index: Number(index) }
}
