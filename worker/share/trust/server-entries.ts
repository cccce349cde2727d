/** What a share knows of its server for the sake of pins: when it is to be listed and by whom, what it offers, what of that is held back. Parses nothing, but for its owner's catalogue what is kept. */
import { MAX_PINNED_TEXT_CHARS, NOTHING_PINNED, PIN_KINDS, PinSet, readPins, unlistedSets } from '../../../protocol/policy/pins.ts'
import { HELLO_MS } from '../../../protocol/limits.ts'
import { readDiscoverResult, readInitializeResult } from '../../bridge/discover.ts'
import { readPage, toolsOf } from '../../bridge/tool-pages.ts'
import { modernGroup } from '../../contract/groups.ts'
import {
  type KnownServer,
  type ListingProblem,
  type ListingTask,
  type PinOrder,
  RELAY_GROUP,
  RELAY_PRINCIPAL,
  type ServerAbout,
} from '../../contract/pinned-server.ts'
import { LISTING_MS, MAX_RELISTINGS, RELISTINGS_MS } from '../../trust-limits.ts'
import type { AgentNews } from '../agents/agent-news.ts'
import type { AgentLinks } from '../agents/links.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { Sessions } from '../calls/sessions.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import { readKeptUpstream } from '../../contract/registry/kept-upstream.ts'
import type { EntryRows } from '../rows/entry-rows.ts'
import type { ListingRow, ListingRows } from '../rows/listing-rows.ts'
import type { Store } from '../rows/store.ts'
import type { TrustGate } from './gate.ts'
import { type AgentLink, sendFrame } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly links: AgentLinks
  readonly servedSets: ServedSets
  readonly news: AgentNews
  readonly channels: GroupChannels
  readonly sessions: Sessions
  readonly rows: EntryRows
  /** What is kept for the time when no agent is there, where nothing is pinned. */
  readonly listings: Pick<ListingRows, 'latest' | 'isOfOthers'>
  readonly gate: Pick<TrustGate, 'pins' | 'share'>
}

type ListedSource = Omit<ListingTask, 'sinceMs'>

/** Of what is encrypted so many characters are random. */
const INSTANCE_CHARS = 16

export class ServerEntries {
  readonly #parts: Parts
  /** What a Worker is about, unless it takes longer than LISTING_MS. */
  #task: ListingTask | undefined
  /** The process of the agent that was asked last. */
  #begun: string | undefined
  /** Whether it did not answer when it was listed last. */
  #hasFailed = false
  /** How often the server was listed anew lately. */
  #relisted = { sinceMs: -Infinity, count: 0 }

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** `link`: of whoever asks, as `AgentNews` knows it. */
  obey(order: PinOrder, link: string, nowMs: number): ListingTask | undefined | Promise<ListingTask | undefined> {
    const { store, rows, gate, links, news } = this.#parts
    const { pins } = gate
    if (store.settings === undefined || pins === undefined) return undefined
    if (order.op === 'begin') {
      const task = this.#begin(pins, nowMs)
      if (task !== undefined || order.awaitsAgent !== true) return task
      return news.next(HELLO_MS, link).then(() => this.#begin(pins, Date.now()))
    }
    if (order.op === 'seen') return rows.putSeen(order.entries, nowMs) ? this.#relist(nowMs) : undefined
    // The object may have slept since it gave the task.
    if (this.#task !== undefined && order.task.sinceMs !== this.#task.sinceMs) return undefined
    this.#task = undefined
    this.#hasFailed = order.op === 'failed'
    this.#endChildren()
    const listed = links.all().find(({ instance }) => instance === order.task.instance)
    if (order.op === 'listed' && (listed !== undefined || order.task.instance === this.#source?.instance))
      rows.putListing(order.task, order, acceptedIn(pins), nowMs)
    if (order.op === 'listed' && listed !== undefined) this.#tell(listed)
    return undefined
  }

  /** Whoever runs the agent is often who owns the share, and has just changed the server. */
  #tell(link: AgentLink): void {
    const count = link.hearsUnaccepted ? this.held() : 0
    if (count > 0) sendFrame(link, { type: 'unaccepted', count })
  }

  known(): KnownServer {
    if (this.#parts.store.settings === undefined) return { entries: [] }
    const { problem } = this
    return { ...this.#parts.rows.all(), ...(problem === undefined ? {} : { problem }) }
  }

  about(): ServerAbout {
    const { store, gate, rows, listings } = this.#parts
    if (store.settings === undefined) return {}
    // Of an agent that is gone nothing is told while another serves in its place.
    const isAway = this.#source === undefined
    if (gate.pins === undefined || gate.pins === NOTHING_PINNED) return keptAbout(listings, isAway)
    const set = new PinSet(readPins(gate.pins))
    const serverInfo = set.textFor('serverInfo')
    const offered = rows.offered().filter(({ kind, digest }) => kind === 'tools' && set.accepts(kind, digest))
    const isListed = rows.instance !== undefined && (isAway || this.#isThere(rows.instance))
    const isWhole = isListed && !rows.cut().includes('tools')
    const held = this.held()
    return {
      ...(serverInfo === undefined ? {} : { serverInfo }),
      ...(isWhole ? { tools: offered.length } : {}),
      ...(isListed && held > 0 ? { held } : {}),
    }
  }

  /** Why not all of the server is listed, where pinning is on. */
  get problem(): ListingProblem | undefined {
    const { gate, rows, store } = this.#parts
    if (store.settings === undefined || gate.pins === undefined) return undefined
    const kinds = rows.cut()
    if (kinds.length > 0) return { code: 'LISTING_TOO_LARGE', kinds }
    return this.#hasFailed ? { code: 'LISTING_FAILED', kinds: [] } : undefined
  }

  /** How many entries are held back. */
  held(): number {
    const { gate, rows, store } = this.#parts
    if (store.settings === undefined || gate.pins === undefined || gate.pins === NOTHING_PINNED) return 0
    const set = new PinSet(readPins(gate.pins))
    return rows.offered().filter(({ kind, digest }) => !set.accepts(kind, digest)).length
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#task = undefined
    this.#begun = undefined
    this.#hasFailed = false
    this.#parts.rows.forget()
  }

  /** Once for each process of the agent, and again while nothing is pinned. */
  #begin(pins: string, nowMs: number): ListingTask | undefined {
    const source = this.#source
    const isPinned = pins !== NOTHING_PINNED && unlistedSets(readPins(pins), source?.sets ?? []).length === 0
    if (source === undefined || (this.#parts.rows.instance === source.instance && isPinned)) return undefined
    // One that cannot be listed is not started again and again, whoever comes.
    if (this.#begun === source.instance) return this.#relist(nowMs)
    this.#begun = source.instance
    return this.#give(source, nowMs)
  }

  /** A server that offers something else each time is not listed for each. */
  #relist(nowMs: number): ListingTask | undefined {
    const source = this.#source
    if (this.#isUnderWay(nowMs)) return undefined
    if (nowMs - this.#relisted.sinceMs > RELISTINGS_MS) this.#relisted = { sinceMs: nowMs, count: 0 }
    return source === undefined || this.#relisted.count++ >= MAX_RELISTINGS ? undefined : this.#give(source, nowMs)
  }

  #isUnderWay(nowMs: number): boolean {
    return this.#task !== undefined && nowMs - this.#task.sinceMs < LISTING_MS
  }

  /** Whose server is listed: that of an agent which stays, or the upstream, of which each one that is given is another. */
  get #source(): ListedSource | undefined {
    const { links, gate } = this.#parts
    const upstream = gate.share?.upstream
    if (upstream !== undefined)
      return { instance: readKeptUpstream(upstream).sealed.slice(0, INSTANCE_CHARS), eras: ['legacy', 'modern'], isUpstream: true }
    const link = links.withServer().find((one) => !links.isLeaving(one))
    if (link === undefined) return undefined
    const { era, sessionEra, instance } = link
    const { servedSets } = this.#parts
    const sets = servedSets.hasAny ? { sets: servedSets.there() } : {}
    return { instance, eras: era === sessionEra ? [era] : [sessionEra, era], ...sets }
  }

  #isThere(instance: string): boolean {
    return instance === this.#source?.instance || this.#parts.links.withServer().some((link) => link.instance === instance)
  }

  #give(source: ListedSource, nowMs: number): ListingTask | undefined {
    if (this.#isUnderWay(nowMs)) return undefined
    this.#endChildren()
    this.#task = { sinceMs: nowMs, ...source }
    return this.#task
  }

  /** The children that were opened for a listing, also one whose Worker is gone. */
  #endChildren(): void {
    const { store, sessions, channels, servedSets } = this.#parts
    for (const id of store.sessions.idsOf([RELAY_PRINCIPAL])) sessions.end(id)
    const group = modernGroup(RELAY_GROUP)
    channels.close(group)
    if (servedSets.hasAny) for (const routed of store.channels.routed(group)) channels.close(routed)
  }
}

function acceptedIn(text: string): ReadonlySet<string> {
  const pins = readPins(text)
  return new Set(PIN_KINDS.flatMap((kind) => pins[kind] ?? []))
}

/** Of a server that nothing is pinned of: what it has said to its latest clients. */
function keptAbout(listings: Pick<ListingRows, 'latest' | 'isOfOthers'>, isAway: boolean): ServerAbout {
  const latest = (name: 'server' | 'tools/list'): ListingRow | undefined => {
    const row = listings.latest(name)
    return row === undefined || isAway || !listings.isOfOthers(row) ? row : undefined
  }
  const said = latest('server')
  const facts = said === undefined ? undefined : (said.era === 'modern' ? readDiscoverResult : readInitializeResult)(said.answer)
  const { serverInfo = '' } = facts ?? {}
  const { result } = readPage(latest('tools/list')?.answer) ?? {}
  const isWhole = result !== undefined && typeof result['nextCursor'] !== 'string'
  return {
    ...(serverInfo === '' || serverInfo.length > MAX_PINNED_TEXT_CHARS ? {} : { serverInfo }),
    ...(isWhole ? { tools: toolsOf(result).length } : {}),
  }
}
