/** What the agent asks a server in its own name, to learn which revisions it speaks and whether it starts. Pure. */

export const PROBED_REVISION = '2026-07-28'
/** The last revision with a handshake. */
const LAST_HANDSHAKE = '2025-11-25'
/** A small integer: some servers hold ids in 32 bits. */
export const PROBE_ID = 1

/** Of a server without a handshake. */
export function discoverRequest(version: string): string {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': PROBED_REVISION,
    'io.modelcontextprotocol/clientInfo': { name: 'mcp-edge-agent', version },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return JSON.stringify({ jsonrpc: '2.0', id: PROBE_ID, method: 'server/discover', params: { _meta: meta } })
}

/** Of a server with one. */
export function initializeRequest(version: string): string {
  const params = { protocolVersion: LAST_HANDSHAKE, capabilities: {}, clientInfo: { name: 'mcp-edge-agent', version } }
  return JSON.stringify({ jsonrpc: '2.0', id: PROBE_ID, method: 'initialize', params })
}
