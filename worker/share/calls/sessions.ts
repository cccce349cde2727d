/** The life of sessions: to whom one belongs, how many there may be, and what ends with it. */
import type { Failure } from '../../../protocol/errors.ts'
import { ANONYMOUS } from '../../../protocol/handshake.ts'
import {
  LEFT_SESSION_MS,
  MAX_ANONYMOUS_SESSIONS,
  MAX_BROKEN_SESSIONS,
  MAX_HANDSHAKE_BYTES,
  MAX_KEPT_BYTES_OF_PRINCIPAL,
  MAX_KEPT_BYTES_OF_SESSION,
  MAX_SESSIONS,
  MAX_SESSIONS_OF_PRINCIPAL,
} from '../../limits.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import { apartInSession, type RootOf } from '../../contract/trust/principals.ts'
import type { Caller, SessionCallRequest } from '../../contract/share-rpc.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import type { ClientFrames } from '../answers/client-frames.ts'
import type { LegacyOnModern } from './legacy-on-modern.ts'
import type { RestartNews } from '../answers/restart-news.ts'
import { isSameRequest, type KeptRequest, keptRequest } from '../rows/kept-requests.ts'
import type { Store } from '../rows/store.ts'
import type { HeldWaits } from '../clients/held-waits.ts'
import type { PostedCalls } from '../clients/posted-calls.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Session } from '../rows/session-rows.ts'
import { closeQuietly } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly clientFrames: ClientFrames
  readonly legacyOnModern: LegacyOnModern
  readonly restartNews: RestartNews
  readonly heldWaits: HeldWaits
  readonly postedCalls: PostedCalls
  /** Has `sweep` called by then. */
  readonly alarmBy: (timeMs: number) => void
  /** As which a principal counts, and all principals that count as one. */
  readonly rootOf: RootOf
  readonly allOf: (root: string) => readonly string[]
}

const SESSIONS_WITHIN_BYTES = MAX_KEPT_BYTES_OF_PRINCIPAL / MAX_KEPT_BYTES_OF_SESSION

const decoder = new TextDecoder()

export class Sessions {
  readonly #parts: Parts
  /** Over HTTP+SSE, whose clients left before initialize was answered. In memory: after sleep their time is over. */
  readonly #unanswered = new Set<string>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** The caller's session. One of another principal does not exist for it. */
  of(caller: Caller): Session | Failure {
    const { store } = this.#parts
    if (store.settings === undefined) return { code: 'SHARE_NOT_FOUND' }
    const session = store.sessions.get(caller.session)
    if (session === undefined) return { code: 'SESSION_NOT_FOUND' }
    if (session.principal !== caller.principal) return this.#claimed(session, caller)
    // Its client is there, whatever was thought of it. Over HTTP+SSE it hears nothing until it has opened its stream.
    if (session.transport === 'http') store.left.drop(session.id)
    return session
  }

  /** A session that has begun without a credential for the server is from then on its client's alone that shows one in it. Any other of another principal does not exist. */
  #claimed(session: Session, caller: Caller): Session | Failure {
    if (caller.principal !== apartInSession(session.principal, session.id)) return { code: 'SESSION_NOT_FOUND' }
    const { sessions, requests } = this.#parts.store
    sessions.claim(session.id, caller.principal)
    requests.moved(session.principal, caller.principal)
    return this.of(caller)
  }

  /** Starts the session of an initialize request, or finds the HTTP+SSE session that its stream has started. */
  begin(request: SessionCallRequest): Session | Failure {
    const { store } = this.#parts
    if (request.size > MAX_HANDSHAKE_BYTES) return { code: 'BODY_TOO_LARGE', detail: 'initialize may have 256 KiB' }
    const session = request.delivery === 'session' ? this.of(request) : this.start(request, 'http', request.size)
    if ('code' in session) return session
    const kept = keptRequest(request, '')
    if (request.delivery === 'session' && session.restarted && request.isResend !== true) {
      // Its client begins anew after all: the session whose stream broke is nothing to it.
      store.requests.drop(session.id, session.principal)
      store.sessions.clearRestarted(session.id)
    }
    if (request.isRetry === true) store.requests.keep(session.id, 'initialize', kept)
    else store.requests.begin(session.id, session.principal, kept)
    this.#endGivenUp(session, kept)
    return session
  }

  /** A client that begins as one has that left before it was answered does not come back for that: the agent keeps its process for this one. */
  #endGivenUp({ id: own, principal }: Session, kept: KeptRequest): void {
    const { left, requests } = this.#parts.store
    for (const id of this.#unanswered.size === 0 ? [] : left.of(principal))
      if (id !== own && this.#unanswered.has(id) && requests.of(id, 'initialize').some((one) => isSameRequest(one, kept))) this.end(id)
  }

  /** Whether its principal has since begun another in the same words. */
  #isBegunAnew(id: string): boolean {
    const { sessions, requests } = this.#parts.store
    const [own] = requests.of(id, 'initialize')
    // The handshake of one that is marked so may be a copy.
    const later =
      own === undefined ? [] : sessions.successorsOf(id, MAX_BROKEN_SESSIONS).filter((one) => sessions.get(one)?.restarted === false)
    return later.some((one) => requests.of(one, 'initialize').some((kept) => own !== undefined && isSameRequest(own, kept)))
  }

  /** Starts the caller's session, or finds it. `bytes`: of what will be kept for it. */
  start(caller: Caller, transport: 'http' | 'sse', bytes = 0): Session | Failure {
    const { store } = this.#parts
    const known = store.sessions.get(caller.session)
    if (known !== undefined) return this.of(caller)
    const broken = transport === 'sse' ? this.#broken(caller.principal) : undefined
    // Whoever begins anew does not come back for a session of which it was not told. A stream that broke may be another client's by the same link.
    for (const id of store.left.of(caller.principal)) if (store.sessions.get(id)?.transport === 'http') this.end(id)
    if (!this.#makeRoom(caller.principal, bytes)) return { code: 'SHARE_BUSY', executed: 'no', retryAfterMs: 60_000 }
    const session = store.sessions.start(caller.session, caller.principal, transport, Date.now())
    if (broken === undefined || store.sessions.get(broken.id) === undefined) return session
    // Its handshake, until the client sends one of its own.
    store.requests.copy(broken.id, session.id, broken.isSole)
    store.sessions.markRestarted(session.id)
    this.left(broken.id, Date.now(), this.#unanswered.has(broken.id))
    return { ...session, restarted: true }
  }

  /**
   * The newest of a principal's sessions over HTTP+SSE whose stream broke, and whether it is the only one: what a client goes on with
   * that opens a stream again without saying which, and posts on without `initialize`. None where they began differently.
   */
  #broken(principal: string): { readonly id: string; readonly isSole: boolean } | undefined {
    const { store, streams } = this.#parts
    const ids = store.sessions.newestOverSse(principal, MAX_BROKEN_SESSIONS).filter((id) => streams.listener(id) === undefined)
    const begun = ids.flatMap((id) => store.requests.of(id, 'initialize').map(({ body }) => ({ id, body: decoder.decode(body) })))
    const [newest] = begun
    const isOne = newest !== undefined && begun.every(({ body }) => body === newest.body)
    return isOne ? { id: newest.id, isSole: begun.length === 1 } : undefined
  }

  /** The caller ends its session; false when it has no such. */
  leave(caller: Caller): boolean {
    const session = this.of(caller)
    if ('code' in session) return false
    this.end(session.id)
    return true
  }

  /** Ends a session, its child, and what waits for it. */
  end(id: string): void {
    const { channels, store, streams, waiters, clientFrames } = this.#parts
    if (store.settings === undefined) return
    channels.close(id)
    store.channels.besides(id).forEach((group) => channels.close(group))
    for (const { key } of waiters.where(({ session }) => session === id))
      clientFrames.fail(key, { code: 'CHANNEL_CLOSED', executed: 'unknown' })
    const listener = streams.listener(id)
    if (listener !== undefined) closeQuietly(listener, STREAM_CLOSE.ENDED, 'the session has ended')
    const session = store.sessions.get(id)
    if (session !== undefined) this.#parts.legacyOnModern.end(session)
    this.#parts.heldWaits.end(id)
    this.#parts.postedCalls.dropOf(id)
    this.#unanswered.delete(id)
    store.endSession(id)
    this.#parts.restartNews.forget(id)
  }

  /**
   * The client of a session has left before it was told how initialize ended, or nobody can tell whether it has; or the stream
   * of HTTP+SSE is closed, which an event source opens again by itself. `isUnanswered`: before it was told how initialize ended.
   */
  left(id: string, nowMs: number, isUnanswered = false): void {
    const { store, streams, alarmBy } = this.#parts
    const session = store.sessions.get(id)
    // One over HTTP+SSE lives as long as its stream.
    if (session === undefined || (session.transport === 'sse' && streams.listener(id) !== undefined)) return
    // Its client may have tried anew before its leaving was noticed: that one does not come back.
    const isTriedAnew = session.transport === 'http' ? store.sessions.isSucceeded(id) : isUnanswered && this.#isBegunAnew(id)
    if (isTriedAnew) return this.end(id)
    if (session.transport === 'sse' && isUnanswered) this.#unanswered.add(id)
    else this.#unanswered.delete(id)
    store.left.put(id, session.principal, nowMs + LEFT_SESSION_MS)
    alarmBy(nowMs + LEFT_SESSION_MS)
  }

  /** Ends the sessions whose clients have not come back in time; returns when to look next, in milliseconds since 1970. */
  sweep(nowMs: number): number | undefined {
    const { store } = this.#parts
    for (const id of store.left.endingBy(nowMs)) {
      const session = store.sessions.get(id)
      const keptUntilMs = session === undefined ? undefined : this.#keptUntilMs(session, nowMs)
      if (session !== undefined && keptUntilMs !== undefined) store.left.put(id, session.principal, keptUntilMs)
      else this.end(id)
    }
    return store.left.nextMs()
  }

  /** Until when a session that was left goes on: its client was there after all, or its server runs a task for it. */
  #keptUntilMs(session: Session, nowMs: number): number | undefined {
    if (this.#isAwaited(session)) return nowMs + LEFT_SESSION_MS
    return session.transport === 'sse' ? this.#parts.store.tasks.endOfPlace(session.id, nowMs) : undefined
  }

  /** Whether a Worker waits for something of this session: that its client is gone was a mistake then. */
  #isAwaited(session: Session): boolean {
    const { channels, streams, waiters } = this.#parts
    if (streams.listener(session.id) !== undefined || waiters.where((waiter) => waiter.session === session.id).length > 0) return true
    return streams.callsOfGroup(channels.groupFor(session)).some((socket) => streams.attachmentOf(socket)?.session === session.id)
  }

  /**
   * Forgets sessions: the principal's own oldest while it has too many, or too much is kept for them; of a share that is full, the oldest of
   * who has most. All that count as one have theirs together. Fewer sessions than the bounds cannot break them, and are not counted.
   */
  #makeRoom(principal: string, bytes: number): boolean {
    const { store, rootOf, allOf } = this.#parts
    const { sessions, requests } = store
    if (sessions.count() < SESSIONS_WITHIN_BYTES) return true
    const root = rootOf(principal)
    const all = allOf(root)
    const most = root === ANONYMOUS ? MAX_ANONYMOUS_SESSIONS : MAX_SESSIONS_OF_PRINCIPAL
    const hasMany = sessions.count() >= most && sessions.countOf(all) >= most
    if (hasMany && !this.#forgetOldest(sessions.idsOf(all))) return false
    // Of sessions without a credential so little is kept that their number bounds it.
    const keptBytes = (): number => (root === ANONYMOUS ? 0 : all.reduce((sum, one) => sum + requests.bytesOf(one), 0))
    while (sessions.count() >= SESSIONS_WITHIN_BYTES && keptBytes() + bytes > MAX_KEPT_BYTES_OF_PRINCIPAL)
      if (!this.#forgetOldest(sessions.idsOf(all))) return false
    return sessions.count() < MAX_SESSIONS || this.#forgetOldest(sessions.idsOf(allOf(this.#greediest() ?? root)))
  }

  /** Who has most sessions. */
  #greediest(): string | undefined {
    const counts = new Map<string, number>()
    for (const { principal, count } of this.#parts.store.sessions.counts()) {
      const root = this.#parts.rootOf(principal)
      counts.set(root, (counts.get(root) ?? 0) + count)
    }
    return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0]
  }

  /** Forgets the first of these sessions that no client waits on. */
  #forgetOldest(ids: readonly string[]): boolean {
    const { streams, waiters } = this.#parts
    const busy = new Set(waiters.where(() => true).map(({ session }) => session))
    const oldest = ids.find((id) => !busy.has(id) && streams.listener(id) === undefined)
    if (oldest !== undefined) this.end(oldest)
    return oldest !== undefined
  }
}
