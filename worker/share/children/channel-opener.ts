/** Opens the channel of a group, and tells its new child what it must know before it can serve: handshake, log level, subscriptions. */
import { askTag } from '../../../protocol/ask-ids.ts'
import type { Open } from '../../../protocol/frame.ts'
import { verbosity } from '../../bridge/names.ts'
import { randomKey } from '../../call-key.ts'
import { besideGroup, channelName, clientsOf, groupOf, routedGroup, routeOf, SHARED_GROUP, spareGroup } from '../../contract/groups.ts'
import { RELAY_PRINCIPAL } from '../../contract/pinned-server.ts'
import type { RootOf } from '../../contract/trust/principals.ts'
import { encodeReturnAddress, type RelayPurpose } from '../../contract/return-address.ts'
import type { KeptRequest } from '../rows/kept-requests.ts'
import type { Session } from '../rows/session-rows.ts'
import type { Store } from '../rows/store.ts'
import { Newest } from '../../newest.ts'
import type { GroupChannel, GroupChannels } from './group-channels.ts'
import { type AgentLink, sendFrame } from '../agents/agent-link.ts'
import type { ServedSets } from '../agents/served-sets.ts'

const encoder = new TextEncoder()

/** More than one burst of clients opens channels at a time; each has up to 8 KiB. */
const MAX_SHOWN = 256

/**
 * How the relay introduces itself to a child that serves many clients: without sampling, elicitation and roots, since
 * nobody could say whose client such a request is for.
 */
const SHARED_INITIALIZE = encoder.encode(
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"mcp-edge","version":"1"}}}',
)
/** Where the id stands in each request of the relay: `{"jsonrpc":"2.0","id":0`. */
export const RELAY_ID = { idFrom: 22, idTo: 23 } as const
const SHARED_HANDSHAKE: KeptRequest = { body: SHARED_INITIALIZE, ...RELAY_ID, name: '' }
const INITIALIZED = encoder.encode('{"jsonrpc":"2.0","method":"notifications/initialized"}')

/** How the relay introduces itself to a child. `request` is its first request, whose id the agent replaces. */
export interface Introduction {
  readonly asks: 'pass' | 'refuse'
  readonly method: 'initialize' | 'server/discover'
  readonly request: KeptRequest
  readonly purpose: 'handshake' | 'snapshot'
  /** The principal whose child it is; none for a child that serves all. */
  readonly owner: string | undefined
}

export interface RoutedChannel extends GroupChannel {
  readonly isAnew: boolean
}

export class ChannelOpener {
  readonly #store: Store
  readonly #channels: GroupChannels
  readonly #servedSets: Pick<ServedSets, 'serving'>
  readonly #rootOf: RootOf
  readonly #opened: (ch: string) => void
  /** What clients have shown last for the server itself, by session or by the name of their group. In memory only: whoever opens a channel has just shown it. */
  readonly #shown = new Newest<string>(MAX_SHOWN)

  /** `opened` is told of each channel. */
  constructor(
    store: Store,
    channels: GroupChannels,
    servedSets: Pick<ServedSets, 'serving'>,
    rootOf: RootOf,
    opened: (ch: string) => void,
  ) {
    this.#opened = opened
    this.#store = store
    this.#channels = channels
    this.#servedSets = servedSets
    this.#rootOf = rootOf
  }

  /** The clients of a session, or of a group by its name, show this for the server from now on. */
  shown(clients: string, authorization: string | undefined): void {
    if (authorization !== undefined) this.#shown.set(clients, authorization)
  }

  /**
   * The session's channel on this link. If it does not live there it is opened, and the session's handshake is replayed
   * before anything else is sent. `isFresh`: what comes next is the session's own initialize.
   */
  ready(session: Session, link: AgentLink, isFresh: boolean): GroupChannel {
    const group = link.isolation === 'share' ? SHARED_GROUP : session.id
    const record = this.#store.channels.get(group)
    const isLive = record !== undefined && record.open && record.agent === link.name && record.instance === link.instance
    if (record !== undefined && isLive) return { ch: channelName(group, record.generation), group }
    return this.#open(session, group, (record?.generation ?? 0) + 1, link, isFresh)
  }

  /** The channel of a group of clients that needs no handshake. `principal`: whose clients they are. */
  readyWithoutSession(group: string, principal: string, link: AgentLink): GroupChannel {
    const current = this.#channels.current(group)
    if (current !== undefined && current.link === link) return { ch: current.ch, group }
    const generation = this.#store.channels.nextGeneration(group)
    this.#store.channels.dropSnapshot(group)
    this.#putOpen(group, generation, link, undefined, principal)
    const ch = channelName(group, generation)
    this.#openChild(link, { ch, ids: 'assign', asks: 'refuse' }, principal)
    return { ch, group }
  }

  /**
   * The channel of a group whose child is of another era than its clients. To a new child the relay introduces itself; with
   * `snapshot` its answer is kept, else only waited for.
   */
  readyBridged(group: string, link: AgentLink, { asks, method, request, purpose, owner }: Introduction): GroupChannel {
    const current = this.#channels.current(group)
    if (current !== undefined && current.link === link) return { ch: current.ch, group }
    const generation = this.#store.channels.nextGeneration(group)
    const ch = channelName(group, generation)
    const handshake = randomKey()
    this.#store.channels.dropSnapshot(group)
    this.#putOpen(group, generation, link, handshake, owner)
    this.#openChild(link, { ch, ids: 'assign', asks }, owner)
    this.#call(link, ch, method, request, purpose, handshake)
    if (method === 'initialize') this.#sendInitialized(link, ch)
    return { ch, group }
  }

  /**
   * A child for one call of a session whose own child cannot be reached. It is told the same handshake, and cannot ask, since
   * its client's answers would not find it.
   */
  readyAlone(session: Session, link: AgentLink, key: string): GroupChannel {
    return this.readyBridged(spareGroup(session.id, key), link, this.#introductionOf(session, link))
  }

  /** A child like that for all calls of a session, or of all where one serves all, that go to this agent beside its own, or in its place while that is lost. It ends with the session. */
  readyBeside(session: Session, link: AgentLink): GroupChannel {
    const main = link.isolation === 'share' ? SHARED_GROUP : session.id
    return this.readyBridged(besideGroup(main, link.name), link, this.#introductionOf(session, link))
  }

  /**
   * The child that serves a session on an agent with another set of names than its own agent's. It is told the same handshake and log level,
   * and the subscriptions to what is its own. `isAnew`: another served the session there before.
   */
  readyRouted(session: Session, link: AgentLink): RoutedChannel {
    const isShared = link.isolation === 'share'
    const group = routedGroup(isShared ? SHARED_GROUP : session.id, link.set)
    const current = this.#channels.current(group)
    if (current !== undefined && current.link === link) return { ch: current.ch, group, isAnew: false }
    const generation = this.#store.channels.nextGeneration(group)
    const ch = channelName(group, generation)
    const [own] = isShared ? [] : this.#store.requests.of(session.id, 'initialize')
    const handshake = randomKey()
    const mayAsk = !isShared && session.principal !== RELAY_PRINCIPAL && link.asksApart
    const asks = mayAsk ? ({ asks: 'pass', askTag: askTag(routeOf(group)) } as const) : ({ asks: 'refuse' } as const)
    this.#putOpen(group, generation, link, handshake, session.principal)
    this.#openChild(link, { ch, ids: isShared ? 'assign' : 'keep', ...asks }, session.principal)
    this.#call(link, ch, 'initialize', own ?? SHARED_HANDSHAKE, 'handshake', handshake)
    this.#sendInitialized(link, ch)
    this.#replay(link, ch, isShared ? undefined : session.id, (set) => set === link.set)
    return { ch, group, isAnew: generation > 1 }
  }

  /** Tells the children of a session on other agents its log level. */
  tellLevel(session: string, level: KeptRequest): void {
    for (const group of this.#store.channels.routed(session)) {
      const current = this.#channels.current(group)
      if (current !== undefined) this.#call(current.link, current.ch, 'logging/setLevel', level, 'replay', randomKey())
    }
  }

  #introductionOf(session: Session, link: AgentLink): Introduction {
    const [own] = link.isolation === 'share' ? [] : this.#store.requests.of(session.id, 'initialize')
    const request = own ?? SHARED_HANDSHAKE
    return { asks: 'refuse', method: 'initialize', request, purpose: 'handshake', owner: session.principal }
  }

  /** Introduces the relay to a child that serves others already: they do not wait for its answer. */
  introduce(ch: string, link: AgentLink, { method, request }: Introduction): void {
    this.#call(link, ch, method, request, 'snapshot', randomKey(), false)
  }

  #open(session: Session, group: string, generation: number, link: AgentLink, isFresh: boolean): GroupChannel {
    const ch = channelName(group, generation)
    const isShared = group === SHARED_GROUP
    if (isShared) this.#store.channels.dropSnapshot(SHARED_GROUP)
    if (generation > 1 && (isShared || !isFresh)) this.#store.sessions.markRestarted(isShared ? undefined : session.id)
    if (isFresh) this.#store.sessions.clearRestarted(session.id)
    const [own] = isShared || isFresh ? [] : this.#store.requests.of(session.id, 'initialize')
    const initialize = isShared ? SHARED_HANDSHAKE : own
    const handshake = initialize === undefined ? undefined : randomKey()
    this.#putOpen(group, generation, link, handshake, session.principal)
    const asks = isShared || session.principal === RELAY_PRINCIPAL ? 'refuse' : 'pass'
    this.#openChild(link, { ch, ids: isShared ? 'assign' : 'keep', asks }, session.principal)
    if (initialize !== undefined && handshake !== undefined) {
      this.#call(link, ch, 'initialize', initialize, isShared ? 'snapshot' : 'handshake', handshake)
      this.#sendInitialized(link, ch)
      this.#replay(link, ch, isShared ? undefined : session.id, (set) => set === undefined || set === link.set)
    }
    return { ch, group }
  }

  /** A request of the relay's own, whose answer nobody waits for. `body` begins with `{"jsonrpc":"2.0","id":0`. */
  callForRelay(link: AgentLink, ch: string, method: string, body: Uint8Array): void {
    this.#call(link, ch, method, { body, ...RELAY_ID, name: '' }, 'replay', randomKey())
  }

  /** Log level and subscriptions of one session, or of all that share a child. `isIts`: whether a URI is for it, by the set of names that serves that, if any does. */
  #replay(link: AgentLink, ch: string, session: string | undefined, isIts: (set: string | undefined) => boolean): void {
    const kept = (purpose: 'level' | 'subscribe'): KeptRequest[] =>
      session === undefined ? this.#store.requests.all(purpose) : this.#store.requests.of(session, purpose)
    const [level] = kept('level').toSorted((a, b) => verbosity(a.name) - verbosity(b.name))
    if (level !== undefined) this.#call(link, ch, 'logging/setLevel', level, 'replay', randomKey())
    for (const subscription of kept('subscribe'))
      if (isIts(this.#servedSets.serving({ kind: 'uri', text: subscription.name })))
        this.#call(link, ch, 'resources/subscribe', subscription, 'replay', randomKey())
  }

  #openChild(link: AgentLink, open: Omit<Open, 'type' | 'owner' | 'root'>, principal: string | undefined): void {
    const owner = ownerOn(link, principal)
    const root = owner === undefined ? undefined : this.#rootOf(owner)
    this.#opened(open.ch)
    const auth = link.passesAuth ? this.#shown.get(clientsOf(groupOf(open.ch))) : undefined
    sendFrame(link, {
      type: 'open',
      ...open,
      ...(owner === undefined ? {} : { owner }),
      ...(root === owner || root === undefined ? {} : { root }),
      ...(auth === undefined ? {} : { auth }),
    })
  }

  #sendInitialized(link: AgentLink, ch: string): void {
    const header = { type: 'notify', ch, key: randomKey(), method: 'notifications/initialized', size: INITIALIZED.length } as const
    sendFrame(link, header, INITIALIZED)
  }

  #putOpen(group: string, generation: number, link: AgentLink, handshake: string | undefined, principal: string | undefined): void {
    const before = this.#store.channels.get(group)
    const hasMoved = before !== undefined && before.instance !== link.instance
    const movedAtMs = hasMoved ? Date.now() : (before?.movedAtMs ?? 0)
    const { name: agent, instance } = link
    const owner = ownerOn(link, principal)
    this.#store.channels.put({ group, generation, agent, instance, open: true, handshake, movedAtMs, owner })
  }

  #call(
    link: AgentLink,
    ch: string,
    method: string,
    kept: KeptRequest,
    purpose: RelayPurpose,
    key: string,
    holdsBack = purpose !== 'replay',
  ): void {
    const gate = holdsBack ? ({ gate: true } as const) : {}
    const id = [kept.idFrom, kept.idTo] as const
    const ra = encodeReturnAddress({ to: 'relay', purpose })
    sendFrame(link, { type: 'call', ch, key, method, id, ra, tag: `relay ${key}`, ...gate, size: kept.body.length }, kept.body)
  }
}

/** A child that serves all is nobody's. */
function ownerOn({ isolation }: AgentLink, principal: string | undefined): string | undefined {
  return isolation === 'share' ? undefined : principal
}
