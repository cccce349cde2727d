/** Decides who may register a server and have sessions made for it. A session is a link of its share, by which the web app is opened and nothing else. */
import type { GatewayAnswer, Asker, GatewayOrder, GatewaySession, RegisteredServer } from '../contract/registry/gateway-rpc.ts'
import type { RegistryObject } from '../contract/objects.ts'
import type { ProblemCode } from '../../protocol/errors.ts'
import { err, ok, type Result } from '../../protocol/result.ts'
import { GatewayTable } from './gateway-table.ts'
import type { LinkTable } from './links.ts'
import type { KeptShare } from './share-row.ts'
import type { ShareTable } from './shares.ts'

interface Parts {
  readonly sql: SqlStorage
  readonly shares: Pick<ShareTable, 'get'>
  readonly links: Pick<LinkTable, 'get'>
  readonly registry: Pick<RegistryObject, 'addLink' | 'changeLink'>
}

/** Of an agent its own share, which is all that it may speak of. */
interface Place {
  readonly owner: string
  readonly own: string | undefined
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

  #find({ owner, own }: Place, { name, share }: Extract<GatewayOrder, { op: 'find' }>): GatewayAnswer {
    const known = name === undefined ? undefined : this.#table.server(owner, name, Date.now())
    const server = known !== undefined && (own === undefined || known.share === own) ? known : undefined
    const wanted = share ?? own ?? server?.share
    if (wanted === undefined) return { kind: 'found', isMade: false }
    const found = this.#shareOf({ owner, own }, wanted)
    if (!found.ok) return refused(found.error)
    return { kind: 'found', share: wanted, isMade: found.value.isMade, ...(server === undefined ? {} : { server }) }
  }

  #register({ owner, own }: Place, wanted: Omit<RegisteredServer, 'registeredAtMs'>): GatewayAnswer {
    const found = this.#shareOf({ owner, own }, wanted.share)
    if (!found.ok) return refused(found.error)
    const nowMs = Date.now()
    const before = this.#table.server(owner, wanted.name, nowMs)
    // An owner may move a name from one share to another, an agent only what is its own.
    if (own !== undefined && before !== undefined && before.share !== own) return refused('SERVER_NAME_TAKEN')
    const isSame = before?.share === wanted.share && before.backend === wanted.backend
    const server = { ...wanted, registeredAtMs: isSame ? before.registeredAtMs : nowMs }
    return this.#table.register(owner, server, nowMs) ? { kind: 'registered', server } : refused('GATEWAY_FULL')
  }

  async #session(place: Place, { session, link }: Extract<GatewayOrder, { op: 'session' }>): Promise<GatewayAnswer> {
    const { owner } = place
    const found = this.#shareOf(place, session.share)
    if (!found.ok) return refused(found.error)
    const nowMs = Date.now()
    const endsWith = ({ endsAtMs }: GatewaySession): number => Math.min(endsAtMs, found.value.expiresAtMs)
    const before = this.#table.session(owner, session)
    if (before !== undefined && this.#isReusable(before, session, nowMs))
      return { kind: 'session', session: before, endsAtMs: endsWith(before), isReused: true }
    if (place.own !== undefined && before !== undefined && before.share !== place.own && before.endsAtMs > nowMs)
      return refused('SERVER_NAME_TAKEN')
    if (!this.#table.hasRoomFor(owner, session, nowMs)) return refused('GATEWAY_FULL')
    const added = this.#parts.registry.addLink(session.share, link)
    if (typeof added === 'string') return refused(CODES[added])
    this.#table.put(owner, session)
    // It leads to another backend.
    if (before !== undefined && before.endsAtMs > nowMs)
      await this.#parts.registry.changeLink(before.share, before.link, { isRevoked: true })
    return { kind: 'session', session, endsAtMs: endsWith(session), isReused: false }
  }

  #isReusable(before: GatewaySession, wanted: GatewaySession, nowMs: number): boolean {
    if (before.share !== wanted.share || before.backend !== wanted.backend || before.endsAtMs <= nowMs) return false
    const link = this.#parts.links.get(before.share, before.link)
    return link !== undefined && !link.isRevoked && link.expiresAtMs > nowMs
  }

  /** Whose registrations are meant. What an agent's token is good for is looked at here, since no share is asked. */
  #placeOf(asker: Asker): Result<Place, ProblemCode> {
    if (asker.kind === 'owner') return ok({ owner: asker.id, own: undefined })
    const share = this.#parts.shares.get(asker.share)
    const link = this.#parts.links.get(asker.share, asker.token)
    const isGood = link !== undefined && link.kind === 'agent' && !link.isRevoked && link.expiresAtMs > Date.now()
    if (share === undefined || share.isEnding) return err('SHARE_NOT_FOUND')
    return isGood ? ok({ owner: share.owner, own: share.id }) : err('UNAUTHORIZED')
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
