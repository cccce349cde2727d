/** One list made of those of several agents of a share that serve different names (`--serves`): of each what is its own, byte for byte. */
import { MAX_SERVED_CHARS, MAX_SERVED_PATTERN_CHARS, type ServedName, servingSet, takingSet } from '../../../../protocol/served-names.ts'
import type { Failure } from '../../../../protocol/errors.ts'
import { isObject, type JsonObject } from '../../../../protocol/json/json-object.ts'
import { scanMessage } from '../../../../protocol/json/json-scan.ts'
import { listedEntries } from '../../../../protocol/policy/list-cut.ts'
import { concat } from '../../../../protocol/splice.ts'
import { findPath, rootOf, valueAt } from '../../../bridge/json-view.ts'
import { objectIn } from '../../../bridge/names.ts'
import { randomKey } from '../../../call-key.ts'
import { firstPart } from '../../../carry/upload.ts'
import type { ShareClient } from '../../../carry/share-client.ts'
import type { ListsToJoin } from '../../../contract/call-parts.ts'
import { encodeReturnAddress } from '../../../contract/return-address.ts'
import type { CallRequest } from '../../../contract/share-rpc.ts'
import { MAX_BATCH_CALLS, MAX_BRIDGED_ANSWER_BYTES, MAX_TOOL_PAGES } from '../../../limits.ts'
import { log } from '../../../log.ts'
import { LIST_PART_MS } from '../../../routing-limits.ts'
import { within } from '../../../within.ts'
import { Courier } from '../courier.ts'
import type { Item } from '../item.ts'
import { ListingRecorder } from '../listing-recorder.ts'
import type { News, Renewal, Sent, Turns } from '../renewal.ts'
import { readAnswer } from '../whole-message.ts'
import { JOINED_ID } from './joined-answer.ts'

interface ListedPart {
  readonly name: ServedName
  readonly bytes: Uint8Array
}

/** What one agent lists: entries as it wrote them, by name, with the member that holds them; or its error; or how it could not be asked. */
type PartOfList = { readonly entries: readonly ListedPart[] } | { readonly error: Uint8Array } | Failure

const MEMBERS = {
  'tools/list': { member: 'tools', kind: 'name' },
  'prompts/list': { member: 'prompts', kind: 'name' },
  'resources/list': { member: 'resources', kind: 'uri' },
  'resources/templates/list': { member: 'resourceTemplates', kind: 'uri' },
} as const

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const COMMA = encoder.encode(',')
const TOO_LONG: Failure = { code: 'LIST_UNREADABLE', executed: 'yes', detail: 'what all agents list is longer than 8 MiB' }
const UNREADABLE: Failure = { code: 'LIST_UNREADABLE', executed: 'yes' }
const LATE: Failure = { code: 'AGENT_AWAY', executed: 'no' }

/**
 * The list for the client, whole: in the place of the answer of its own agent. Agents that cannot be asked are left out, and so is what
 * another agent serves; where none can be asked it is said why.
 */
export async function joinedList(share: ShareClient, { request, body }: Sent, lists: ListsToJoin): Promise<Item> {
  const listing = MEMBERS[request.method as keyof typeof MEMBERS]
  const asked: unknown = JSON.parse(decoder.decode(body))
  const parts: (readonly [set: string, part: PartOfList])[] = []
  for (let at = 0; at < lists.there.length; at += MAX_BATCH_CALLS) {
    const sets = lists.there.slice(at, at + MAX_BATCH_CALLS)
    const ask = async (set: string) => [set, await new PartReader(share, request, asked, set).read(listing)] as const
    parts.push(...(await Promise.all(sets.map(ask))))
  }
  const kept = parts.flatMap(([set, part]) => ('entries' in part ? ownOf(part.entries, set, lists) : []))
  const isListed = parts.some(([, part]) => 'entries' in part)
  if (!isListed)
    return notListed(
      request,
      parts.map(([, part]) => part),
    )
  if (kept.reduce((sum, { length }) => sum + length, 0) > MAX_BRIDGED_ANSWER_BYTES) return { kind: 'failed', failure: TOO_LONG }
  const answer = concat([
    encoder.encode(`{"jsonrpc":"2.0","id":0,"result":{"${listing.member}":[`),
    ...kept.flatMap((bytes, at) => (at === 0 ? [bytes] : [COMMA, bytes])),
    encoder.encode(`]${isOfModernChild(request) ? ',"resultType":"complete","ttlMs":0,"cacheScope":"private"' : ''}}}`),
  ])
  const item = answerItem(request, answer, false)
  const isWhole = lists.sets.length === lists.there.length && parts.every(([, part]) => !('code' in part))
  if (isWhole) ListingRecorder.of(share, request)?.record(item.header, answer, request, lists.listed)
  return item
}

/** What the relay does with a list that it asks for itself: any other call of its own goes to one agent. */
export function joining(share: ShareClient): NonNullable<Turns['several']> {
  return async (offer, sent) => {
    const item: Item = offer.kind === 'join' ? await joinedList(share, sent, offer) : { kind: 'failed', failure: LATE }
    return { kind: 'item', item }
  }
}

/** Asks one agent for its list, page by page. */
class PartReader {
  readonly #share: ShareClient
  readonly #request: CallRequest
  readonly #asked: JsonObject
  readonly #set: string

  constructor(share: ShareClient, request: CallRequest, asked: unknown, set: string) {
    this.#share = share
    this.#request = request
    this.#asked = isObject(asked) ? asked : {}
    this.#set = set
  }

  async read({ member, kind }: (typeof MEMBERS)[keyof typeof MEMBERS]): Promise<PartOfList> {
    const entries: ListedPart[] = []
    const lateMs = Date.now() + LIST_PART_MS
    let cursor: string | undefined
    for (let pages = 0; pages < MAX_TOOL_PAGES; pages++) {
      const answer = await this.#page(cursor, lateMs - Date.now())
      if (!(answer instanceof Uint8Array)) return this.#missing(answer)
      const result = findPath(answer, rootOf(answer), 'result')
      // It has no such list, which is not to be said of the others.
      if (result === undefined) return isUnknownMethod(answer) ? { entries } : { error: answer }
      const listed = listedEntries(answer, result[0])
      if (listed === undefined) return this.#missing(UNREADABLE)
      for (const entry of listed)
        if (entry.kind === member) entries.push({ name: { kind, text: entry.name }, bytes: answer.subarray(...entry.span) })
      const next = valueAt(answer, findPath(answer, result[0], 'nextCursor'))
      if (typeof next !== 'string') break
      cursor = next
    }
    return { entries }
  }

  /** One page, or why there is none in this time. */
  async #page(cursor: string | undefined, maxMs: number): Promise<Uint8Array | Failure> {
    const { cursor: _, ...params } = objectIn(this.#asked, 'params') ?? {}
    const { progressToken: __, ...meta } = objectIn(params, '_meta') ?? {}
    const wanted = {
      ...params,
      ...(Object.keys(meta).length === 0 ? {} : { _meta: meta }),
      ...(cursor === undefined ? {} : { cursor }),
    }
    // An id that no client has, since a session's child keeps those of its client.
    const body = encoder.encode(JSON.stringify({ ...this.#asked, id: `mcp-edge.list.${randomKey()}`, params: wanted }))
    const facts = scanMessage(body)
    if (!facts.ok || facts.value.id === undefined) return UNREADABLE
    const { canStandBy: ___, cursor: ____, rawToken: _____, token: ______, isRetry: _______, ...call } = this.#request
    const part: CallRequest = {
      ...call,
      key: randomKey(),
      rawId: facts.value.id.raw,
      id: facts.value.id.span,
      body: firstPart(body),
      size: body.length,
      delivery: 'single',
      spread: { set: this.#set, of: this.#request.key },
      isRelays: true,
      isForOwnAgent: true,
    }
    const renew = (news: News): Promise<Renewal> => Promise.resolve(this.#renewed(news, { request: part, body }))
    const courier = new Courier(this.#share.fork(), part, body, { renew })
    const answer = await within(maxMs, readAnswer(courier))
    courier.close()
    return answer ?? LATE
  }

  /** Its child was started for this, and has introduced itself. */
  #renewed(news: News, { request, body }: Sent): Renewal {
    const isIntroduced = news.kind === 'bridge' && request.bridge !== undefined
    return isIntroduced
      ? { kind: 'call', request: { ...request, bridge: news.facts.version }, body }
      : { kind: 'item', item: { kind: 'failed', failure: LATE } }
  }

  #missing(failure: Failure): Failure {
    log('list.part_missing', { share: this.#share.id, serves: this.#set.slice(0, MAX_SERVED_CHARS), code: failure.code })
    return failure
  }
}

/** Those of an agent's entries that it serves: by the same rule by which calls go. Of the others it is logged which its patterns fit as well. */
function ownOf(entries: readonly ListedPart[], set: string, lists: ListsToJoin): Uint8Array[] {
  const own: Uint8Array[] = []
  const others: string[] = []
  for (const { name, bytes } of entries) {
    const serving = takingSet(name, lists.sets) ?? (name.kind === 'uri' ? lists.own : undefined)
    if (serving === set) own.push(bytes)
    else if (servingSet(name, [set]) === set) others.push(name.text)
  }
  const [first] = others
  if (first !== undefined)
    log('list.served_by_another', { serves: set, names: others.length, first: first.slice(0, MAX_SERVED_PATTERN_CHARS) })
  return own
}

/** Whatever the first has said: its error, or why it could not be asked. */
function notListed(request: CallRequest, parts: readonly PartOfList[]): Item {
  const errors = parts.flatMap((part) => ('error' in part ? [part.error] : []))
  const failures = parts.flatMap((part) => ('code' in part ? [part] : []))
  const [error] = errors
  if (error !== undefined) return answerItem(request, error, true)
  return { kind: 'failed', failure: failures[0] ?? LATE }
}

function answerItem(request: CallRequest, body: Uint8Array, failed: boolean): Extract<Item, { kind: 'frame' }> {
  const scanned = failed ? scanMessage(body) : undefined
  const id = scanned?.ok === true ? (scanned.value.id?.span ?? JOINED_ID) : JOINED_ID
  const ra = encodeReturnAddress({ to: 'call', key: request.key })
  const header = { type: 'answer', ch: '', n: 0, at: 0, size: body.length, key: request.key, ra, id, failed } as const
  return { kind: 'frame', header, body, restarted: false }
}

function isOfModernChild(request: CallRequest): boolean {
  return 'session' in request !== (request.bridge === undefined)
}

/** Whether a server says that it does not know what it was asked (JSON-RPC 2.0 §5.1). */
function isUnknownMethod(answer: Uint8Array): boolean {
  return valueAt(answer, findPath(answer, rootOf(answer), 'error', 'code')) === -32601
}
