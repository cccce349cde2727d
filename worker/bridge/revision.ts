/** The MCP revisions with a handshake that this relay speaks to clients, and what each can do. Pure. */

/** Newest first. They all begin with initialize. */
export const LEGACY_REVISIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'] as const

/** The only revision with JSON-RPC batches; also what a missing MCP-Protocol-Version means (2025-06-18, basic/transports). */
export const BATCH_REVISION = '2025-03-26'

/** From 2025-11-25 on clients know events that have an id and no data; before, some stumble over them (SEP-1699). */
export function takesEmptyEvents(revision: string): boolean {
  return revision === LEGACY_REVISIONS[0]
}

export function isLegacyRevision(text: string): boolean {
  return LEGACY_REVISIONS.some((revision) => revision === text)
}
