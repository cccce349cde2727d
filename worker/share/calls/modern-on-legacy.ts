/** Requests without a session (MCP 2026-07-28) on a server of the handshake era: one child per group of clients, and one apart for what may ask. */
import { takeParked } from '../../bridge/input/parked-call.ts'
import { randomKey } from '../../call-key.ts'
import { MAX_PARKED_CALLS } from '../../limits.ts'
import type { ChannelOpener } from '../children/channel-opener.ts'
import { ChildLogLevels } from '../children/child-log-levels.ts'
import type { GroupChannel, GroupChannels } from '../children/group-channels.ts'
import type { GroupRoots } from '../children/group-roots.ts'
import type { Turn, Turns } from '../children/turns.ts'
import type {
  AskAnswer,
  SendOutcome,
  CallOutcome,
  GroupCallRequest,
  ParkOrder,
  ParkedRow,
  RetryInput,
  SubscribeOrder,
} from '../../contract/share-rpc.ts'
import { isListMethod } from '../../contract/listings.ts'
import { encodeReturnAddress } from '../../contract/return-address.ts'
import { bridgedGroupOn, bridgedIntroduction, bridgeFactsOf } from './bridged-children.ts'
import { failed, judgedElsewhere, stale } from './outcomes.ts'
import type { SpreadCalls } from './spread-calls.ts'
import type { ChildAsks } from '../answers/child-asks.ts'
import type { ChildIntroductions } from '../answers/child-introductions.ts'
import { besideGroup, spareGroup, groupOf } from '../../contract/groups.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { RoutedCalls } from './routed-calls.ts'
import { repeatFacts, type RepeatableCalls } from '../children/repeatable-calls.ts'
import { type Store } from '../rows/store.ts'
import type { Subscriptions } from '../children/subscriptions.ts'
import type { MessageSender } from '../agents/message-sender.ts'
import type { Waiters } from '../clients/waiters.ts'
import { type AgentLink, namedOn, sendFrame } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly servedSets: ServedSets
  readonly routedCalls: RoutedCalls
  readonly channels: GroupChannels
  readonly opener: ChannelOpener
  readonly waiters: Waiters
  readonly sender: MessageSender
  readonly introductions: ChildIntroductions
  readonly subscriptions: Subscriptions
  readonly childAsks: ChildAsks
  readonly roots: GroupRoots
  readonly turns: Turns
  readonly repeatableCalls: RepeatableCalls
  readonly spreadCalls: SpreadCalls
}

const encoder = new TextEncoder()
/** Names a translation that holds for any child of the server. */
const ANY_CHILD_VERSION = 'any-child'

export class ModernOnLegacy {
  readonly #parts: Parts
  readonly #logLevels: ChildLogLevels

  constructor(parts: Parts) {
    this.#parts = parts
    this.#logLevels = new ChildLogLevels(parts.opener)
  }

  call(request: GroupCallRequest, link: AgentLink): CallOutcome | Promise<CallOutcome> {
    const { channels, servedSets, opener } = this.#parts
    const main = bridgedGroupOn(link, request.group)
    if (request.input !== undefined) return this.#giveInput(request, request.input, link)
    const isSent = request.isResend === true && request.awaitsJudgement !== true && !this.#mustBeJudged(request, main, link)
    const again = isSent ? this.#again(request, main, link) : undefined
    if (again !== undefined) return again
    const isNew = channels.current(main)?.link !== link
    const { ch } = opener.readyBridged(main, link, bridgedIntroduction(request, link, 'snapshot'))
    if (isNew) {
      this.#parts.subscriptions.endAll(main)
      this.#parts.roots.forget(main, ch)
    }
    const version = `${link.instance}.${ch}`
    const server = this.#parts.store.channels.snapshot(main)
    if (server === undefined) return this.#awaitServer(request, { ch, group: main }, link, version)
    const toolsVersion = servedSets.toolsVersion(link, ch)
    // A list of several agents is translated as that of any of them.
    const isOfSeveral = servedSets.hasAny && request.bridge !== undefined && isListMethod(request.method)
    if (request.bridge !== version && !isOfSeveral)
      return { kind: 'bridge', facts: { ...bridgeFactsOf(version, server, servedSets.hasAny), toolsVersion } }
    const several = stale(request, toolsVersion) ?? this.#parts.routedCalls.several(request, link, toolsVersion, ({ era }) => era)
    if (several !== undefined) return several
    if (request.asker === undefined || link.isolation === 'share') return this.#forward(request, { ch, group: main }, link)
    this.#parts.roots.noteClient(main, request.capabilities.includes('roots'))
    const isAskable = request.capabilities.some((name) => name !== 'roots')
    const turn = this.#parts.turns.take({ ...request, asker: request.asker }, ch, isAskable)
    return typeof turn === 'string' ? this.#start(request, { ch, group: main }, link, turn) : this.#await(turn, request, main, ch, link)
  }

  /** What may ask its client waits for its turn; meanwhile the child may have ended. */
  async #await(turn: Promise<Turn>, request: GroupCallRequest, group: string, ch: string, link: AgentLink): Promise<CallOutcome> {
    const taken = await turn
    const current = this.#parts.channels.current(group)
    return current?.ch === ch && current.link === link ? this.#start(request, { ch, group }, link, taken) : { kind: 'again' }
  }

  #start(request: GroupCallRequest, channel: GroupChannel, link: AgentLink, turn: Turn): CallOutcome | Promise<CallOutcome> {
    const { opener, childAsks, turns } = this.#parts
    if (turn === 'gone') return failed({ code: 'CANCELLED', executed: 'no' })
    if (turn === 'apart') {
      const spare = spareGroup(channel.group, request.key)
      return this.#forward(request, opener.readyBridged(spare, link, bridgedIntroduction(request, link, 'handshake')), link)
    }
    if (!childAsks.mustTellRoots(channel.ch, request.capabilities.includes('roots'))) {
      const outcome = this.#forward(request, channel, link)
      turns.look(channel.group)
      return outcome
    }
    // The call itself goes to the child with the retry, which brings the roots.
    const outcome = this.#wait(request, channel.group, link)
    childAsks.askRoots(channel.ch, request.key)
    return outcome
  }

  /** Brings the relay's own answer to a child's request; a child that is gone needs none. */
  answerAsk({ ch, key, rawId, body }: AskAnswer): SendOutcome {
    const { channels, sender, childAsks } = this.#parts
    const link = channels.linkOf(ch)
    childAsks.settled({ ch, rawId })
    if (link !== undefined) sender.send(link, { type: 'respond', ch, key, rawId, size: body.length }, body)
    return { kind: 'sent' }
  }

  /** Every child on which a call of the group may run. */
  channelsFor(name: string, link: AgentLink, key: string): GroupChannel[] {
    const main = bridgedGroupOn(link, name)
    return [main, spareGroup(main, key)].flatMap((group) => {
      const current = this.#parts.channels.current(group)
      return current === undefined ? [] : [{ ch: current.ch, group }]
    })
  }

  /** The client of a call has left, or stayed away. */
  cancelled(name: string, link: AgentLink, key: string): void {
    this.#parts.turns.cancelled(bridgedGroupOn(link, name), key)
    this.#parts.introductions.cancelled(key)
  }

  /** Keeps a call whose client is to give input; false when the child is gone, too many wait, or what it asks is too much for a row. */
  park({ principal, ch, call, handle, asks, askCount, expiresAtMs }: ParkOrder): boolean {
    const { store, channels } = this.#parts
    if (channels.linkOf(ch) === undefined || store.bridge.parkedCount() >= MAX_PARKED_CALLS) return false
    const row: ParkedRow = {
      handle,
      principal,
      channel: ch,
      call,
      asks: asks.map(({ key, rawId, method }) => ({ key, rawId, method })),
      requests: asks.map(({ key, request }) => ({ key, request })),
      askCount,
      expiresAtMs,
    }
    return store.bridge.putParked(row)
  }

  /** What a parked call waits for, for the principal whose call it is. */
  parked(handle: string, principal: string): ParkedRow | undefined {
    const row = this.#parts.store.bridge.parked(handle)
    return row?.principal === principal ? row : undefined
  }

  /** Ends the calls whose input has not come in time; returns when to look next, in milliseconds since 1970. */
  sweep(nowMs: number): number | undefined {
    for (const { call, channel, takenBy } of this.#parts.store.bridge.takeParkedBefore(nowMs)) {
      const link = this.#parts.channels.linkOf(channel)
      if (takenBy !== undefined || link === undefined) continue
      this.#parts.sender.cancel(link, channel, randomKey(), call)
      this.#parts.turns.left(groupOf(channel), '')
    }
    return this.#parts.store.bridge.nextParkedMs()
  }

  /** Opens or renews a listen on the group's child; false when that is not there any more. */
  subscribe({ group: name, key, filter }: SubscribeOrder, link: AgentLink): boolean {
    const current = this.#parts.channels.current(bridgedGroupOn(link, name))
    if (current === undefined) return false
    this.#parts.subscriptions.put(current, key, filter)
    return true
  }

  /** Whether a call that may run twice was judged by another list than this agent's: what follows then tells by which it is to be. */
  #mustBeJudged(request: GroupCallRequest, main: string, link: AgentLink): boolean {
    if (request.isForOwnAgent !== true) return false
    const { channels, servedSets, repeatableCalls } = this.#parts
    const current = channels.current(main)
    const isSame = current?.link === link && servedSets.toolsVersion(link, current.ch) === request.toolsVersion
    return !isSame && repeatableCalls.mayRepeat(request)
  }

  /** The agent may have the call already, on whichever child it ran. Undefined for one that may run twice, and is made as if it were new. */
  #again(request: GroupCallRequest, main: string, link: AgentLink): CallOutcome | Promise<CallOutcome> | undefined {
    const { channels, repeatableCalls, store } = this.#parts
    const channel = this.channelsFor(request.group, link, request.key).findLast(({ ch }) => channels.linkOf(ch) === link)
    if (channel !== undefined && request.bridge !== undefined && channels.mayTake(channel.group, request))
      return this.#forward(request, channel, link)
    const isAsNew = channel?.group === main || store.channels.snapshot(main) === undefined
    if (isAsNew && repeatableCalls.mayRepeat(request)) return undefined
    return this.callApart(request, link) ?? failed({ code: 'AGENT_LOST', executed: 'unknown' })
  }

  /** Runs a call on a child of its own while the group's child cannot be reached; undefined for a call that must not run twice. */
  callApart(request: GroupCallRequest, link: AgentLink): CallOutcome | Promise<CallOutcome> | undefined {
    if (!this.#parts.repeatableCalls.mayRepeat(request)) return undefined
    const main = bridgedGroupOn(link, request.group)
    const server = this.#parts.store.channels.snapshot(main)
    if (server === undefined) return undefined
    // What the server answered to initialize holds for any of its children.
    if (request.bridge === undefined) return { kind: 'bridge', facts: bridgeFactsOf(ANY_CHILD_VERSION, server) }
    const isJudged = request.isForOwnAgent === true
    const channel = this.#unasking(request, isJudged ? besideGroup(main, link.name) : spareGroup(main, request.key), link)
    const toolsVersion = this.#parts.servedSets.toolsVersion(link, channel.ch)
    const unjudged = isJudged ? judgedElsewhere(request, link.name, toolsVersion) : undefined
    return unjudged ?? this.#forward(request, channel, link)
  }

  /** Runs a part of a call that goes to several agents on this one. Its child cannot ask. */
  callBeside(request: GroupCallRequest, link: AgentLink): CallOutcome | Promise<CallOutcome> {
    const group = besideGroup(bridgedGroupOn(link, request.group), link.name)
    const channel = this.#unasking(request, group, link)
    if (!this.#parts.channels.mayTake(group, request)) return failed({ code: 'AGENT_LOST', executed: 'unknown' })
    return stale(request, this.#parts.servedSets.toolsVersion(link, channel.ch)) ?? this.#forward(request, channel, link)
  }

  /** The channel of a child that cannot ask its client anything. */
  #unasking(request: GroupCallRequest, group: string, link: AgentLink): GroupChannel {
    return this.#parts.opener.readyBridged(group, link, { ...bridgedIntroduction(request, link, 'handshake'), asks: 'refuse' })
  }

  async #awaitServer(request: GroupCallRequest, { ch, group }: GroupChannel, link: AgentLink, version: string): Promise<CallOutcome> {
    const { waiters, introductions, servedSets } = this.#parts
    const { principal } = request
    const isResend = request.isResend === true
    const facts = { group, agent: link.name, session: '', principal, isInitialize: false, restarted: false, canStream: false, isResend }
    const outcome = waiters.wait(request.key, facts)
    introductions.holdFor(request.key, (server) => {
      return {
        kind: 'bridge',
        facts: { ...bridgeFactsOf(version, server, servedSets.hasAny), toolsVersion: servedSets.toolsVersion(link, ch) },
      }
    })
    return outcome
  }

  /** Gives the child the responses that a retry brings, and waits for the parked call again, under its old key. */
  #giveInput(request: GroupCallRequest, { handle, taker, responses }: RetryInput, link: AgentLink): CallOutcome | Promise<CallOutcome> {
    const { store, channels } = this.#parts
    const parked = store.bridge.parked(handle)
    const given = { responses: new Map(responses.map(({ rawId, body }) => [rawId, body])), missing: [] }
    const taking = takeParked(parked, request.principal, taker, given, Date.now())
    if (!taking.ok || parked === undefined || !channels.isCurrent(parked.channel, link)) return { kind: 'state_refused' }
    if (taking.value.kind === 'take') store.bridge.putParked({ ...parked, takenBy: taker })
    // Keys derived from the retry's own, so that the agent does not give the child a response twice.
    responses.forEach(({ rawId, body }, index) => {
      const bytes = encoder.encode(body)
      const key = `${taker.slice(0, -2)}${index.toString(16).padStart(2, '0')}`
      this.#parts.sender.send(link, { type: 'respond', ch: parked.channel, key, rawId, size: bytes.length }, bytes)
    })
    this.#parts.childAsks.told(parked, responses)
    const outcome = this.#forward(request, { ch: parked.channel, group: groupOf(parked.channel) }, link)
    sendFrame(link, { type: 'resume', ch: parked.channel })
    // Others waited for what it has told; now that it runs again, they may have to wait for it.
    this.#parts.turns.look(groupOf(parked.channel))
    return outcome
  }

  #forward(request: GroupCallRequest, { ch, group }: GroupChannel, link: AgentLink): Promise<CallOutcome> {
    const { key, method, id, token, size, logLevel } = request
    if (logLevel !== undefined) this.#logLevels.tell(ch, link, logLevel)
    const outcome = this.#wait(request, group, link)
    const ra = encodeReturnAddress({ to: 'call', key })
    const tag = typeof request.spread === 'object' ? request.spread.of : key
    const marks = { ...(token === undefined ? {} : { token }), ...this.#parts.repeatableCalls.marks(request) }
    const header = { type: 'call', ch, key, method, id, ...marks, ...namedOn(link, request), ra, tag, size } as const
    this.#parts.sender.send(link, header, request.body, request)
    return outcome
  }

  #wait(request: GroupCallRequest, group: string, link: AgentLink): Promise<CallOutcome> {
    const facts = {
      group,
      agent: link.name,
      session: '',
      principal: request.principal,
      isInitialize: false,
      restarted: false,
      canStream: true,
      // What its client has given cannot be given again.
      ...(request.input === undefined ? { repeat: repeatFacts(request) } : {}),
      isResend: request.isResend === true,
    }
    return this.#parts.waiters.wait(request.key, request.asker === undefined ? facts : { ...facts, asker: request.asker })
  }
}
