/** What the owner is told of the share's clients, and how one of them is ended by its owner: with its streams, calls and child. Others notice nothing. */
import { findPath, rootOf, scalarAt } from '../../bridge/json-view.ts'
import type { ClientFacts, ClientOrder } from '../../contract/client-facts.ts'
import { isBridgedGroup, isModernGroup, clientsGroup } from '../../contract/groups.ts'
import { RELAY_PRINCIPAL } from '../../contract/pinned-server.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import { MAX_SESSIONS } from '../../limits.ts'
import { Newest } from '../../newest.ts'
import { MAX_LISTED_CLIENTS } from '../../usage-limits.ts'
import type { ClientFrames } from '../answers/client-frames.ts'
import type { Sessions } from '../calls/sessions.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { Subscriptions } from '../children/subscriptions.ts'
import type { Turns } from '../children/turns.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { EndedCall } from '../clients/running-calls.ts'
import type { NewAuditEvent } from '../rows/audit-rows.ts'
import type { StartedSession } from '../rows/session-rows.ts'
import type { Store } from '../rows/store.ts'
import { shownText } from './shown-text.ts'
import { closeQuietly } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly sessions: Sessions
  readonly channels: GroupChannels
  readonly subscriptions: Subscriptions
  readonly turns: Turns
  readonly streams: Streams
  readonly waiters: Waiters
  readonly clientFrames: ClientFrames
}

/** Of a session's id, half: 65 bits tell sessions apart, and the 63 that are not shown cannot be guessed. */
const SHOWN_ID_CHARS = 13

/** What its owner has ended was under way, and may have run. */
const ENDED = { code: 'CHANNEL_CLOSED', executed: 'unknown', detail: 'The owner of the share has ended this session.' } as const

export class ClientList {
  readonly #parts: Parts
  /** When each session, or group by the name that its clients have for it, has made its last call. */
  readonly #lastCalls = new Newest<number>(MAX_SESSIONS)
  /** What clients of sessions say of themselves, as far as that was shown lately. */
  readonly #names = new Newest<string>(MAX_LISTED_CLIENTS)

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A client calls. */
  called(request: CallRequest, nowMs: number): void {
    this.#lastCalls.set('session' in request ? request.session : request.group, nowMs)
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#lastCalls.clear()
    this.#names.clear()
  }

  obey(order: ClientOrder): readonly ClientFacts[] {
    if (this.#parts.store.settings === undefined) return []
    return order.op === 'clients' ? this.#all() : this.#end(order.id)
  }

  /** The newest sessions, newest first, and all groups whose child lives. */
  #all(): ClientFacts[] {
    const groups = this.#groups().slice(0, MAX_LISTED_CLIENTS)
    const sessions = this.#parts.store.sessions.newest(MAX_LISTED_CLIENTS).filter(({ principal }) => principal !== RELAY_PRINCIPAL)
    return [...sessions.map((session) => this.#sessionFacts(session)), ...groups]
  }

  #groups(): ClientFacts[] {
    return this.#ownedGroups().map(({ group, owner: principal }) => {
      const lastCallAtMs = this.#lastCalls.get(group.slice(group.indexOf('-') + 1))
      return { ...this.#servedBy(group), id: shownId(group), kind: 'group', principal, transport: 'http', ...timeOf({ lastCallAtMs }) }
    })
  }

  /** Clients that share one child with everybody are nobody's group. */
  #ownedGroups(): { readonly group: string; readonly owner: string }[] {
    return this.#parts.store.channels
      .owned()
      .filter(
        ({ group, owner }) => (isModernGroup(group) || isBridgedGroup(group)) && clientsGroup(group) === group && owner !== RELAY_PRINCIPAL,
      )
  }

  #sessionFacts(session: StartedSession): ClientFacts {
    const { id, principal, transport, startedAtMs } = session
    const group = this.#parts.channels.groupFor(session)
    return {
      ...this.#servedBy(group),
      ...this.#introduction(id),
      id: shownId(id),
      kind: 'session',
      principal,
      transport,
      startedAtMs,
      ...timeOf({ lastCallAtMs: this.#lastCalls.get(id) }),
    }
  }

  #servedBy(group: string): Pick<ClientFacts, 'agent'> {
    const agent = this.#parts.channels.current(group)?.link.name
    return agent === undefined ? {} : { agent }
  }

  /** What an owner is shown of a session, and of what its client says of itself. */
  shownSession(session: string): Pick<NewAuditEvent, 'session' | 'client'> {
    const client = this.#nameOf(session)
    return { session: shownId(session), ...(client === undefined ? {} : { client }) }
  }

  /** What an owner is shown of a call that has ended. */
  shown({ session, principal, method, tool, ...call }: EndedCall): NewAuditEvent {
    return {
      ...call,
      at: call.at === 0 ? Date.now() : call.at,
      principal,
      ...(session === undefined ? {} : this.shownSession(session)),
      method: shownText(method),
      ...(tool === undefined ? {} : { tool: shownText(tool) }),
    }
  }

  /** Name and version of a session's client; read once, and known for a while after its end. */
  #nameOf(session: string): string | undefined {
    const known = this.#names.get(session)
    if (known !== undefined) return known === '' ? undefined : known
    const { name, version } = this.#introduction(session)
    const label = shownText([name, version].filter((text) => text !== undefined).join(' '))
    this.#names.set(session, label)
    return label === '' ? undefined : label
  }

  /** What its client said of itself in `initialize`. */
  #introduction(session: string): Pick<ClientFacts, 'revision' | 'name' | 'version'> {
    const [kept] = this.#parts.store.requests.of(session, 'initialize')
    if (kept === undefined) return {}
    const { body } = kept
    const textOf = (...path: readonly string[]): string | undefined => {
      const value = scalarAt(body, findPath(body, rootOf(body), 'params', ...path))
      return typeof value === 'string' ? shownText(value) : undefined
    }
    const [revision, name, version] = [textOf('protocolVersion'), textOf('clientInfo', 'name'), textOf('clientInfo', 'version')]
    return {
      ...(revision === undefined ? {} : { revision }),
      ...(name === undefined ? {} : { name }),
      ...(version === undefined ? {} : { version }),
    }
  }

  /** The clients that were ended: one at most. */
  #end(id: string): ClientFacts[] {
    if (id.length !== SHOWN_ID_CHARS) return []
    const { store, streams, waiters, clientFrames, sessions } = this.#parts
    const session = store.sessions.beginningWith(id)
    if (session === undefined) return this.#endGroup(id)
    const facts = this.#sessionFacts(session)
    for (const { attachment } of streams.all())
      if (attachment.kind === 'call' && attachment.session === session.id) clientFrames.fail(attachment.key ?? '', ENDED)
    for (const { key } of waiters.where((waiter) => waiter.session === session.id)) clientFrames.fail(key, ENDED)
    sessions.end(session.id)
    return [facts]
  }

  /** Its clients may begin anew: only their link says who may come. */
  #endGroup(id: string): ClientFacts[] {
    const { store } = this.#parts
    const group = this.#ownedGroups().find((owned) => shownId(owned.group) === id)?.group
    if (group === undefined) return []
    const facts = this.#groups().filter((client) => client.id === id)
    for (const one of [group, ...store.channels.routed(group)]) this.#endChild(one)
    return facts
  }

  #endChild(group: string): void {
    const { channels, streams, waiters, clientFrames, subscriptions, turns } = this.#parts
    for (const { key } of waiters.where((waiter) => waiter.group === group)) clientFrames.fail(key, ENDED)
    for (const socket of streams.callsOfGroup(group)) {
      const attachment = streams.attachmentOf(socket)
      if (attachment?.kind === 'call') clientFrames.fail(attachment.key ?? '', ENDED)
      else closeQuietly(socket, STREAM_CLOSE.ENDED, 'the owner of the share has ended it')
    }
    subscriptions.endAll(group)
    channels.close(group)
    turns.childGone(group)
  }
}

function shownId(id: string): string {
  return id.slice(0, SHOWN_ID_CHARS)
}

function timeOf({ lastCallAtMs }: { readonly lastCallAtMs: number | undefined }): Pick<ClientFacts, 'lastCallAtMs'> {
  return lastCallAtMs === undefined ? {} : { lastCallAtMs }
}
