/** Makes the parts of a Share and tells each which others it needs. Nothing is decided here. */
import { ANONYMOUS, CLOSE } from '../../protocol/handshake.ts'
import type { HoldOrder } from '../contract/trust/approvals.ts'
import { isAnonymous, isApart, linkOf, togetherPrincipal } from '../contract/trust/principals.ts'
import type { MeterOrder } from '../contract/trust/metering.ts'
import type { RegistryObject } from '../contract/objects.ts'
import type { LaneKey } from '../contract/lane-key.ts'
import type { Lane } from '../lanes.ts'
import { AgentMessages } from './agent-messages.ts'
import { AgentNews } from './agents/agent-news.ts'
import { CallTurns } from './agents/call-turns.ts'
import { LinkHealth } from './agents/link-health.ts'
import { AgentLinks } from './agents/links.ts'
import { ServedSets } from './agents/served-sets.ts'
import { MessageSender } from './agents/message-sender.ts'
import type { ForeignSurroundings } from './agents/wires/foreign-state.ts'
import { ForeignLinks } from './agents/wires/foreign-links.ts'
import { ChildAsks } from './answers/child-asks.ts'
import { ChildIntroductions } from './answers/child-introductions.ts'
import { ClientFrames } from './answers/client-frames.ts'
import { CreditGrants, type Debtor } from './answers/credit-grants.ts'
import { Delivery } from './answers/delivery.ts'
import { LostAgents } from './answers/lost-agents.ts'
import { RestartNews } from './answers/restart-news.ts'
import { StandbyAnswers } from './answers/standby-answers.ts'
import { UnsentCalls } from './answers/unsent-calls.ts'
import { LegacyCalls } from './calls/legacy-calls.ts'
import { LegacyOnModern } from './calls/legacy-on-modern.ts'
import { ModernCalls } from './calls/modern-calls.ts'
import { ModernOnLegacy } from './calls/modern-on-legacy.ts'
import { OverdueCalls } from './calls/overdue-calls.ts'
import { RoutedCalls } from './calls/routed-calls.ts'
import { ResumedStreams } from './calls/resumed-streams.ts'
import { Sessions } from './calls/sessions.ts'
import { SpreadCalls } from './calls/spread-calls.ts'
import { SseSessions } from './calls/sse-sessions.ts'
import { TaskKeeper } from './calls/task-keeper.ts'
import { StreamSockets } from './calls/stream-sockets.ts'
import { Askers } from './children/askers.ts'
import { ChannelOpener } from './children/channel-opener.ts'
import { GroupChannels } from './children/group-channels.ts'
import { GroupRoots } from './children/group-roots.ts'
import { IdleChildren } from './children/idle-children.ts'
import { RepeatableCalls } from './children/repeatable-calls.ts'
import { SessionListens } from './children/session-listens.ts'
import { Subscriptions } from './children/subscriptions.ts'
import { Turns } from './children/turns.ts'
import { AskingWorkers } from './clients/asking-workers.ts'
import { auditRows, CallLedger } from './clients/call-ledger.ts'
import { type EndedCall, RunningCalls } from './clients/running-calls.ts'
import { CreditLedger } from './clients/credit.ts'
import { HeldWaits } from './clients/held-waits.ts'
import { Streams } from './clients/streams.ts'
import { PostedCalls } from './clients/posted-calls.ts'
import { UntakenMessages } from './clients/untaken-messages.ts'
import { Waiters } from './clients/waiters.ts'
import { ApprovalRows } from './rows/approval-rows.ts'
import { EntryRows } from './rows/entry-rows.ts'
import { LinkUses } from './rows/link-uses.ts'
import { ListingRows } from './rows/listing-rows.ts'
import { Store } from './rows/store.ts'
import { ApprovalKeeper } from './trust/approval-keeper.ts'
import { Approvals } from './trust/approvals.ts'
import { CutOff } from './trust/cut-off.ts'
import { TrustGate } from './trust/gate.ts'
import { KeptMeters } from './trust/meter-notes.ts'
import { Meters } from './trust/meters.ts'
import { ServerEntries } from './trust/server-entries.ts'
import { SlidingEnd } from './trust/sliding-end.ts'
import { Spending } from './trust/spending.ts'
import { TrustRows } from './trust/trust-rows.ts'
import { CAPTURES } from './usage/captured.ts'
import { UpstreamRequests } from './upstream/upstream-requests.ts'
import { WebExchanges } from './web/web-exchanges.ts'
import { ClientList } from './usage/client-list.ts'
import { Usage } from './usage/usage.ts'
import type { AgentLink } from './agents/agent-link.ts'
import { MetadataAsks } from './agents/metadata-asks.ts'

interface Surroundings {
  /** Id of the share. */
  readonly share: string
  readonly registry: () => DurableObjectStub<RegistryObject>
  /** Which of its lanes this is, and how another is given an order. */
  readonly lane: LaneKey
  readonly orderOf: (lane: Lane, order: MeterOrder) => Promise<string | undefined>
  readonly holdOn: (lane: Lane, order: HoldOrder) => Promise<string | undefined>
  /** As AgentLinks calls it. */
  readonly onBroken: (socket: WebSocket) => void
  /** Sets the alarm, unless it rings before that anyway. */
  readonly alarmBy: (timeMs: number) => void
  /** The same for what was counted of calls, which is all that an alarm by then is for. */
  readonly flushBy: (timeMs: number) => void
}

export type ShareParts = ReturnType<typeof wireShare>

export function wireShare(ctx: DurableObjectState, { share, lane, orderOf, holdOn, registry, onBroken, alarmBy, flushBy }: Surroundings) {
  const store = new Store(ctx.storage.sql)
  const spoken: ForeignSurroundings['spoken'] = (...said) => agentMessages.spoken(...said)
  const tunnelled: ForeignSurroundings['tunnelled'] = (...said) => agentMessages.tunnelled(...said)
  const foreign = new ForeignLinks({ share, handshakes: store.handshakes, spoken, tunnelled })
  const links = new AgentLinks(ctx, onBroken, foreign)
  const news = new AgentNews(
    () => links.hasLeaving,
    () => streamSockets.awaitingNews(),
  )
  const rootOf = (principal: string): string => gate.rootOf(togetherPrincipal(principal))
  const allOf = (root: string): readonly string[] =>
    root === ANONYMOUS
      ? store.sessions.principals().filter(isAnonymous)
      : [...gate.allOf(root), ...apart().filter((one) => rootOf(one) === root)]
  const apart = (): readonly string[] => [...new Set([...store.sessions.principals(), ...store.tasks.principals()])].filter(isApart)
  const waiters = new Waiters(
    (waiter) => overdueCalls.end(waiter),
    (root, exact) => streams.waitingOf(root, exact) + turns.waitingOf(root),
    rootOf,
  )
  const ledger = new CreditLedger<Debtor>()
  const streams = new Streams(ctx, rootOf)
  const isKept = (): boolean => store.settings !== undefined
  const rows = {
    uses: new LinkUses(ctx.storage.sql),
    ...auditRows(ctx.storage.sql),
  }
  const callLedger = new CallLedger({ ...rows, shown: (call) => clientList.shown(call), isKept, flushBy })
  const runningCalls = new RunningCalls({
    streams,
    rootLinkOf: (principal) => linkOf(rootOf(principal)),
    record: (call) => callLedger.record(call),
    captures: () => (gate.isCapturing ? CAPTURES : undefined),
  })
  const health = new LinkHealth(links, (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0)
  const callTurns = new CallTurns({
    awaited: (agent) => [
      ...waiters.where((waiter) => waiter.agent === agent && waiter.isListen !== true).map(({ key }) => key),
      ...streams.callsOf(agent).flatMap(({ socket, key }) => (streams.attachmentOf(socket)?.isListen === true ? [] : [key])),
    ],
    rootOf,
    isWanted: (call) => unsentCalls.isWanted(call),
    refused: (call, code) => unsentCalls.refuse(call, code),
    givenBack: (call) => unsentCalls.giveBack(call),
  })
  const sender = new MessageSender(health, callTurns)
  const servedSets = new ServedSets(links, store)
  const metadataAsks = new MetadataAsks(links)
  const channels = new GroupChannels({ store, links, servedSets, health, news, waiters, streams, callTurns })
  const untaken = new UntakenMessages(streams)
  const opener = new ChannelOpener(store, channels, servedSets, rootOf, (ch) => untaken.holdsNothing(ch))
  const base = { store, links, servedSets, health, news, sender, metadataAsks, streams, waiters, ledger, runningCalls, channels, opener }
  const subscriptions = new Subscriptions(base)
  const listings = new ListingRows(ctx.storage.sql)
  const standbyAnswers = new StandbyAnswers({ ...base, rows: listings })
  const askers = new Askers(base)
  const roots = new GroupRoots({ store, askers })
  const turns = new Turns({ store, askers, roots, rootOf })
  const children = {
    ...base,
    untaken,
    postedCalls: new PostedCalls(streams, rootOf),
    subscriptions,
    standbyAnswers,
    askers,
    roots,
    turns,
    askingWorkers: new AskingWorkers(streams),
    heldWaits: new HeldWaits(streams, (principal) => waiters.isFullFor(principal)),
    idleChildren: new IdleChildren(base),
    listens: new SessionListens(base),
    repeatableCalls: new RepeatableCalls(channels, standbyAnswers, servedSets),
  }
  const restartNews = new RestartNews(children)
  const creditGrants = new CreditGrants(children)
  const clientFrames = new ClientFrames({ ...children, creditGrants })
  const introductions = new ChildIntroductions({ ...children, clientFrames })
  const childAsks = new ChildAsks({ ...children, clientFrames })
  const spreadCalls = new SpreadCalls(base)
  const routedCalls = new RoutedCalls({ ...children, spreadCalls })
  const answers = { ...children, routedCalls, restartNews, clientFrames, creditGrants, introductions, childAsks, spreadCalls }
  const delivery = new Delivery({ ...answers, askAgain: (socket) => resumedStreams.askAgain(socket) })
  const lostAgents = new LostAgents(answers)
  const sseSessions = new SseSessions(streams, children.postedCalls)
  const legacyOnModern = new LegacyOnModern({ ...answers, sseSessions })
  const modernOnLegacy = new ModernOnLegacy(answers)
  const sessions = new Sessions({ ...answers, legacyOnModern, alarmBy, rootOf, allOf })
  const taskKeeper = new TaskKeeper({ store, channels, rootOf, allOf })
  const overdueCalls = new OverdueCalls({ ...answers, sessions })
  const modernCalls = new ModernCalls({ ...answers, modernOnLegacy })
  const legacyCalls = new LegacyCalls({ ...answers, sessions, sseSessions, legacyOnModern })
  const resumedStreams = new ResumedStreams({ ...answers, sessions })
  const streamSockets = new StreamSockets({ ...answers, sessions, resumedStreams, sseSessions })
  const keptMeters = new KeptMeters({ sql: ctx.storage.sql, isKept })
  const ended = (call: EndedCall, key: string): void => {
    callLedger.record(call)
    spending.answered(key, call.bytes)
  }
  const web = new WebExchanges({ ctx, links, health, rootOf, ended })
  const upstream = new UpstreamRequests({ ctx, rootOf, refused: (calls) => callLedger.refused(calls), ended })
  const charged = [...streamSockets.charged, ...web.charged, ...upstream.charged]
  const spending = new Spending({ share, lane, meters: new Meters(keptMeters), streams, charged, orderOf })
  const unsentCalls = new UnsentCalls({ ...answers, delivery, failed: (key) => spending.failed(key) })
  const agentMessages = new AgentMessages({ ...answers, lane, web, spending, delivery, lostAgents, resumedStreams, sseSessions })
  const gate = new TrustGate({ rows: new TrustRows(ctx.storage.sql), share, lane, registry, isKept, alarmBy })
  const slidingEnd = new SlidingEnd({ gate, share, registry, usedAtMs: () => callLedger.lastCallMs })
  const dismissed = (link: AgentLink, nowMs: number): void => agentMessages.closed(link, CLOSE.GOING_AWAY, nowMs)
  const approvalKeeper = new ApprovalKeeper({
    rows: new ApprovalRows(ctx.storage.sql),
    tell: (lanes, ids) => approvals.tell(lanes, ids),
    decided: (row, decision) => usage.decided(row, decision),
    alarmBy,
  })
  const shownSession = (session: string) => clientList.shownSession(session)
  const approvals = new Approvals({ ...answers, share, lane, gate, sessions, keeper: approvalKeeper, shownSession, holdOn })
  const cutOff = new CutOff({ ...answers, web, upstream, gate, approvalKeeper, sessions, dismissed })
  const clientList = new ClientList({ ...answers, sessions })
  const serverEntries = new ServerEntries({ ...base, sessions, gate, listings, rows: new EntryRows(ctx.storage.sql) })
  const usage = new Usage({ callLedger, runningCalls, clientList })
  const calls = { legacyCalls, legacyOnModern, modernCalls, modernOnLegacy, taskKeeper }
  const trust = { gate, slidingEnd, spending, approvals, approvalKeeper, cutOff }
  return {
    ...answers,
    sessions,
    sseSessions,
    ...calls,
    ...trust,
    streamSockets,
    agentMessages,
    serverEntries,
    usage,
    callLedger,
    web,
    upstream,
  }
}
