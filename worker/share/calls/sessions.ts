/** The life of sessions: to whom one belongs, how many there may be, and what ends with it. */
import type { Failure } from '../../../protocol/errors.ts'
import { MAX_SESSIONS } from '../../limits.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import type { ClientFrames } from '../answers/client-frames.ts'
import type { LegacyOnModern } from './legacy-on-modern.ts'
import { closeQuietly } from '../agents/links.ts'
import type { RestartNews } from '../answers/restart-news.ts'
import type { Store } from '../rows/store.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Session } from '../rows/session-rows.ts'

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
  readonly clientFrames: ClientFrames
  readonly legacyOnModern: LegacyOnModern
  readonly restartNews: RestartNews
}

export class Sessions {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** The caller's session. One of another principal does not exist for it. */
  of(caller: Caller): Session | Failure {
    if (this.#parts.store.settings === undefined) return { code: 'SHARE_NOT_FOUND' }
    const session = this.#parts.store.sessions.get(caller.session)
    return session === undefined || session.principal !== caller.principal ? { code: 'SESSION_NOT_FOUND' } : session
  }

  start(caller: Caller, transport: 'http' | 'sse'): Session | Failure {
    const { store } = this.#parts
    const known = store.sessions.get(caller.session)
    if (known !== undefined) return this.of(caller)
    if (store.sessions.count() >= MAX_SESSIONS && !this.#forgetOldest()) return { code: 'SHARE_BUSY', executed: 'no', retryAfterMs: 60_000 }
    return store.sessions.start(caller.session, caller.principal, transport, Date.now())
  }

  /** Ends a session, its child, and what waits for it. */
  end(id: string): void {
    const { channels, store, streams, waiters, clientFrames } = this.#parts
    if (store.settings === undefined) return
    channels.close(id)
    for (const { key } of waiters.where(({ session }) => session === id))
      clientFrames.fail(key, { code: 'CHANNEL_CLOSED', executed: 'unknown' })
    const listener = streams.listener(id)
    if (listener !== undefined) closeQuietly(listener, STREAM_CLOSE.ENDED, 'the session has ended')
    const session = store.sessions.get(id)
    if (session !== undefined) this.#parts.legacyOnModern.end(session)
    store.endSession(id)
    this.#parts.restartNews.forget(id)
  }

  /** Forgets the oldest session that no client waits on. */
  #forgetOldest(): boolean {
    const { store, streams, waiters } = this.#parts
    const busy = new Set(waiters.where(() => true).map(({ session }) => session))
    const oldest = store.sessions.ids().find((id) => !busy.has(id) && streams.listener(id) === undefined)
    if (oldest !== undefined) this.end(oldest)
    return oldest !== undefined
  }
}
