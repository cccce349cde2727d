/** Tells listening clients that their server was started anew, and may offer other tools, prompts and resources than before. */
import { readDiscoverResult, readInitializeResult } from '../../bridge/discover.ts'
import { ALL_LIST_CHANGES, changeMethods, honouredFilter } from '../../bridge/listen.ts'
import { MAX_LEFT_STREAMS, MAX_TOLD_CLIENTS, UNTAKEN_MS } from '../../limits.ts'
import type { StreamControl } from '../../contract/streams.ts'
import type { AgentLinks } from '../agents/links.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { StandbyAnswers } from './standby-answers.ts'
import { type Store } from '../rows/store.ts'
import type { Streams } from '../clients/streams.ts'
import { DEPARTED } from '../rows/link-rows.ts'
import type { AgentLink } from '../agents/agent-link.ts'
import type { StreamAttachment, ToldChanges } from '../clients/stream-attachment.ts'

interface Parts {
  readonly store: Store
  readonly links: AgentLinks
  readonly servedSets: ServedSets
  readonly streams: Streams
  readonly standbyAnswers: StandbyAnswers
}

interface Listening {
  readonly socket: WebSocket
  readonly attachment: StreamAttachment
}

export class RestartNews {
  readonly #parts: Parts
  /** Sessions that were told when the agent came, and need not be told again when their own child is there. */
  readonly #told = new Set<string>()
  /** What sessions were told last on GET streams that have ended since; oldest first. */
  readonly #left = new Map<string, ToldChanges>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * An agent has come: clients whose child does not run on it are told at once. If they are too many they are not, since each
   * would have a child started; they are told with their next request.
   */
  arrived(link: AgentLink): void {
    const concerned = this.#parts.streams.all().filter((listening) => this.#isConcerned(listening, link))
    if (concerned.length > MAX_TOLD_CLIENTS) return
    for (const { socket, attachment } of concerned) {
      this.#tell(socket, attachment.kind, this.#changesFor(attachment))
      const { kind, session } = attachment
      if (session !== undefined && (kind === 'listen' || kind === 'session')) this.#told.add(session)
    }
  }

  /** Agents of the share serve different names, and one of them has come or is lost for good: what is listed of all has changed. */
  namesChanged(): void {
    const concerned = this.#parts.streams.all().filter(isListening)
    if (concerned.length > MAX_TOLD_CLIENTS) return
    for (const { socket, attachment } of concerned) this.#tell(socket, attachment.kind, this.#changesFor(attachment))
  }

  /** A session's child was started anew for a request of its client. */
  restarted(session: string): void {
    if (this.#told.delete(session)) return
    const listener = this.#parts.streams.listener(session)
    if (listener !== undefined) this.#tell(listener, this.#parts.streams.attachmentOf(listener)?.kind, this.#sessionChanges(session))
  }

  /** A session has ended. */
  forget(session: string): void {
    this.#told.delete(session)
    this.#left.delete(session)
  }

  /** A session's GET stream has ended, and no other is there. Kept while the object is awake. */
  streamEnded(session: string, changed: ToldChanges | undefined): void {
    if (changed === undefined || !mayBeUntaken(changed)) return
    this.#left.delete(session)
    this.#left.set(session, changed)
    const [oldest] = this.#left.keys()
    if (this.#left.size > MAX_LEFT_STREAMS && oldest !== undefined) this.#left.delete(oldest)
  }

  /** A session has another GET stream: it is told again what may have gone nowhere on the one before (`before`: of one that is still open). */
  streamOpened(socket: WebSocket, session: string, before: ToldChanges | undefined): void {
    const changed = before ?? this.#left.get(session)
    this.#left.delete(session)
    if (changed !== undefined && mayBeUntaken(changed)) this.#tell(socket, 'listen', changed.methods)
  }

  #tell(socket: WebSocket, kind: StreamAttachment['kind'] | undefined, methods: readonly string[]): void {
    if (methods.length === 0) return
    socket.send(JSON.stringify({ type: 'changed', methods } satisfies StreamControl))
    if (kind === 'listen') this.#parts.streams.markChanged(socket, { methods, atMs: Date.now() })
  }

  #isConcerned({ socket, attachment }: Listening, link: AgentLink): boolean {
    const { session, group } = attachment
    if (!isListening({ socket, attachment })) return false
    const { store, links } = this.#parts
    const record = store.channels.get(group)
    // It began while no agent was there, and knows what an earlier one offered.
    if (record === undefined) return session !== undefined && store.requests.of(session, 'initialize').length > 0
    if (record.agent === link.name) return record.instance !== link.instance
    const other = store.links.get(record.agent)
    return links.named(record.agent) === undefined && (other === undefined || other.instance === DEPARTED)
  }

  #changesFor({ kind, session = '' }: StreamAttachment): readonly string[] {
    switch (kind) {
      case 'subscription':
        return changeMethods(this.#parts.store.bridge.listen(session)?.filter ?? {})
      // Its Worker knows what the client listens for.
      case 'call':
        return changeMethods(ALL_LIST_CHANGES)
      default:
        return this.#sessionChanges(session)
    }
  }

  /** The lists of whose changes the server has declared that it notifies. */
  #sessionChanges(session: string): readonly string[] {
    if (this.#parts.servedSets.hasAny) return changeMethods(ALL_LIST_CHANGES)
    const server = this.#parts.standbyAnswers.server(session)
    if (server === undefined) return []
    const facts = server.era === 'modern' ? readDiscoverResult(server.answer) : readInitializeResult(server.answer)
    return changeMethods(honouredFilter(ALL_LIST_CHANGES, facts?.capabilities ?? {}))
  }
}

/** Whether a stream may be gone on which this was told: as for what a server says (`clients/untaken-messages.ts`). */
function mayBeUntaken({ atMs }: ToldChanges): boolean {
  return Date.now() - atMs < UNTAKEN_MS
}

function isListening({ socket, attachment: { kind, isListen } }: Listening): boolean {
  return socket.readyState === WebSocket.OPEN && (kind === 'listen' || kind === 'session' || kind === 'subscription' || isListen === true)
}
