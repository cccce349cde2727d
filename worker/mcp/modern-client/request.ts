/** One request of revision 2026-07-28: who sent it, and the calls that bring it to a server of either era. */
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import type { Envelope } from '../../bridge/envelope.ts'
import { mayAsk } from '../../bridge/modern-to-legacy.ts'
import type { GroupCallRequest } from '../../contract/share-rpc.ts'
import type { Visitor } from '../visitor.ts'
import type { ClientMessage } from '../message.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { clientOf, groupCallRequest } from '../call/call-request.ts'

/** A client, with the lane that serves its group. */
export interface LaneVisitor extends Visitor {
  readonly share: ShareClient
  /** Who it is in this request. */
  readonly principal: string
}

/** A request without session, with all that is needed to answer it. */
export interface ModernCall {
  readonly visitor: LaneVisitor
  readonly message: ClientMessage
  readonly envelope: Envelope
  /** As it goes to a child of its own era. */
  readonly request: GroupCallRequest
  readonly group: string
  readonly stateKey: CryptoKey
  readonly headers: Headers
}

/** What may ask is remembered by method and name, of which so much. */
const MAX_ASKER_CHARS = 256

/**
 * The call for a child of the handshake era: `body` is the request in its words (`toLegacyRequest`), `version` the state of
 * the two sides by which it was translated. Undefined for a body that cannot be read.
 */
export function translatedRequest(
  { message, envelope, request }: ModernCall,
  body: Uint8Array,
  version: string,
): GroupCallRequest | undefined {
  const facts = scanMessage(body)
  if (!facts.ok) return undefined
  const asker = askerOf(message)
  const fresh = groupCallRequest(clientOf(request), { bytes: body, facts: facts.value, params: message.params }, 'stream')
  return {
    ...fresh,
    key: request.key,
    bridge: version,
    ...(asker === undefined ? {} : { asker }),
    ...(envelope.logLevel === undefined ? {} : { logLevel: envelope.logLevel }),
  }
}

function askerOf({ facts, params }: ClientMessage): string | undefined {
  if (!mayAsk(facts.method)) return undefined
  const name = params['name'] ?? params['uri']
  return `${facts.method} ${typeof name === 'string' ? name : ''}`.slice(0, MAX_ASKER_CHARS)
}
