/** Calls without sessions (MCP 2026-07-28): a child per group of clients, and no handshake. */
import { MAX_WAITING_CALLS } from '../../limits.ts'
import type { Channel, Channels } from '../children/channels.ts'
import type { CallOutcome, GroupCallRequest, CancelRequest, SendOutcome, SubscribeOrder } from '../../contract/rpc.ts'
import { encodeReturnAddress } from '../../contract/return-address.ts'
import { BRIDGED_SHARED_GROUP, bridgedGroup, spareGroup, MODERN_SHARED_GROUP, modernGroup } from '../../contract/groups.ts'
import type { Link, Links } from '../agents/links.ts'
import type { ModernOnLegacy } from './modern-on-legacy.ts'
import type { Snapshots } from '../answers/standby.ts'
import { repeatFacts, type StandIns } from '../children/repeatable.ts'
import { type Store } from '../rows/store.ts'
import type { Upstream } from '../agents/upstream.ts'
import type { Waiters } from '../clients/waiters.ts'

interface Parts {
  readonly store: Store
  readonly links: Links
  readonly channels: Channels
  readonly waiters: Waiters
  readonly upstream: Upstream
  readonly modernOnLegacy: ModernOnLegacy
  readonly standIns: StandIns
  readonly snapshots: Snapshots
}

export class ModernCalls {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  call(request: GroupCallRequest): CallOutcome | Promise<CallOutcome> {
    const { store, links, channels, waiters, standIns } = this.#parts
    if (store.settings === undefined) return { kind: 'failed', failure: { code: 'SHARE_NOT_FOUND' } }
    if (waiters.size >= MAX_WAITING_CALLS) return { kind: 'failed', failure: { code: 'SHARE_BUSY', executed: 'no', retryAfterMs: 1000 } }
    const group = this.#lastGroup(request.group)
    const goesOn = request.isResend === true || request.input !== undefined
    const link = group === undefined ? channels.chooseLink() : goesOn ? channels.linkForGroup(group) : channels.linkForCall(group)
    const standby = this.#parts.snapshots.standby(request, link)
    if (standby !== undefined) return standby
    if (link === undefined) return this.#standIn(request) ?? channels.away()
    if (link.era === 'legacy') return this.#parts.modernOnLegacy.call(request, link)
    if (request.input !== undefined) return { kind: 'state_refused' }
    if (request.bridge !== undefined) return { kind: 'native' }
    const own = groupOn(link, request.group)
    if (!channels.mayTake(own, request) && !standIns.isRepeatable(request))
      return { kind: 'failed', failure: { code: 'AGENT_LOST', executed: 'unknown' } }
    const toolsVersion = links.toolsVersion(link)
    if (request.toolsVersion !== undefined && request.toolsVersion !== toolsVersion) return { kind: 'stale', toolsVersion }
    return this.#forward(request, channels.readyWithoutSession(own, link), link)
  }

  /** Another agent runs the call, if it may. */
  #standIn(request: GroupCallRequest): CallOutcome | Promise<CallOutcome> | undefined {
    const { standIns, channels, modernOnLegacy } = this.#parts
    const link = request.input === undefined ? standIns.linkFor(request) : undefined
    if (link?.era === 'legacy') return modernOnLegacy.standIn(request, link)
    if (link === undefined || request.bridge !== undefined) return undefined
    return this.#forward(request, channels.readyWithoutSession(spareGroup(groupOn(link, request.group), request.key), link), link)
  }

  #forward(request: GroupCallRequest, { ch, group }: Channel, link: Link): Promise<CallOutcome> {
    const { waiters, upstream } = this.#parts
    const { key, method, id, token, size } = request
    const facts = {
      group,
      agent: link.name,
      session: '',
      isInitialize: false,
      restarted: false,
      canStream: request.delivery === 'stream',
      repeat: repeatFacts(request),
      isRetry: request.isRetry === true,
      isResend: request.isResend === true,
      ...(method === 'subscriptions/listen' ? ({ isListen: true } as const) : {}),
    }
    const outcome = waiters.wait(key, facts)
    const ra = encodeReturnAddress({ to: 'call', key })
    upstream.begin(link, { type: 'call', ch, key, method, id, ...(token === undefined ? {} : { token }), ra, tag: key, size }, request.body)
    return outcome
  }

  async cancel({ group: name, key, call, body, requestId }: CancelRequest): Promise<SendOutcome> {
    const link = this.#linkFor(name)
    // A child that is gone has nothing left to cancel, and one that has not the call passes it over.
    const channels = link === undefined ? [] : this.#channelsFor(name, link, call)
    const receipts = channels.map(async (ch, index) => {
      const own = `${key.slice(0, -1)}${index}`
      const { upstream } = this.#parts
      if (link === undefined) return
      const receipt = upstream.receipt(link, own)
      const header = {
        type: 'notify',
        ch,
        key: own,
        method: 'notifications/cancelled',
        cancels: call,
        requestId,
        size: body.length,
      } as const
      upstream.begin(link, header, body)
      await receipt
    })
    await Promise.all(receipts)
    return { kind: 'sent' }
  }

  /** Opens a listen on a child of the handshake era; false when that is gone. */
  subscribe(order: SubscribeOrder): boolean {
    const link = this.#linkFor(order.group)
    return link?.era === 'legacy' && this.#parts.modernOnLegacy.subscribe(order, link)
  }

  #channelsFor(name: string, link: Link, call: string): string[] {
    if (link.era === 'legacy') return this.#parts.modernOnLegacy.channelsFor(name, link, call).map(({ ch }) => ch)
    const current = this.#parts.channels.current(groupOn(link, name))
    return current === undefined ? [] : [current.ch]
  }

  /** The agent whose child the group has, or while it has none the one that is to start it. */
  #linkFor(name: string): Link | undefined {
    const { channels } = this.#parts
    const group = this.#lastGroup(name)
    return group === undefined ? channels.chooseLink() : channels.linkForGroup(group)
  }

  /** The group that served these clients last. */
  #lastGroup(name: string): string | undefined {
    const groups = [modernGroup(name), bridgedGroup(name), MODERN_SHARED_GROUP, BRIDGED_SHARED_GROUP]
    return groups.find((group) => this.#parts.store.channels.get(group) !== undefined)
  }
}

function groupOn(link: Link, name: string): string {
  return link.isolation === 'share' ? MODERN_SHARED_GROUP : modernGroup(name)
}
