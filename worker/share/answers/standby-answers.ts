/** Answers requests in a server's place while no agent is there, or none that responds, from what the server said before. */
import type { Answer } from '../../../protocol/frame.ts'
import { declaredInInitialize } from '../../bridge/discover.ts'
import { LISTING_WRITES_MS, MAX_LISTING_BYTES, MAX_LISTING_WRITES, UNANSWERED_MS } from '../../limits.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import { decodeReturnAddress } from '../../contract/return-address.ts'
import { BRIDGED_SHARED_GROUP, channelName, groupOf, isBridgedGroup, SHARED_GROUP } from '../../contract/groups.ts'
import type { LinkHealth } from '../agents/link-health.ts'
import type { AgentLinks } from '../agents/links.ts'
import { EVERYBODY, type ListingRow, type ListingRows } from '../rows/listing-rows.ts'
import {
  audienceOf,
  type Listing,
  type ListClient,
  listingFrom,
  listingOf,
  type ListingName,
  type ListingOrder,
  nextPage,
  type Standby,
} from '../../contract/listings.ts'
import { type Store } from '../rows/store.ts'
import type { Waiters } from '../clients/waiters.ts'
import { type AgentLink, servesMcp } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly rows: ListingRows
  readonly links: AgentLinks
  readonly channels: GroupChannels
  readonly waiters: Waiters
  readonly health: LinkHealth
}

/** A list with more pages is not answered: its server may never come to the last one. */
const MAX_PAGES = 64

/** Shared children of the handshake era: the relay itself initialised them, so all clients are offered the same. */
const GROUPS_OF_ALL: readonly string[] = [SHARED_GROUP, BRIDGED_SHARED_GROUP]
/** Audience of what any other child has answered to the relay's own initialize; the latest answer is used. */
const INTRODUCED = 'introduced'

const encoder = new TextEncoder()

const NOTHING = encoder.encode('{}')
const EMPTY_ANSWER = encoder.encode('{"jsonrpc":"2.0","id":0,"result":{}}')

export class StandbyAnswers {
  readonly #parts: Parts
  #writes = { sinceMs: 0, count: 0 }

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** The answer to a request whose agent (`link`) is away or does not answer; undefined where an agent must be waited for. */
  for(request: CallRequest, link: AgentLink | undefined): Standby | undefined {
    if (request.canStandBy !== true || (link !== undefined && !this.#parts.health.isSuspect(link, Date.now()))) return undefined
    // The agent may have had the request: only it can say whether the session has begun.
    if (request.method === 'initialize' && request.isResend === true) return undefined
    return this.#answer(request, link)
  }

  /** While a call waits that can be answered without its agent: answers it so if the agent falls silent. */
  async attend(request: CallRequest, pending: CallOutcome | Promise<CallOutcome>): Promise<CallOutcome> {
    const { waiters, links, health } = this.#parts
    const startMs = Date.now()
    const link = links.named(waiters.get(request.key)?.agent ?? '')
    const firstMs = link === undefined ? UNANSWERED_MS : health.patienceMs(link, startMs)
    let timer = setTimeout(() => look(true), firstMs)
    const look = (isFirst: boolean): void => {
      timer = setTimeout(() => look(false), UNANSWERED_MS)
      this.#relieve(request, isFirst ? startMs : 0)
    }
    try {
      const outcome = await pending
      if (outcome.kind !== 'frame' && outcome.kind !== 'stream') return outcome
      const listed = this.listed(request)
      return listed === undefined ? outcome : { ...outcome, listed }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Keeps a server's answer that a Worker has seen, unless the same is kept already. */
  note(order: ListingOrder): void {
    const { client, name, era, answer, digest, ch } = order
    if (this.#parts.store.settings === undefined || answer.length > MAX_LISTING_BYTES) return
    const audience = this.#isForAll(ch) ? EVERYBODY : this.#audience(client)
    if (audience !== undefined) this.#keep(audience, { name, era, answer }, digest)
  }

  /** Whether a child offers the same to all clients: one that is told who calls may offer each something else. */
  #isForAll(ch: string): boolean {
    return GROUPS_OF_ALL.includes(groupOf(ch)) && this.#parts.channels.linkOf(ch)?.wantsPrincipal !== true
  }

  /** Keeps what a server said of itself to the relay. */
  answered({ ra, ch, size, failed }: Answer, answer: Uint8Array): void {
    const address = decodeReturnAddress(ra)
    if (address?.to !== 'relay' || address.purpose !== 'snapshot' || failed || answer.length < size) return
    const group = groupOf(ch)
    // By initialize or by server/discover, as its child was introduced to.
    const era = group === SHARED_GROUP || isBridgedGroup(group) ? 'legacy' : 'modern'
    const kept = listingFrom(answer)
    if (kept !== undefined) this.#keep(GROUPS_OF_ALL.includes(group) ? EVERYBODY : INTRODUCED, { name: 'server', era, answer: kept }, '')
  }

  /** Whether notifications/initialized needs no agent: a child that is not there yet gets it with the replayed handshake. */
  canBeginAlone(group: string, link: AgentLink | undefined): boolean {
    if (this.#parts.store.channels.get(group)?.open === true) return false
    return link === undefined || this.#parts.health.isSuspect(link, Date.now())
  }

  /** A link is gone. */
  left(nowMs: number): void {
    if (this.#parts.links.withServer().length === 0) this.#parts.rows.noteAway(nowMs)
  }

  /** An agent has come. */
  arrived(link: AgentLink): void {
    const { era, sessionEra, isolation, instance } = link
    const { rows, links } = this.#parts
    rows.noteAway(undefined)
    const isThere = (before: string): boolean => links.withServer().some((other) => other !== link && other.instance === before)
    if (servesMcp(link)) rows.noteAgent(instance, isThere, Date.now())
    // A server of both eras says something of either.
    if (era === sessionEra) rows.dropOthers(era, isolation === 'share' && era === 'legacy')
  }

  /** The tools that the server last gave to clients of this kind: a JSON-RPC answer for each page, as far as they are kept. */
  toolsFor(client: ListClient): Uint8Array[] {
    return this.#pages(client, 'tools/list').pages.map(({ answer }) => answer)
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#parts.rows.forget()
  }

  /** What the server said of itself to the clients of a session. */
  server(session: string): Listing | undefined {
    const known = this.#parts.store.sessions.get(session)
    return known === undefined ? undefined : this.#row({ session, principal: known.principal }, 'server')
  }

  #answer(request: CallRequest, link: AgentLink | undefined): Standby | undefined {
    const name = listingOf(request)
    if (name === undefined) return this.#awayAnswer({ name: 'server', era: 'legacy', answer: EMPTY_ANSWER, keptAtMs: Date.now() }, link)
    const { pages, isWhole } = this.#pages(request, name)
    const [first] = pages
    // A client must not be given a cursor that nobody can answer.
    return first === undefined || !isWhole ? undefined : this.#awayAnswer(first, link)
  }

  /** What is kept from one page on, to the last or to one that is missing. */
  #pages(client: ListClient, name: ListingName): { readonly pages: readonly ListingRow[]; readonly isWhole: boolean } {
    const pages: ListingRow[] = []
    let next: ListingName | undefined = name
    while (next !== undefined && pages.length < MAX_PAGES) {
      const row = this.#row(client, next)
      if (row === undefined) break
      pages.push(row)
      next = nextPage(row)
    }
    return { pages, isWhole: next === undefined }
  }

  #awayAnswer({ name, era, answer, keptAtMs }: Omit<ListingRow, 'digest'>, link: AgentLink | undefined): Standby {
    const { health, links, rows } = this.#parts
    // There is an agent, though not for this client: what it said held until now.
    const awaySinceMs = links.withServer().length > 0 ? Date.now() : (rows.awaySinceMs ?? keptAtMs)
    const sinceMs = link === undefined ? awaySinceMs : health.heardAtMs(link)
    return { kind: 'standby', name, era, answer, sinceMs }
  }

  /** Answers a waiting call whose agent is gone, is suspect, or has given no sign of life since `sinceMs`. */
  #relieve(request: CallRequest, sinceMs: number): void {
    const { waiters, links, health } = this.#parts
    const waiter = waiters.get(request.key)
    if (waiter === undefined || waiter.buffer !== undefined) return
    const link = links.named(waiter.agent)
    const isSuspect = link !== undefined && health.isSuspect(link, Date.now())
    if (link !== undefined && !isSuspect && health.heardAtMs(link) > sinceMs) return
    const standby = this.#answer(request, link)
    if (standby === undefined) return
    waiters.settle(waiter, standby)
    if (waiter.isInitialize && waiter.group === waiter.session) this.#forsake(waiter.group)
  }

  /** The client goes on without its child's answer to initialize: its next request gets a new child, which is told of it anew. */
  #forsake(group: string): void {
    const { store, channels } = this.#parts
    channels.close(group)
    const record = store.channels.get(group)
    if (record?.open === true) channels.died(channelName(group, record.generation))
  }

  #row(client: ListClient, name: ListingName): ListingRow | undefined {
    const { rows } = this.#parts
    const own = this.#places(client)
      .map((place) => rows.find(place, name))
      .find((row) => row !== undefined)
    return own ?? rows.find(EVERYBODY, name) ?? (name === 'server' ? rows.latest(name) : undefined)
  }

  /** Names the bytes that are kept as the answer to a request: empty when there are none, undefined where none ever are. */
  listed(request: CallRequest): string | undefined {
    const name = request.canStandBy === true ? listingOf(request) : undefined
    return name === undefined ? undefined : this.#digest(request, name)
  }

  #digest(request: CallRequest, name: ListingName): string {
    const { rows } = this.#parts
    for (const place of this.#places(request)) {
      const own = rows.digest(place, name)
      if (own !== '') return own
    }
    return rows.digest(EVERYBODY, name)
  }

  /** Where a client's listings may be kept: what its server said in its own era first, then in the other, where that is all it speaks. */
  #places(client: ListClient): string[] {
    const audience = this.#audience(client)
    if (audience === undefined) return []
    const eras = 'capabilities' in client ? (['modern', 'legacy'] as const) : (['legacy', 'modern'] as const)
    return eras.map((era) => placeOf(audience, era))
  }

  /** Names the clients that are offered the same as this one; undefined for a session that does not exist. */
  #audience(client: ListClient): string | undefined {
    const { principal } = client
    if ('capabilities' in client) return audienceOf(principal, client)
    const { store } = this.#parts
    const { session } = client
    if (store.sessions.get(session)?.principal !== principal) return undefined
    const [initialize] = store.requests.of(session, 'initialize')
    return audienceOf(principal, declaredInInitialize(initialize?.body ?? NOTHING))
  }

  /** A server whose lists differ each time must not have a row written for each. */
  #mayWrite(nowMs: number): boolean {
    if (nowMs - this.#writes.sinceMs > LISTING_WRITES_MS) this.#writes = { sinceMs: nowMs, count: 0 }
    return this.#writes.count++ < MAX_LISTING_WRITES
  }

  #keep(audience: string, listing: Listing, digest: string): void {
    const { rows } = this.#parts
    const place = placeOf(audience, listing.era)
    const before = rows.find(place, listing.name)
    const isKnown = before !== undefined && before.era === listing.era && !rows.isOfOthers(before)
    if (isKnown && isSame(before.answer, listing.answer)) return
    const nowMs = Date.now()
    if (this.#mayWrite(nowMs)) rows.put(place, { ...listing, digest, keptAtMs: nowMs })
  }
}

/** A server that takes either era writes its lists in either, and the one must not take the other's place each time. Shared children are told apart by their channels. */
function placeOf(audience: string, era: Listing['era']): string {
  return era === 'modern' && audience !== EVERYBODY ? `${audience} modern` : audience
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
