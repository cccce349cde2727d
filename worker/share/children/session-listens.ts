/** The subscriptions/listen that each session of the handshake era has on a child without sessions: opens it, replaces it, cancels it. */
import { envelopeMembers, readDiscoverResult, readInitializeRequest } from '../../bridge/discover.ts'
import { modernRequest } from '../../bridge/legacy-to-modern.ts'
import { honouredFilter } from '../../bridge/listen.ts'
import { randomKey } from '../../call-key.ts'
import { MAX_LISTEN_BYTES } from '../../limits.ts'
import { RELAY_ID } from './channel-opener.ts'
import type { GroupChannel } from './group-channels.ts'
import { encodeReturnAddress } from '../../contract/return-address.ts'
import type { Store } from '../rows/store.ts'
import type { MessageSender } from '../agents/message-sender.ts'
import type { AgentLink } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly sender: MessageSender
}

/** A listen in a session's name. */
interface SessionListen {
  readonly ch: string
  /** Key of the call that listens; empty while there is none. */
  readonly key: string
  /** What it asks for, as JSON text. */
  readonly filter: string
}

const NONE: SessionListen = { ch: '', key: '', filter: '' }

const encoder = new TextEncoder()

/** A listen for nothing is none. */
const NOTHING = '{}'

export class SessionListens {
  readonly #parts: Parts
  /** By session, once read from the rows. */
  readonly #known = new Map<string, SessionListen>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Makes the session listen to this channel, if it does not yet. */
  ensure(session: string, channel: GroupChannel, link: AgentLink): void {
    if (this.#listen(session).ch !== channel.ch) this.renew(session, channel, link)
  }

  /** The session's subscriptions have changed: opens a new listen, then cancels the older one. False when it would be too large. */
  renew(session: string, { ch, group }: GroupChannel, link: AgentLink): boolean {
    const before = this.#listen(session)
    const filter = this.#filter(session, group)
    if (filter.length > MAX_LISTEN_BYTES) return false
    if (before.ch === ch && before.filter === filter && before.key !== '') return true
    const key = filter === NOTHING ? '' : randomKey()
    if (key !== '') this.#open(session, ch, link, key, filter)
    this.#keep(session, { ch, key, filter })
    // The new one was opened first, so that no change is missed between the two.
    if (before.ch === ch && before.key !== '') this.#parts.sender.cancel(link, ch, randomKey(), before.key)
    return true
  }

  /** A listen was answered or has failed. One that the child has refused is not repeated to the same child. */
  ended(session: string, key: string, isRefused: boolean): void {
    const listen = this.#listen(session)
    if (key === '' || listen.key !== key || this.#parts.store.sessions.get(session) === undefined) return
    this.#keep(session, isRefused ? { ...listen, key: '' } : NONE)
  }

  /** The session has ended; a child that serves others as well is told. */
  end(session: string, current: { readonly ch: string; readonly link: AgentLink } | undefined): void {
    const listen = this.#listen(session)
    if (current !== undefined && listen.key !== '' && listen.ch === current.ch)
      this.#parts.sender.cancel(current.link, listen.ch, randomKey(), listen.key)
    this.#known.delete(session)
  }

  #listen(session: string): SessionListen {
    const known = this.#known.get(session)
    if (known !== undefined) return known
    const [row] = this.#parts.store.requests.of(session, 'listen')
    const [ch = '', key = ''] = row?.name.split(' ') ?? []
    const listen = row === undefined ? NONE : { ch, key, filter: new TextDecoder().decode(row.body) }
    this.#known.set(session, listen)
    return listen
  }

  #keep(session: string, listen: SessionListen): void {
    this.#known.set(session, listen)
    const body = encoder.encode(listen.filter)
    this.#parts.store.requests.keep(session, 'listen', { name: `${listen.ch} ${listen.key}`, body, idFrom: 0, idTo: 0 })
  }

  /** All that the server can notify, of what a session of the handshake era gets without asking, and the session's subscriptions. */
  #filter(session: string, group: string): string {
    const { store } = this.#parts
    const snapshot = store.channels.snapshot(group)
    const capabilities = snapshot === undefined ? undefined : readDiscoverResult(snapshot)?.capabilities
    const uris = store.requests.of(session, 'subscribe').map(({ name }) => name)
    const lists = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true } as const
    const wanted = uris.length === 0 ? lists : { ...lists, resourceSubscriptions: uris }
    return JSON.stringify(honouredFilter(wanted, capabilities ?? {}))
  }

  #open(session: string, ch: string, link: AgentLink, key: string, filter: string): void {
    const { store, sender } = this.#parts
    const [initialize] = store.requests.of(session, 'initialize')
    const client = readInitializeRequest(initialize?.body ?? encoder.encode('{}'))
    const text = modernRequest('0', 'subscriptions/listen', envelopeMembers(client, false, undefined), { notifications: filter })
    const body = encoder.encode(text)
    const ra = encodeReturnAddress({ to: 'listen', session })
    sender.send(
      link,
      { type: 'call', ch, key, method: 'subscriptions/listen', id: [RELAY_ID.idFrom, RELAY_ID.idTo], ra, tag: key, size: body.length },
      body,
    )
  }
}
