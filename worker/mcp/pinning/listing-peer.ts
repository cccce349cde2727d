/** Asks a server in the relay's own name, as a client that can be asked for anything: by a session, or in revision 2026-07-28. */
import type { Answer } from '../../../protocol/frame.ts'
import { RELAY_CLIENT_NAME } from '../../../protocol/handshake.ts'
import { ALL_CAPABILITIES, declare } from '../../bridge/capabilities.ts'
import { CHILD_REVISION, META, MODERN_REVISION } from '../../bridge/names.ts'
import { objectText } from '../../bridge/object-text.ts'
import { randomKey } from '../../call-key.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { RELAY_GROUP, RELAY_PRINCIPAL } from '../../contract/pinned-server.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../limits.ts'
import { LIST_ANSWER_MS, LISTING_MS } from '../../trust-limits.ts'
import { within } from '../../within.ts'
import { callRequest, groupCallRequest } from '../call/call-request.ts'
import { joinedCapabilityEdits } from '../../bridge/joined-capabilities.ts'
import { isOfSeveral } from '../../contract/return-address.ts'
import { splice } from '../../../protocol/splice.ts'
import { joining } from '../call/several/joined-list.ts'
import { Courier } from '../call/courier.ts'
import { isFinal, type ItemSource } from '../call/item.ts'
import { send } from '../call/send.ts'
import { WholeMessage } from '../call/whole-message.ts'
import { type ClientMessage, readPosted } from '../message.ts'
import { newSessionId } from '../session-id.ts'

/** Apps are for clients that say that they show them (MCP Apps, capability negotiation). */
const CLIENT_CAPABILITIES = JSON.stringify({
  ...declare(new Set(ALL_CAPABILITIES)),
  extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } },
})
const CLIENT_INFO = `{"name":"${RELAY_CLIENT_NAME}","version":"1"}`

const encoder = new TextEncoder()

export interface ListingPeer {
  /** What the server says of itself: its whole answer to initialize or server/discover. Undefined when it does not begin. */
  begin(): Promise<ListedAnswer>
  /** The whole answer to a request; undefined when none comes in time. `params`: JSON texts by key. */
  ask(method: string, params: Readonly<Record<string, string>>): Promise<ListedAnswer>
  /** Nothing more is asked. */
  end?(): Promise<void>
}

/** `too_long`: longer than anything that is looked into, for clients too. */
export type ListedAnswer = Uint8Array | 'too_long' | undefined

/** What the relay says of itself in initialize, as JSON text. */
export function ownHandshake(): string {
  return `{"protocolVersion":"${CHILD_REVISION}","capabilities":${CLIENT_CAPABILITIES},"clientInfo":${CLIENT_INFO}}`
}

/** The same in `_meta` of a request without session. */
export function ownEnvelope(): string {
  return objectText({
    [META.protocolVersion]: JSON.stringify(MODERN_REVISION),
    [META.clientCapabilities]: CLIENT_CAPABILITIES,
    [META.clientInfo]: CLIENT_INFO,
  })
}

/** `share`: the first lane. */
export function listingPeer(share: ShareClient, era: 'legacy' | 'modern'): ListingPeer {
  return era === 'legacy' ? new SessionPeer(share) : new ModernPeer(share)
}

class SessionPeer implements ListingPeer {
  readonly #share: ShareClient
  readonly #caller = { principal: RELAY_PRINCIPAL, session: newSessionId() }

  constructor(share: ShareClient) {
    this.#share = share
  }

  async begin(): Promise<ListedAnswer> {
    const answer = await this.#call('initialize', ownHandshake(), LISTING_MS)
    const begun = messageOf('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    if (answer === undefined || begun === undefined) return undefined
    return (await send(this.#share, this.#caller, begun)) === undefined ? answer : undefined
  }

  ask(method: string, params: Readonly<Record<string, string>>): Promise<ListedAnswer> {
    return this.#call(method, objectText(params), LIST_ANSWER_MS)
  }

  #call(method: string, params: string, maxMs: number): Promise<ListedAnswer> {
    const message = messageOf(`{"jsonrpc":"2.0","id":${newId()},"method":"${method}","params":${params}}`)
    return answered(this.#share, message, (posted) => callRequest(this.#caller, posted, 'single'), maxMs)
  }
}

class ModernPeer implements ListingPeer {
  readonly #share: ShareClient
  readonly #client = { principal: RELAY_PRINCIPAL, group: RELAY_GROUP, capabilities: ALL_CAPABILITIES }

  constructor(share: ShareClient) {
    this.#share = share
  }

  begin(): Promise<ListedAnswer> {
    return this.#call('server/discover', {}, LISTING_MS)
  }

  ask(method: string, params: Readonly<Record<string, string>>): Promise<ListedAnswer> {
    return this.#call(method, params, LIST_ANSWER_MS)
  }

  #call(method: string, params: Readonly<Record<string, string>>, maxMs: number): Promise<ListedAnswer> {
    const body = objectText({ ...params, _meta: ownEnvelope() })
    const message = messageOf(`{"jsonrpc":"2.0","id":${newId()},"method":"${method}","params":${body}}`)
    return answered(this.#share, message, (posted) => groupCallRequest(this.#client, posted, 'single'), maxMs)
  }
}

/** An id that no client has: on a child that serves all, no client may cancel what we ask. */
function newId(): string {
  return `"mcp-edge.pins.${randomKey()}"`
}

function messageOf(text: string): ClientMessage | undefined {
  const posted = readPosted(encoder.encode(text))
  return posted.ok ? posted.value.messages[0] : undefined
}

async function answered(
  share: ShareClient,
  message: ClientMessage | undefined,
  requestOf: (message: ClientMessage) => CallRequest,
  maxMs: number,
): Promise<ListedAnswer> {
  if (message === undefined) return undefined
  // What is pinned must be what the server says now.
  const { canStandBy: _, ...own } = requestOf(message)
  const courier = new Courier(share, { ...own, isRelays: true }, message.bytes, { several: joining(share) })
  courier.linger()
  try {
    return await within(maxMs, wholeAnswer(courier))
  } finally {
    courier.close()
  }
}

/** The whole answer, also that of a child that serves all to its own initialize. */
async function wholeAnswer(source: ItemSource): Promise<ListedAnswer> {
  const answer = new WholeMessage<Answer>()
  for (let item = await source.next(); item !== undefined; item = await source.next()) {
    if (item.kind === 'initialized') return item.answer
    if (item.kind !== 'frame') return undefined
    const { header, body } = item
    source.taken(body.length)
    if (header.type === 'answer' && header.size > MAX_BRIDGED_ANSWER_BYTES) return 'too_long'
    const whole = header.type === 'answer' ? answer.begin(header, body) : header.type === 'chunk' ? answer.goOn(header, body) : undefined
    if (whole !== undefined) return isOfSeveral(whole.header.ra) ? splice(whole.body, joinedCapabilityEdits(whole.body)) : whole.body
    if (isFinal(item)) return undefined
  }
  return undefined
}
