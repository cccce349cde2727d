/** Requests without a session (MCP 2026-07-28): one child for each group of clients, and no handshake. */
import { MAX_WAITING_CALLS, MOVING_MS } from '../../limits.ts'
import type { ChannelOpener } from '../children/channel-opener.ts'
import type { GroupChannel, GroupChannels } from '../children/group-channels.ts'
import type { CallOutcome, GroupCallRequest, CancelRequest, LeftOrder, SendOutcome, SubscribeOrder } from '../../contract/share-rpc.ts'
import type { SpreadPart } from '../../contract/call-parts.ts'
import { isAnonymous } from '../../contract/trust/principals.ts'
import { encodeReturnAddress } from '../../contract/return-address.ts'
import {
  besideGroup,
  BRIDGED_SHARED_GROUP,
  bridgedGroup,
  clientsGroup,
  MODERN_SHARED_GROUP,
  modernGroup,
  routedGroups,
  routeOf,
  spareGroup,
} from '../../contract/groups.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { RoutedCalls } from './routed-calls.ts'
import { randomKey } from '../../call-key.ts'
import { judgedElsewhere, stale, UNWANTED_CREDENTIAL } from './outcomes.ts'
import { bridgedGroupOn } from './bridged-children.ts'
import type { ModernOnLegacy } from './modern-on-legacy.ts'
import type { SpreadCalls } from './spread-calls.ts'
import type { StandbyAnswers } from '../answers/standby-answers.ts'
import { repeatFacts, type RepeatableCalls } from '../children/repeatable-calls.ts'
import { type Store } from '../rows/store.ts'
import type { MessageSender } from '../agents/message-sender.ts'
import type { GroupRoots } from '../children/group-roots.ts'
import type { Subscriptions } from '../children/subscriptions.ts'
import type { Turns } from '../children/turns.ts'
import type { RunningCalls } from '../clients/running-calls.ts'
import type { Waiters } from '../clients/waiters.ts'
import { type AgentLink, isUnwanted, namedOn } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly servedSets: ServedSets
  readonly routedCalls: RoutedCalls
  readonly channels: GroupChannels
  readonly opener: ChannelOpener
  readonly waiters: Waiters
  readonly runningCalls: RunningCalls
  readonly sender: MessageSender
  readonly modernOnLegacy: ModernOnLegacy
  readonly repeatableCalls: RepeatableCalls
  readonly standbyAnswers: StandbyAnswers
  readonly turns: Turns
  readonly subscriptions: Subscriptions
  readonly roots: GroupRoots
  readonly spreadCalls: SpreadCalls
}

export class ModernCalls {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  call(asked: GroupCallRequest): CallOutcome | Promise<CallOutcome> {
    const { store, servedSets, channels, opener, waiters, turns, repeatableCalls, routedCalls } = this.#parts
    if (store.settings === undefined) return { kind: 'failed', failure: { code: 'SHARE_NOT_FOUND' } }
    if (waiters.size + turns.size >= MAX_WAITING_CALLS || waiters.isFullFor(asked.principal))
      return { kind: 'failed', failure: { code: 'SHARE_BUSY', executed: 'no', retryAfterMs: 1000 } }
    opener.shown(asked.group, asked.authorization)
    if (typeof asked.spread === 'object' && 'agent' in asked.spread) return this.#beside(asked, asked.spread)
    const way = servedSets.hasAny ? routedCalls.groupWay(asked, this.#lastGroup(asked.group)) : undefined
    if (way !== undefined && 'kind' in way) return way
    const { request, can } = way ?? { request: asked, can: undefined }
    const group = this.#lastGroup(request.group)
    const goesOn = request.isResend === true || request.input !== undefined
    const link =
      group === undefined ? channels.chooseLink(can) : goesOn ? channels.linkForGroup(group, can) : channels.linkForCall(group, can)
    const standby = this.#parts.standbyAnswers.for(request, link)
    if (standby !== undefined) return standby
    if (link === undefined) return this.#onOtherAgent(request) ?? way?.away ?? channels.away()
    if (isUnwanted(link, request)) return UNWANTED_CREDENTIAL
    const apart = link.maxCalls === undefined || goesOn ? undefined : this.#onOtherAgent(request, link)
    if (apart !== undefined) return apart
    if (link.era === 'legacy') return this.#parts.modernOnLegacy.call(request, link)
    if (request.input !== undefined) return { kind: 'state_refused' }
    if (request.bridge !== undefined) return { kind: 'native' }
    const own = groupOn(link, request.group)
    if (!channels.mayTake(own, request) && !repeatableCalls.mayRepeat(request))
      return { kind: 'failed', failure: { code: 'AGENT_LOST', executed: 'unknown' } }
    const channel = opener.readyWithoutSession(own, request.principal, link)
    const toolsVersion = servedSets.toolsVersion(link, channel.ch)
    if (request.toolsVersion !== undefined && request.toolsVersion !== toolsVersion) return { kind: 'stale', toolsVersion }
    const several = routedCalls.several(request, link, toolsVersion, ({ era }) => era)
    return several ?? this.#forward(request, channel, link)
  }

  /** A part of a call that goes to several agents, for one of them. */
  #beside(request: GroupCallRequest, { agent }: SpreadPart): CallOutcome | Promise<CallOutcome> {
    const { spreadCalls, opener, channels, servedSets, modernOnLegacy } = this.#parts
    const link = spreadCalls.linkNamed(agent)
    if (link === undefined || (link.era === 'legacy') !== (request.bridge !== undefined))
      return { kind: 'failed', failure: { code: 'AGENT_AWAY', executed: request.isResend === true ? 'unknown' : 'no' } }
    if (isUnwanted(link, request)) return UNWANTED_CREDENTIAL
    // A child that cannot ask shows nothing of whether the tool does.
    const { asker: _, ...unasked } = request
    if (link.era === 'legacy') return modernOnLegacy.callBeside(unasked, link)
    const group = besideGroup(groupOn(link, request.group), link.name)
    const channel = opener.readyWithoutSession(group, request.principal, link)
    if (!channels.mayTake(group, request)) return { kind: 'failed', failure: { code: 'AGENT_LOST', executed: 'unknown' } }
    return stale(request, servedSets.toolsVersion(link, channel.ch)) ?? this.#forward(request, channel, link)
  }

  /** Another agent runs the call, if it may run twice. `busy`: its own, if that is there and may run as many calls as it takes. */
  #onOtherAgent(request: GroupCallRequest, busy?: AgentLink): CallOutcome | Promise<CallOutcome> | undefined {
    const { repeatableCalls, opener, servedSets, modernOnLegacy } = this.#parts
    if (request.input !== undefined || request.awaitsJudgement === true) return undefined
    const link = busy === undefined ? repeatableCalls.otherAgentFor(request) : repeatableCalls.agentWithRoomFor(request, busy)
    if (link === undefined || isUnwanted(link, request)) return undefined
    if (link.era === 'legacy') return modernOnLegacy.callApart(request, link)
    if (request.bridge !== undefined) return undefined
    const own = groupOn(link, request.group)
    const isJudged = request.isForOwnAgent === true
    const group = isJudged ? besideGroup(own, link.name) : spareGroup(own, request.key)
    const channel = opener.readyWithoutSession(group, request.principal, link)
    const unjudged = isJudged ? judgedElsewhere(request, link.name, servedSets.toolsVersion(link, channel.ch)) : undefined
    return unjudged ?? this.#forward(request, channel, link)
  }

  #forward(request: GroupCallRequest, { ch, group }: GroupChannel, link: AgentLink): Promise<CallOutcome> {
    const { waiters, sender, repeatableCalls } = this.#parts
    const { key, method, id, token, size } = request
    const facts = {
      group,
      agent: link.name,
      session: '',
      principal: request.principal,
      isInitialize: false,
      restarted: false,
      canStream: request.delivery === 'stream',
      repeat: repeatFacts(request),
      isRetry: request.isRetry === true,
      isResend: request.isResend === true,
      ...(method === 'subscriptions/listen' ? ({ isListen: true } as const) : {}),
    }
    const outcome = waiters.wait(key, facts)
    const isDiscover = method === 'server/discover' && this.#parts.servedSets.hasAny
    const ra = encodeReturnAddress({ to: 'call', key, ...(isDiscover ? { isOfSeveral: true } : {}) })
    const begins = request.mayBeginTask === true ? ({ mayBeginTask: true } as const) : {}
    const marks = {
      ...(token === undefined ? {} : { token }),
      ...begins,
      ...repeatableCalls.marks(request),
      ...namedOn(link, request),
    }
    const tag = typeof request.spread === 'object' ? request.spread.of : key
    sender.send(link, { type: 'call', ch, key, method, id, ...marks, ra, tag, size }, request.body, request)
    return outcome
  }

  /** A client of this revision cancels by closing the stream of its call. */
  async cancel({ group, key, call }: CancelRequest): Promise<SendOutcome> {
    this.#parts.runningCalls.ended(call, 'cancelled')
    await Promise.all(this.#namesOf(group).map((name, at) => this.#cancelOn(name, at === 0 ? key : randomKey(), call)))
    return { kind: 'sent' }
  }

  async #cancelOn(group: string, key: string, call: string): Promise<void> {
    const { sender } = this.#parts
    const link = this.#linkFor(group)
    // Without an agent there is no child that could still run it.
    if (link === undefined) return
    if (link.era === 'legacy') this.#parts.modernOnLegacy.cancelled(group, link, call)
    const receipts = this.#channelsFor(group, link, call).map((ch, index) => {
      const own = `${key.slice(0, -1)}${index}`
      // Nobody is there any more who would send it again.
      const receipt = sender.receipt(link, own, MOVING_MS)
      sender.cancel(link, ch, own, call)
      return receipt
    })
    const groupOf = link.era === 'legacy' ? bridgedGroupOn : groupOn
    this.#parts.spreadCalls.cancel(link, (other) => groupOf(other, clientsGroup(group)), call)
    await Promise.all(receipts)
  }

  /** The group of these clients, and those that they have on agents of other sets of names. */
  #namesOf(group: string): readonly string[] {
    const { servedSets } = this.#parts
    if (!servedSets.hasAny) return [group]
    return [group, ...routedGroups(group, servedSets.all()).filter((name) => this.#lastGroup(name) !== undefined)]
  }

  /** Ends the children of a request that had them for itself. */
  left({ group: name }: LeftOrder): SendOutcome {
    const { store, channels, turns, subscriptions, roots } = this.#parts
    for (const group of this.#namesOf(name).flatMap((one) => [modernGroup(one), bridgedGroup(one)])) {
      const owner = store.channels.get(group)?.owner
      if (owner === undefined || !isAnonymous(owner)) continue
      subscriptions.endAll(group)
      channels.close(group)
      turns.childGone(group)
      roots.forget(group)
    }
    return { kind: 'sent' }
  }

  /** Opens a listen on a child of the handshake era; false when that is gone. */
  subscribe(order: SubscribeOrder): boolean {
    const link = this.#linkFor(order.group)
    return link?.era === 'legacy' && this.#parts.modernOnLegacy.subscribe(order, link)
  }

  #channelsFor(name: string, link: AgentLink, call: string): string[] {
    if (link.era === 'legacy') return this.#parts.modernOnLegacy.channelsFor(name, link, call).map(({ ch }) => ch)
    const current = this.#parts.channels.current(groupOn(link, name))
    return current === undefined ? [] : [current.ch]
  }

  /** The agent of the group's child, or of the one that is to be started. */
  #linkFor(name: string): AgentLink | undefined {
    const { channels } = this.#parts
    const group = this.#lastGroup(name)
    return group === undefined ? channels.chooseLink() : channels.linkForGroup(group)
  }

  /** The group that served these clients last. */
  #lastGroup(name: string): string | undefined {
    const route = routeOf(name)
    const groups = [modernGroup(name), bridgedGroup(name), `${MODERN_SHARED_GROUP}${route}`, `${BRIDGED_SHARED_GROUP}${route}`]
    return groups.find((group) => this.#parts.store.channels.get(group) !== undefined)
  }
}

function groupOn(link: AgentLink, name: string): string {
  return link.isolation === 'share' ? `${MODERN_SHARED_GROUP}${routeOf(name)}` : modernGroup(name)
}
