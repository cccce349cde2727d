/** Which clients without session share a child, and how much one may say of itself. */
import { encodeBase32 } from '../../../protocol/encoding/base32.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { declarationName, type DeclaredClient } from '../../bridge/capabilities.ts'
import { META } from '../../bridge/names.ts'

const encoder = new TextEncoder()

/** Bytes of the digest that names a group of clients. A digest, since a channel's name must not tell who its clients are. */
const GROUP_BYTES = 16

/** What a client may say of itself, in UTF-16 units: it goes to the Share with each call. */
const MAX_DECLARATION_CHARS = 16 * 1024
export const DECLARATION_TOO_LONG: Failure = {
  code: 'ENVELOPE_INVALID',
  at: META.clientCapabilities,
  detail: 'longer than 16 KiB with clientInfo',
}

export function isTooLong({ declared = '', clientInfo = '' }: DeclaredClient): boolean {
  return declared.length + clientInfo.length > MAX_DECLARATION_CHARS
}

/** Clients of one principal that say the same of themselves share a child: servers fit their tools to it, and see who it is. */
export async function groupName(principal: string, client: DeclaredClient): Promise<string> {
  const name = `${principal}\n${declarationName(client)}${client.clientInfo === undefined ? '' : `\n${client.clientInfo}`}`
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(name))
  return encodeBase32(new Uint8Array(digest).subarray(0, GROUP_BYTES))
}
