/** Requests and notifications of sessions: finds the session's agent and channel, sends them on, and waits where an answer is due. */
import type { Failure } from '../../../protocol/errors.ts'
import { isTaskMethod } from '../../bridge/tasks.ts'
import type { ChannelOpener } from '../children/channel-opener.ts'
import type { GroupChannel, GroupChannels } from '../children/group-channels.ts'
import type { Caller, CallOutcome, SessionCallRequest, SendOutcome, SendRequest } from '../../contract/share-rpc.ts'
import type { SpreadPart } from '../../contract/call-parts.ts'
import { encodeReturnAddress } from '../../contract/return-address.ts'
import type { ChildIntroductions } from '../answers/child-introductions.ts'
import type { ClientFrames } from '../answers/client-frames.ts'
import type { LegacyOnModern } from './legacy-on-modern.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { RestartNews } from '../answers/restart-news.ts'
import type { Sessions } from './sessions.ts'
import type { StandbyAnswers } from '../answers/standby-answers.ts'
import { type Store } from '../rows/store.ts'
import { repeatFacts, type RepeatableCalls } from '../children/repeatable-calls.ts'
import type { Streams } from '../clients/streams.ts'
import { failed, judgedElsewhere, stale, UNWANTED_CREDENTIAL } from './outcomes.ts'
import type { SpreadCalls } from './spread-calls.ts'
import type { Aside, RoutedCalls } from './routed-calls.ts'
import type { SseSessions } from './sse-sessions.ts'
import { keptRequest } from '../rows/kept-requests.ts'
import { forgetSetting, settingKept } from './kept-settings.ts'
import { sharedInitialize } from './shared-initialize.ts'
import type { AskingWorkers } from '../clients/asking-workers.ts'
import type { HeldWaits } from '../clients/held-waits.ts'
import { cancelTag, type MessageSender } from '../agents/message-sender.ts'
import type { Waiters } from '../clients/waiters.ts'
import { SHARED_GROUP } from '../../contract/groups.ts'
import type { Session } from '../rows/session-rows.ts'
import { type AgentLink, isUnwanted, namedOn, shownOn } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly sessions: Sessions
  readonly channels: GroupChannels
  readonly opener: ChannelOpener
  readonly streams: Streams
  readonly askingWorkers: AskingWorkers
  readonly heldWaits: HeldWaits
  readonly sseSessions: SseSessions
  readonly waiters: Waiters
  readonly sender: MessageSender
  readonly clientFrames: ClientFrames
  readonly introductions: ChildIntroductions
  readonly legacyOnModern: LegacyOnModern
  readonly repeatableCalls: RepeatableCalls
  readonly standbyAnswers: StandbyAnswers
  readonly restartNews: RestartNews
  readonly spreadCalls: SpreadCalls
  readonly servedSets: ServedSets
  readonly routedCalls: RoutedCalls
}

/** Notifications about one client, which mean nothing to a child that serves many. */
const PRIVATE_NOTIFICATIONS = new Set(['notifications/initialized', 'notifications/roots/list_changed'])

export class LegacyCalls {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  call(request: SessionCallRequest): Promise<CallOutcome> {
    const made = this.#call(request)
    return request.delivery === 'session' ? this.#parts.sseSessions.heard(request.session, made) : made
  }

  async #call(request: SessionCallRequest): Promise<CallOutcome> {
    const { store, sessions, channels, waiters } = this.#parts
    if (store.settings === undefined) return failed({ code: 'SHARE_NOT_FOUND' })
    if (waiters.isFullFor(request.principal)) return failed({ code: 'SHARE_BUSY', executed: 'no', retryAfterMs: 1000 })
    const isInitialize = request.method === 'initialize'
    const session = isInitialize ? sessions.begin(request) : sessions.of(request)
    if ('code' in session) return failed(session)
    this.#parts.opener.shown(session.id, request.authorization)
    if (request.delivery === 'session' && !this.#parts.sseSessions.isHeard(session)) return { kind: 'no_stream' }
    if (request.delivery === 'session' && this.#isMadeAgain(request)) return { kind: 'accepted' }
    if (request.refusal !== undefined) return this.#parts.sseSessions.tell(request, failed(request.refusal))
    // Its client may wait for the owner for longer than a post may, and of tasks it must be known whose they are.
    const isWorkers = request.hold !== undefined || request.mayBeginTask === true || isTaskMethod(request.method)
    if (request.delivery === 'session' && isWorkers) return this.#parts.sseSessions.translate(request)
    // HTTP+SSE is of the handshake era: a client that looks for the newer one here is to begin with initialize, whatever its server speaks.
    if (request.delivery === 'session' && request.method === 'server/discover')
      return this.#parts.sseSessions.tell(request, failed({ code: 'METHOD_UNKNOWN', detail: 'HTTP+SSE begins with initialize' }))
    if (typeof request.spread === 'object' && 'agent' in request.spread) return this.#beside(request, session, request.spread)
    // Answers over HTTP+SSE go onto the session's stream, so it is not known here which calls still run.
    const goesOn = request.isResend === true || session.transport === 'sse'
    const way = this.#parts.servedSets.hasAny ? this.#parts.routedCalls.way(request, session, goesOn) : undefined
    if (way !== undefined) return this.#told(request, 'kind' in way ? way : await this.#aside(request, session, way))
    const link = goesOn ? channels.linkFor(session) : channels.linkForCall(session)
    const standby = this.#parts.standbyAnswers.for(request, link)
    if (standby !== undefined) return this.#told(request, standby)
    if (link === undefined) {
      if (isInitialize && session.transport === 'http' && request.isResend !== true) store.endSession(session.id)
      const outcome = this.#onOtherAgent(request, session)
      if (outcome !== undefined) return outcome
      const away = channels.away()
      waiters.turnAway(request.key, Date.now(), away.newsMark)
      return away
    }
    if (!this.#mayTake(request, channels.groupFor(session))) return this.#mayHaveRun(request)
    if (isUnwanted(link, request)) {
      if (isInitialize && session.transport === 'http') store.endSession(session.id)
      return UNWANTED_CREDENTIAL
    }
    if (link.sessionEra === 'modern') return this.#parts.legacyOnModern.call(request, session, link)
    if (request.bridge !== undefined) return { kind: 'native' }
    if (request.isRetry === true) forgetSetting(store, request)
    const channel = this.#parts.opener.ready(session, link, isInitialize)
    const instead = this.#instead(request, link, channel)
    if (instead !== undefined) return this.#told(request, instead)
    if (request.method === 'logging/setLevel') this.#parts.opener.tellLevel(session.id, keptRequest(request, ''))
    const local = isInitialize ? await sharedInitialize(this.#parts, request, channel, link) : settingKept(store, request, channel.group)
    return local === undefined ? this.#forward(request, channel, link) : this.#told(request, local)
  }

  /** Whether the Worker of the session's stream has made it again, while this one did not hear what came of its own try. */
  #isMadeAgain({ key, isResend }: SessionCallRequest): boolean {
    return isResend === true && (this.#parts.waiters.get(key) ?? this.#parts.streams.call(key)) !== undefined
  }

  /** What is answered without an agent; over HTTP+SSE on the session's stream, by whose Worker a call goes to several. */
  #told(request: SessionCallRequest, outcome: CallOutcome): CallOutcome {
    if (request.delivery !== 'session') return outcome
    const { sseSessions } = this.#parts
    return outcome.kind === 'join' || outcome.kind === 'spread' ? sseSessions.translate(request) : sseSessions.tell(request, outcome)
  }

  #mayTake(request: SessionCallRequest, group: string): boolean {
    return this.#parts.channels.mayTake(group, request) || this.#parts.repeatableCalls.mayRepeat(request)
  }

  /** The child that may have run it is gone: nobody can tell, and another must not run it a second time. */
  #mayHaveRun({ key, session }: SessionCallRequest): CallOutcome {
    const failure = { code: 'AGENT_LOST', executed: 'unknown' } as const
    this.#parts.clientFrames.failResumed(key, session, failure)
    return failed(failure)
  }

  /** A request that goes by its name to another agent than the session's own. */
  #aside(request: SessionCallRequest, session: Session, { group, link, away }: Aside): Promise<CallOutcome> | CallOutcome {
    const { store, waiters, opener } = this.#parts
    if (link === undefined) {
      const outcome = this.#onOtherAgent(request, session)
      if (outcome === undefined) waiters.turnAway(request.key, Date.now(), away.newsMark)
      return outcome ?? away
    }
    if (!this.#mayTake(request, group)) return this.#mayHaveRun(request)
    if (isUnwanted(link, request)) return UNWANTED_CREDENTIAL
    if (request.bridge !== undefined) return { kind: 'native' }
    const channel = opener.readyRouted(session, link)
    const local = settingKept(store, request, channel.group)
    if (local !== undefined) return this.#told(request, local)
    return this.#instead(request, link, channel) ?? this.#forward(request, channel, link, channel.isAnew)
  }

  /** The Worker that waited for an agent with a call that its client had left has given up. */
  abandoned(caller: Caller, key: string, failure: Failure): void {
    const session = this.#parts.sessions.of(caller)
    if (!('code' in session)) this.#parts.clientFrames.failResumed(key, session.id, failure, true)
  }

  async send(request: SendRequest): Promise<SendOutcome> {
    const { store, sessions, askingWorkers, channels, sender, waiters, legacyOnModern, routedCalls } = this.#parts
    if (store.settings === undefined) return failed({ code: 'SHARE_NOT_FOUND' })
    const session = sessions.of(request)
    if ('code' in session) return failed(session)
    if (session.transport === 'sse' && !this.#parts.sseSessions.isHeard(session)) return { kind: 'no_stream' }
    const told = askingWorkers.answer(request)
    if (told !== undefined) return told
    if (request.requestId !== undefined) this.#parts.heldWaits.cancel(session.id, request.requestId.raw)
    if (request.requestId !== undefined && this.#parts.servedSets.hasAny) routedCalls.cancel(session, request)
    const asker = request.kind === 'response' ? routedCalls.askerOf(session, request.rawId ?? '') : undefined
    if (asker !== undefined) return routedCalls.respond(request, asker)
    const link = channels.linkFor(session)
    const isBeginning = request.method === 'notifications/initialized'
    if (isBeginning && this.#parts.standbyAnswers.canBeginAlone(channels.groupFor(session), link)) return { kind: 'sent' }
    // The child that is opened elsewhere gets it with the replayed handshake, and one that serves many has no use for it.
    if (link === undefined && isBeginning && (channels.groupFor(session) === SHARED_GROUP || channels.forsake(session.id)))
      return { kind: 'sent' }
    if (link === undefined && waiters.isFullFor(request.principal))
      return failed({ code: 'SHARE_BUSY', executed: request.isResend === true ? 'unknown' : 'no', retryAfterMs: 1000 })
    if (link === undefined) return channels.away()
    // As for a call: another process would take it a second time. A notification that is not accepted must be refused with an
    // HTTP error status (MCP 2025-11-25, basic/transports, sending messages), which AGENT_LOST does not have.
    if (!channels.mayTake(channels.groupFor(session), request))
      return failed({ code: 'AGENT_AWAY', executed: 'unknown', retryAfterMs: 2000 })
    if (isUnwanted(link, request)) return UNWANTED_CREDENTIAL
    this.#parts.opener.shown(session.id, request.authorization)
    if (link.sessionEra === 'modern') return legacyOnModern.send(request, session, link)
    const { ch, group } = this.#parts.opener.ready(session, link, false)
    const isShared = group === SHARED_GROUP
    if (isShared && (request.kind === 'response' || PRIVATE_NOTIFICATIONS.has(request.method))) return { kind: 'sent' }
    const { key, method, size } = request
    const receipt = sender.receipt(link, key)
    // It may run in another session, which has the task that it names.
    if (request.requestId !== undefined) askingWorkers.cancel(session.id, request.requestId.raw)
    if (request.kind === 'response')
      sender.send(link, { type: 'respond', ch, key, rawId: request.rawId ?? 'null', ...shownOn(link, request), size }, request.body)
    else {
      const cancels =
        request.requestId === undefined ? {} : { cancels: cancelTag(session.id, request.requestId.raw), requestId: request.requestId.span }
      sender.send(link, { type: 'notify', ch, key, method, ...cancels, ...shownOn(link, request), size }, request.body)
      if (cancels.cancels !== undefined) this.#parts.spreadCalls.cancel(link, (other) => channels.groupOn(session, other), cancels.cancels)
    }
    return { kind: (await receipt) ? 'sent' : 'again' }
  }

  /** Another agent runs the call, if it may run twice. The child there shares no memory with the session's own. */
  #onOtherAgent(request: SessionCallRequest, session: Session): Promise<CallOutcome> | CallOutcome | undefined {
    const link = request.awaitsJudgement === true ? undefined : this.#parts.repeatableCalls.otherAgentFor(request)
    if (link === undefined || link.sessionEra !== 'legacy' || request.bridge !== undefined || isUnwanted(link, request)) return undefined
    const { opener, servedSets } = this.#parts
    if (request.isForOwnAgent !== true) return this.#forward(request, opener.readyAlone(session, link, request.key), link, true)
    const channel = opener.readyBeside(session, link)
    return judgedElsewhere(request, link.name, servedSets.toolsVersion(link, channel.ch)) ?? this.#forward(request, channel, link, true)
  }

  /** What is told in place of a request that was judged by other tools, or that goes to several agents, or may, unless it is to begin a task. */
  #instead(request: SessionCallRequest, link: AgentLink, { ch }: GroupChannel): CallOutcome | undefined {
    const { servedSets, routedCalls } = this.#parts
    if (request.toolsVersion === undefined && !link.spreads && !servedSets.hasAny) return undefined
    const toolsVersion = servedSets.toolsVersion(link, ch, request.session)
    const several =
      request.mayBeginTask === true ? undefined : routedCalls.several(request, link, toolsVersion, ({ sessionEra }) => sessionEra)
    return stale(request, toolsVersion) ?? several
  }

  /** A part of a call that goes to several agents, for one of them. */
  #beside(request: SessionCallRequest, session: Session, { agent }: SpreadPart): Promise<CallOutcome> | CallOutcome {
    const { channels, servedSets, opener, spreadCalls } = this.#parts
    const link = spreadCalls.linkNamed(agent)
    if (link?.sessionEra !== 'legacy') return failed({ code: 'AGENT_AWAY', executed: request.isResend === true ? 'unknown' : 'no' })
    if (isUnwanted(link, request)) return UNWANTED_CREDENTIAL
    const channel = opener.readyBeside(session, link)
    if (!channels.mayTake(channel.group, request)) return failed({ code: 'AGENT_LOST', executed: 'unknown' })
    return stale(request, servedSets.toolsVersion(link, channel.ch)) ?? this.#forward(request, channel, link, true)
  }

  /** `isNewApart`: of a child beside the session's own, whether it remembers nothing that the client has told the one before. */
  #forward(
    request: SessionCallRequest,
    { ch, group }: GroupChannel,
    link: AgentLink,
    isNewApart?: boolean,
  ): Promise<CallOutcome> | CallOutcome {
    const { key, method, id, token, session, size, rawId, rawToken } = request
    const isInitialize = method === 'initialize'
    const hasNewChild = this.#parts.store.sessions.get(session)?.restarted === true
    const restarted = isNewApart ?? hasNewChild
    if (hasNewChild && isNewApart === undefined) {
      this.#parts.store.sessions.clearRestarted(session)
      this.#parts.restartNews.restarted(session)
    }
    const isForSession = request.delivery === 'session'
    const several = isInitialize && this.#parts.servedSets.hasAny ? ({ isOfSeveral: true } as const) : {}
    const ra = isForSession
      ? encodeReturnAddress({ to: 'session', session, rawId, ...(rawToken === undefined ? {} : { rawToken }), ...several })
      : encodeReturnAddress({ to: 'call', key, ...(request.delivery === 'stream' ? { session } : {}), ...several })
    const header = {
      type: 'call',
      ch,
      key,
      method,
      id,
      ...(token === undefined ? {} : { token }),
      ra,
      tag: cancelTag(session, rawId),
      ...this.#parts.repeatableCalls.marks(request),
      ...(request.mayBeginTask === true ? ({ mayBeginTask: true } as const) : {}),
      ...namedOn(link, request),
      size,
    } as const
    if (isForSession) this.#parts.sseSessions.announce(request, link.name, restarted, this.#parts.standbyAnswers.listed(request))
    const isReplaced = this.#parts.streams.isElsewhere(request, link.name)
    const outcome = isForSession
      ? this.#parts.sseSessions.posted(key, link)
      : isReplaced
        ? ({ kind: 'replaced' } as const)
        : this.#parts.waiters.wait(key, {
            group,
            agent: link.name,
            ch,
            session,
            principal: request.principal,
            isInitialize,
            restarted,
            canStream: request.delivery === 'stream',
            repeat: repeatFacts(request),
            isRetry: request.isRetry === true,
            isResend: request.isResend === true,
          })
    this.#parts.sender.send(link, header, request.body, request)
    return outcome
  }
}
