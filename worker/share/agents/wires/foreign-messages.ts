/** What the relay itself says to servers behind agents of other makes, and how long a message to them may be. No I/O. */
import type { Hello } from '../../../../protocol/handshake.ts'
import type { ForeignMake } from '../../../contract/foreign-makes.ts'
import { MAX_FOREIGN_MESSAGE_BYTES, MAX_FOREIGN_NAME_CHARS } from '../../../foreign-limits.ts'
import { foreignId } from './foreign-calls.ts'

const encoder = new TextEncoder()

/** The relay's own handshake with the server of an agent, and what ContextForge's older client calls its own. */
export const HANDSHAKE = 'handshake'
export const OWN_HANDSHAKE = /^"init-/
export const INITIALIZE = `{"jsonrpc":"2.0","id":${foreignId(HANDSHAKE)},"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"mcp-edge","version":"1"}}}`
export const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

/** What an agent of ours would say that has one server for all, whose product and name its owner is shown. */
export function helloOf(make: ForeignMake, { id: instance, name }: { readonly id: string; readonly name: string }): Hello {
  const shown = name.replaceAll(/[^\u0020-\u007e]/g, '').slice(0, MAX_FOREIGN_NAME_CHARS)
  const product = shown === '' ? make : `${make} ${shown}`
  const facts = { isolation: 'share', era: 'legacy', product, wantsPrincipal: true, held: [], channels: [] } as const
  // The newest serves: such an agent cannot say whether it means to join.
  const web = make === 'egdesk' ? ({ serves: 'both' } as const) : {}
  return { type: 'hello', agent: make, instance, join: 'replace', ...facts, ...web }
}

export function cancellationOf(key: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${foreignId(key)}}}`
}

/** What the server is answered that pings, or asks a client. */
export const PONG_OUTCOME = '"result":{}'
export const NO_ASKING =
  '"error":{"code":-32601,"message":"Method not found: several clients share this server, so it cannot ask one of them"}'

export function isTooLong(text: string): boolean {
  // No character has more than three bytes for each unit.
  return text.length * 3 > MAX_FOREIGN_MESSAGE_BYTES && encoder.encode(text).length > MAX_FOREIGN_MESSAGE_BYTES
}
