/** Decides who may register a server and have sessions made for it. A session is a link of its share, by which the web app is opened and nothing else. */
import type { GatewayAnswer, Asker, GatewayOrder, RegisteredServer } from '../contract/registry/gateway-rpc.ts'
import type { RegistryObject } from '../contract/objects.ts'
import type { ProblemCode } from '../../protocol/errors.ts'
import { err, ok, type Result } from '../../protocol/result.ts'
import { type GatewayMaker, GatewayTable } from './gateway-table.ts'
import type { LinkTable } from './links.ts'
import type { KeptShare } from './share-row.ts'
import type { ShareTable } from './shares.ts'

interface Parts {
  readonly sql: SqlStorage
  readonly shares: Pick<ShareTable, 'get'>
  readonly links: Pick<LinkTable, 'get'>
  readonly registry: Pick<RegistryObject, 'addLink' | 'changeLink'>
  readonly hasRoom: () => boolean
}

/** Of an agent its own share, which is all that it may speak of, and when its link ends: what it has made ends then. */
interface Place extends GatewayMaker {
  readonly own: string | undefined
  readonly endsAtMs: number
}

export class Gateway {
  readonly #parts: Parts
  readonly #table: GatewayTable
  readonly #sinceMs = Date.now()

  constructor(parts: Parts) {
    this.#parts = parts
    this.#table = new GatewayTable(parts.sql)
  }

  obey(asker: Asker, order: GatewayOrder): GatewayAnswer | Promise<GatewayAnswer> {
    const place = this.#placeOf(asker)
    if (!place.ok) return refused(place.error)
    switch (order.op) {
      case 'find':
        return this.#find(place.value, order)
      case 'register':
        return this.#register(place.value, order.server)
      case 'session':
        return this.#session(place.value, order)
      case 'stats': {
        const { owner, own } = place.value
        return { kind: 'stats', stats: { ...this.#table.stats(owner, own, Date.now()), sinceMs: this.#sinceMs } }
      }
    }
  }

  forgetShare({ owner, id }: Pick<KeptShare, 'owner' | 'id'>): void {
    this.#table.forgetShare(owner, id)
  }

  forgetOwner(owner: string): void {
    this.#table.forgetOwner(owner)
  }

  #find(place: Place, { name, share }: Extract<GatewayOrder, { op: 'find' }>): GatewayAnswer {
    const meant = share ?? place.own
    const known = name === undefined ? [] : this.#table.servers(place.owner, name, meant, Date.now())
    if (known.length > 1) return { kind: 'refused', code: 'SERVER_NAME_AMBIGUOUS', shares: known.map((one) => one.share) }
    const [server] = known
    const wanted = meant ?? server?.share
    if (wanted === undefined) return { kind: 'found', isMade: false }
    const found = this.#shareOf(place, wanted)
    if (!found.ok) return refused(found.error)
    return { kind: 'found', share: wanted, isMade: found.value.isMade, ...(server === undefined ? {} : { server }) }
  }

  #register(place: Place, wanted: Omit<RegisteredServer, 'registeredAtMs'>): GatewayAnswer {
    const found = this.#shareOf(place, wanted.share)
    if (!found.ok) return refused(found.error)
    if (!this.#parts.hasRoom()) return refused('RELAY_FULL')
    const nowMs = Date.now()
    const [before] = this.#table.servers(place.owner, wanted.name, wanted.share, nowMs)
    const server = { ...wanted, registeredAtMs: before?.backend === wanted.backend ? before.registeredAtMs : nowMs }
    return this.#table.register(place, server, nowMs) ? { kind: 'registered', server } : refused('GATEWAY_FULL')
  }

  async #session(place: Place, { session: asked, link }: Extract<GatewayOrder, { op: 'session' }>): Promise<GatewayAnswer> {
    const found = this.#shareOf(place, asked.share)
    if (!found.ok) return refused(found.error)
    const nowMs = Date.now()
    const shareEndsAtMs = found.value.expiresAtMs
    const before = this.#table.session(place, asked, nowMs)
    if (before?.backend === asked.backend)
      return { kind: 'session', session: before, endsAtMs: Math.min(before.endsAtMs, shareEndsAtMs), isReused: true }
    // The one before gives way.
    if (before === undefined && !this.#table.hasRoom(place, nowMs)) return refused('GATEWAY_FULL')
    const endsAtMs = Math.min(asked.endsAtMs, shareEndsAtMs, place.endsAtMs)
    const ends = { expiresAtMs: endsAtMs, ceilingMs: endsAtMs }
    const maker = place.agent === undefined ? {} : { maker: place.agent.link }
    const added = this.#parts.registry.addLink(asked.share, { ...link, ...ends, ...maker })
    if (typeof added === 'string') return refused(CODES[added])
    const session = { ...asked, endsAtMs }
    this.#table.put(place, session)
    // It leads to another backend.
    if (before !== undefined) await this.#parts.registry.changeLink(before.share, before.link, { isRevoked: true })
    return { kind: 'session', session, endsAtMs, isReused: false }
  }

  /** Whose registrations are meant. What an agent's token is good for is looked at here, since no share is asked. */
  #placeOf(asker: Asker): Result<Place, ProblemCode> {
    if (asker.kind === 'owner') return ok({ owner: asker.id, own: undefined, endsAtMs: Infinity })
    const share = this.#parts.shares.get(asker.share)
    const link = this.#parts.links.get(asker.share, asker.token)
    const isGood = link !== undefined && link.kind === 'agent' && !link.isRevoked && link.expiresAtMs > Date.now()
    if (share === undefined || share.isEnding) return err('SHARE_NOT_FOUND')
    if (!isGood) return err('UNAUTHORIZED')
    return ok({ owner: share.owner, own: share.id, agent: { share: share.id, link: link.id }, endsAtMs: link.expiresAtMs })
  }

  #shareOf({ owner, own }: Place, id: string): Result<KeptShare, ProblemCode> {
    if (own !== undefined && own !== id) return err('INSUFFICIENT_PERMISSIONS')
    const share = this.#parts.shares.get(id)
    if (share === undefined || share.owner !== owner || share.isEnding) return err('SHARE_NOT_FOUND')
    return share.expiresAtMs > Date.now() ? ok(share) : err('SHARE_EXPIRED')
  }
}

const CODES = { full: 'TOKEN_LIMIT_REACHED', no_room: 'RELAY_FULL', no_share: 'SHARE_NOT_FOUND' } as const

function refused(code: ProblemCode): GatewayAnswer {
  return { kind: 'refused', code }
}
