/** Requests of revision 2026-07-28, which carry all their server must know: no session, no handshake. */
import { scanMessage } from '../../protocol/json-scan.ts'
import { concat } from '../../protocol/splice.ts'
import { encodeBase32 } from '../access/base32.ts'
import { fingerprint } from '../bridge/capabilities.ts'
import type { Envelope } from '../bridge/envelope.ts'
import { isObject, type JsonObject, objectIn } from '../bridge/names.ts'
import { randomKey } from '../call-key.ts'
import type { CallRequest } from '../share/contract.ts'
import { Courier, type Renew } from './courier.ts'
import type { Visitor } from './endpoint.ts'
import { clientNames } from './frame-writer.ts'
import type { Accepts, ClientMessage } from './message.ts'
import { callRequest } from './post.ts'
import { respond } from './respond.ts'
import { checkToolHeaders, knownTools, learnTools, type ToolSet } from './tool-schemas.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Bytes of the digest that names a group of clients: who they are must not show in a channel's name. */
const GROUP_BYTES = 16

const CANCEL_BODY = encoder.encode('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}')
const CANCEL_ID = [74, 75] as const

export async function postModern(
  visitor: Visitor,
  message: ClientMessage,
  envelope: Envelope,
  accepts: Accepts,
  request: Request,
): Promise<Response> {
  const { share, principal } = visitor
  const group = await groupName(principal, envelope)
  const call: CallRequest = { ...callRequest({ principal, session: '' }, message, accepts.events ? 'stream' : 'single'), group }
  const isToolCall = message.facts.method === 'tools/call'
  const known = isToolCall ? knownTools(share.id) : undefined
  // Checked by what we know, the Share says whether that is still so; what fails by it is checked again by what is.
  const isSound = known !== undefined && checkToolHeaders(known, message.params, request.headers).ok
  const first = isToolCall ? { ...call, toolsVersion: isSound ? known.version : '' } : call
  const courier = new Courier(share, first, message.bytes, recheck(visitor, message, call, request))
  const cancel = (): void => {
    const order = { kind: 'cancel', group, key: randomKey(), call: call.key, body: CANCEL_BODY, requestId: CANCEL_ID } as const
    // Nobody is left to be told that it failed.
    share.send(order).catch(() => undefined)
  }
  return respond({ courier, names: clientNames(call), modern: { cancel } }, accepts, request.signal, {})
}

/** Learns the tools anew and checks the call by them. */
function recheck({ share }: Visitor, message: ClientMessage, call: CallRequest, request: Request): Renew {
  return async (news) => {
    if (news.kind !== 'stale') return { kind: 'item', item: { kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } } }
    const { toolsVersion } = news
    const known = knownTools(share.id)
    const tools: ToolSet =
      known?.version === toolsVersion
        ? known
        : await learnTools(share.id, toolsVersion, (cursor) => listTools(share, call, message, cursor))
    const checked = checkToolHeaders(tools, message.params, request.headers)
    return checked.ok
      ? { kind: 'call', request: { ...call, toolsVersion }, body: message.bytes }
      : { kind: 'item', item: { kind: 'problem', problem: checked.error } }
  }
}

/** Asks the server for a page of its tools, in the name of the client that calls one. */
async function listTools(
  share: Visitor['share'],
  call: CallRequest,
  { params }: ClientMessage,
  cursor: string | undefined,
): Promise<JsonObject | undefined> {
  const { progressToken: _, ...meta } = objectIn(params, '_meta') ?? {}
  const bytes = encoder.encode(
    JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'tools/list', params: { _meta: meta, ...(cursor === undefined ? {} : { cursor }) } }),
  )
  const facts = scanMessage(bytes)
  if (!facts.ok) return undefined
  const { principal, session, group } = call
  const request = {
    ...callRequest({ principal, session }, { bytes, facts: facts.value, params: {} }, 'single'),
    ...(group === undefined ? {} : { group }),
  }
  const courier = new Courier(share, request, bytes)
  const parts: Uint8Array[] = []
  for (let item = await courier.next(); item?.kind === 'frame'; item = await courier.next()) {
    const { header, body } = item
    if (header.type !== 'answer' && header.type !== 'chunk') continue
    parts.push(body)
    courier.taken(body.length)
    if ((header.type === 'answer' && header.size === body.length) || (header.type === 'chunk' && header.last === true)) break
  }
  courier.close()
  return readResult(parts)
}

function readResult(parts: readonly Uint8Array[]): JsonObject | undefined {
  try {
    const answer: unknown = JSON.parse(decoder.decode(concat(parts)))
    return isObject(answer) ? objectIn(answer, 'result') : undefined
  } catch {
    return undefined
  }
}

/** Clients of one principal that declare the same capabilities share a child: servers fit their tools to capabilities. */
async function groupName(principal: string, { capabilities }: Envelope): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(`${principal}\n${fingerprint(capabilities)}`))
  return encodeBase32(new Uint8Array(digest).subarray(0, GROUP_BYTES))
}
