/** Whom a server lists its tools to: in revision 2026-07-28 each request says who asks, and a server may show one client what it does not show another. Pure. */

export interface ToolAudience {
  /** The same for clients that say the same of themselves; empty where requests say nothing of it, and all get one list. */
  readonly name: string
  /** The members of `_meta` that say it, for a request in such a client's place. */
  readonly envelope: Readonly<Record<string, unknown>> | undefined
}

/** Without the first three revision 2026-07-28 takes no request (basic/index, `_meta`); the last is written by this agent, where a server is told who calls. */
const AUDIENCE_KEYS: ReadonlySet<string> = new Set([
  ...['protocolVersion', 'clientInfo', 'clientCapabilities'].map((key) => `io.modelcontextprotocol/${key}`),
  'mcp-edge/principal',
])

const EVERY_CLIENT: ToolAudience = { name: '', envelope: undefined }

/** `meta`: `_meta` of a request's params. */
export function toolAudience(meta: unknown): ToolAudience {
  if (typeof meta !== 'object' || meta === null) return EVERY_CLIENT
  const said = Object.entries(meta).filter(([key]) => AUDIENCE_KEYS.has(key))
  if (said.length === 0) return EVERY_CLIENT
  const envelope = Object.fromEntries(said)
  return { name: JSON.stringify(envelope), envelope }
}
