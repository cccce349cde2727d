/** Streams for which clients have come back with Last-Event-ID: takes them in, and has the agent send what they have not seen. */
import { ERRORS } from '../../../protocol/error-table.ts'
import { failureFrame } from '../../contract/failure-frame.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import { readMark, STREAM_CLOSE, type StreamMark } from '../../contract/streams.ts'
import { encodeReturnAddress, sessionCalls } from '../../contract/return-address.ts'
import type { ChildIntroductions } from '../answers/child-introductions.ts'
import type { ClientFrames } from '../answers/client-frames.ts'
import { type AgentLinks } from '../agents/links.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { RoutedCalls } from './routed-calls.ts'
import type { Sessions } from './sessions.ts'
import { type Store } from '../rows/store.ts'
import type { Streams } from '../clients/streams.ts'
import type { UntakenMessages } from '../clients/untaken-messages.ts'
import type { HeldWaits } from '../clients/held-waits.ts'
import type { Waiters } from '../clients/waiters.ts'
import { channelName, groupOf, markedGroup } from '../../contract/groups.ts'
import type { Session } from '../rows/session-rows.ts'
import { closeQuietly, type AgentLink, sendFrame } from '../agents/agent-link.ts'
import type { ChildPlace, ResumePlace, StreamAttachment } from '../clients/stream-attachment.ts'

interface Parts {
  readonly store: Store
  readonly servedSets: ServedSets
  readonly routedCalls: RoutedCalls
  readonly sessions: Sessions
  readonly links: AgentLinks
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly heldWaits: HeldWaits
  readonly clientFrames: ClientFrames
  readonly introductions: ChildIntroductions
  readonly untaken: UntakenMessages
}

export class ResumedStreams {
  readonly #parts: Parts
  #round = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Attaches to a call of the caller's session. The status is 101, or 404 when there is no such session or call. */
  openCall(socket: WebSocket, query: URLSearchParams, link: string): number {
    const { sessions, links, channels, streams, waiters, clientFrames, introductions, store } = this.#parts
    const wasLeft = store.left.has(query.get('session') ?? '')
    const session = sessions.of({ session: query.get('session') ?? '', principal: query.get('principal') ?? '' })
    if ('code' in session) return ERRORS[session.code].http
    const key = query.get('key') ?? ''
    const waiting = waiters.get(key)
    if (!/^[0-9a-f]{32}$/.test(key) || (waiting !== undefined && waiting.session !== session.id)) return ERRORS.SESSION_NOT_FOUND.http
    const older = streams.call(key, session.id)
    const before = older === undefined ? undefined : streams.attachmentOf(older)
    if (older !== undefined) closeQuietly(older, STREAM_CLOSE.REPLACED, 'a newer stream took over')
    // A call that waits for its child's introduction is made anew after that, so that it cannot be taken over.
    const waiter = introductions.isAwaitedBy(key) ? undefined : waiters.moveToStream(key)
    const mark = readMark(query)
    const routed = this.#parts.servedSets.hasAny
      ? (waiting?.group ?? before?.group ?? this.#parts.routedCalls.groupServing(session, query.get('tool')))
      : undefined
    const group = routed ?? groupAt(session, mark, channels)
    const agent = store.channels.get(group)?.agent ?? ''
    const ch = channelName(group, mark?.generation ?? store.channels.get(group)?.generation ?? 0)
    const resume = { ch, after: mark?.n ?? 0, round: this.#nextRound() }
    const probe = query.has('isProbe') ? ({ isProbe: true } as const) : {}
    // If a stream or a waiting call is taken over, an agent has the call.
    const isKnown =
      waiter !== undefined ||
      (before !== undefined && (before.resume === undefined || before.isRunning === true || before.wasSent === true))
    const known = isKnown ? ({ wasSent: true } as const) : {}
    const isInitialize = wasLeft || waiter?.isInitialize === true || before?.isInitialize === true
    const untold = isInitialize ? ({ isInitialize } as const) : {}
    const { id, principal } = session
    streams.accept(socket, { kind: 'call', link, key, group, agent, session: id, principal, resume, ...probe, ...known, ...untold })
    if (waiter !== undefined) clientFrames.handOver(waiter, socket)
    if (this.#parts.heldWaits.takeBack(id, key)) {
      // Nothing was sent, and nothing will be: its client calls again when the owner has decided.
      socket.send(failureFrame(key, { code: 'APPROVAL_PENDING', executed: 'no' }))
      return 101
    }
    const agentLink = links.named(agent)
    if (agentLink !== undefined) this.#ask(agentLink, { key, session: session.id, resume })
    else if (!channels.away().isExpected) socket.send(failureFrame(key, { code: 'AGENT_LOST', executed: 'unknown' }))
    return 101
  }

  /**
   * Asks for what a session's listening stream has not seen: what followed the mark of its client, or without one `untaken`.
   * False when nothing is known to be missing.
   */
  listener(socket: WebSocket, session: Session, group: string, mark: StreamMark | undefined, untaken: ChildPlace | undefined): boolean {
    const { channels, streams } = this.#parts
    const marked = mark === undefined ? undefined : { ch: channelName(groupAt(session, mark, channels), mark.generation), after: mark.n }
    const place = marked ?? untaken
    if (place === undefined) return false
    const current = channels.current(group)
    // An agent of another make keeps nothing: what it says next is all that there is.
    if (current?.link.wire !== undefined) return false
    // Of a child that was started since, the client has seen nothing. An agent that is away is asked when it is back.
    const from = current === undefined || current.ch === place.ch ? place : { ch: current.ch, after: 0 }
    const resume = { ...from, round: this.#nextRound() }
    streams.markResume(socket, resume, mark !== undefined)
    if (current !== undefined) this.#ask(current.link, { session: session.id, resume })
    return true
  }

  /**
   * A listening stream has ended, and no other is there. What its client may not have taken the agent is asked to send again: nobody
   * takes it now, so it is held for the next stream, or beyond what is held the server is told. The next GET stream asks for all of it
   * once more, since some may still be on its way here.
   */
  left(socket: WebSocket, { kind, session = '', group }: StreamAttachment): void {
    const { store, channels, untaken } = this.#parts
    const place = untaken.of(socket, Date.now())
    if (place === undefined || store.sessions.get(session) === undefined) return
    const current = channels.current(group)
    const isHeld = group === session && current?.ch === place.ch
    // Events of HTTP+SSE have no ids, by which what was overtaken could be taken for seen.
    if (kind === 'listen' || !isHeld) untaken.leave(session, place)
    if (isHeld) this.#ask(current.link, { session, resume: place }, false)
  }

  /**
   * Something new has come on a listening stream, perhaps ahead of what is missing there: asks for that once more, with what has just
   * come.
   */
  askAgain(socket: WebSocket): void {
    const { streams, channels } = this.#parts
    const { resume, session, group } = streams.attachmentOf(socket) ?? {}
    if (resume === undefined || session === undefined || group === undefined || resume.stage !== undefined) return
    const current = channels.current(group)
    if (current === undefined || current.ch !== resume.ch) return
    const again = { ...resume, round: this.#nextRound(), stage: 'asked-again' } as const
    streams.markResume(socket, again)
    this.#ask(current.link, { session, resume: again })
  }

  /** An agent is cut off: on listening streams that had caught up with it something may be missing again. */
  cutOff(link: AgentLink): void {
    for (const { socket, attachment } of this.#parts.streams.all()) if (this.#isListening(attachment, link)) this.#behindAgain(socket)
  }

  /** An agent is back: asks it again for what streams have not seen, since the answer to that may be lost. */
  returned(link: AgentLink): void {
    for (const { socket, attachment } of this.#parts.streams.all()) {
      const { resume, session, kind, key, agent } = attachment
      if (resume === undefined || session === undefined || socket.readyState !== WebSocket.OPEN) continue
      const isItsCall = kind === 'call' && agent === link.name && key !== undefined
      if (isItsCall) this.#ask(link, { key, session, resume })
      else if (this.#isListening(attachment, link)) this.#ask(link, { session, resume: this.#behindAgain(socket) ?? resume })
    }
  }

  /** Whether it listens to a child on this link, and something was missing there when it was opened. */
  #isListening({ kind, group, resume }: StreamAttachment, link: AgentLink): boolean {
    return kind === 'listen' && resume !== undefined && groupOf(resume.ch) === group && this.#parts.channels.isCurrent(resume.ch, link)
  }

  /** What was on its way when the link was cut comes again, and what is new behind it; not what was surely taken since the stream was opened. */
  #behindAgain(socket: WebSocket): ResumePlace | undefined {
    const { streams, untaken } = this.#parts
    const { stage, ...place } = streams.attachmentOf(socket)?.resume ?? {}
    if (!('ch' in place) || stage !== 'caught-up') return undefined
    const behind = { ...place, after: untaken.taken(socket, place, Date.now()), wasCaughtUp: true } as const
    streams.markResume(socket, behind)
    return behind
  }

  /** A number that no stream has had before, whether the object has slept since or not. */
  #nextRound(): number {
    this.#round = Math.max(this.#round + 1, Date.now())
    return this.#round
  }

  #ask(
    link: AgentLink,
    { key, session, resume }: { readonly key?: string; readonly session: string; readonly resume: ChildPlace | ResumePlace },
    isOpen = true,
  ): void {
    const { ch, after } = resume
    // What a client has seen has passed through here: the agent need not send it again after a cut.
    sendFrame(link, { type: 'receipt', ch, n: after })
    const translated = link.sessionEra === 'modern' ? ({ isTranslated: true } as const) : {}
    const round = 'round' in resume ? { round: resume.round } : {}
    const call = key === undefined ? undefined : ({ to: 'call', key, session, ...translated } as const)
    const to = encodeReturnAddress({ ...(call ?? { to: 'stream', session }), ...round })
    // A child that serves others too has messages for all of them.
    const isAlone = isOpen && key === undefined && groupOf(ch) === session
    const isSse = key === undefined && this.#parts.store.sessions.get(session)?.transport === 'sse'
    const which = call === undefined ? (isSse ? { calls: sessionCalls(session) } : {}) : { key: call.key, ra: encodeReturnAddress(call) }
    sendFrame(link, { type: 'replay', ch, after, to, ...which, ...(isAlone ? { follow: true } : {}) })
  }
}

/** The group whose child a mark speaks of, or without a mark the one that serves the session now. */
function groupAt(session: Session, mark: StreamMark | undefined, channels: GroupChannels): string {
  return mark === undefined ? channels.groupFor(session) : markedGroup(mark, session.id)
}
