/** Writes the answers that the relay gives by itself, as JSON text. */
import { isLegacyRevision } from '../../bridge/revision.ts'

const utf8 = new TextDecoder()

/**
 * Builds the InitializeResult for one client from what the child answered to the relay: the same capabilities and
 * server info, in the revision the client asked for when we speak it (MCP lifecycle, version negotiation).
 */
export function initializeResponse(answer: Uint8Array, rawId: string, revision: string | undefined): string {
  const { result } = JSON.parse(utf8.decode(answer)) as { result: Record<string, unknown> }
  const negotiated = revision !== undefined && isLegacyRevision(revision) ? { ...result, protocolVersion: revision } : result
  return `{"jsonrpc":"2.0","id":${rawId},"result":${JSON.stringify(negotiated)}}`
}

export function resultResponse(rawId: string, result: string): string {
  return `{"jsonrpc":"2.0","id":${rawId},"result":${result}}`
}
