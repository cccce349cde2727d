/** Finds the client that a message of an agent is for, from the frame's header alone. Sends nothing. */
import type { Ask, Chunk, Notification } from '../../../protocol/frame.ts'
import { childNotificationVerdict } from '../../bridge/legacy-to-modern.ts'
import { isExtensionNotification } from '../../bridge/names.ts'
import { decodeReturnAddress, type ReturnAddress } from '../../contract/return-address.ts'
import { clientsGroup, groupOf, isBesideGroup, isBridgedGroup, isModernGroup, isRoutedGroup, SHARED_GROUP } from '../../contract/groups.ts'
import { type Store } from '../rows/store.ts'
import type { Streams } from '../clients/streams.ts'
import type { Subscriptions } from '../children/subscriptions.ts'
import type { Waiter, Waiters } from '../clients/waiters.ts'

/** Where a message goes. `hold`: nobody can take it yet, the agent keeps it. `judge`: an ask of which somebody must find out whose it is; `call` is certain. */
export type Target =
  /** `isOverheard`: they listen to another child, whose credit waits for them. `absent`: sessions that should hear of it, and have no stream. */
  | { readonly kind: 'sockets'; readonly sockets: readonly WebSocket[]; readonly isOverheard?: true; readonly absent?: readonly string[] }
  | { readonly kind: 'waiter'; readonly waiter: Waiter }
  | { readonly kind: 'hold' }
  | { readonly kind: 'judge'; readonly call?: string }
  | { readonly kind: 'drop' }

export type Message = Notification | Ask

const DROP: Target = { kind: 'drop' }
const HOLD: Target = { kind: 'hold' }

interface Parts {
  readonly store: Store
  readonly streams: Streams
  readonly waiters: Waiters
  readonly subscriptions: Subscriptions
}

export class Routing {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Where the answer to a call goes. */
  answerTarget(address: ReturnAddress | undefined): Target {
    if (address === undefined || address.to === 'relay' || address.to === 'listen') return DROP
    if (address.to === 'stream') return this.#listenerTarget(address.session) ?? DROP
    // The stream of an HTTP+SSE session may be attaching again; the agent keeps the answer until it has.
    if (address.to === 'session')
      return this.#listenerTarget(address.session) ?? (this.#parts.store.sessions.get(address.session) ? HOLD : DROP)
    const waiter = this.#parts.waiters.get(address.key)
    if (waiter !== undefined) return { kind: 'waiter', waiter }
    const socket = this.#parts.streams.call(address.key, address.session)
    return socket === undefined ? DROP : { kind: 'sockets', sockets: [socket] }
  }

  /** Where a notification or a request of the child goes. */
  messageTarget(header: Message): Target {
    const group = groupOf(header.ch)
    const address = decodeReturnAddress(header.ra)
    if (address?.to === 'listen') return this.#sessionTarget(header, address.session, group)
    const call = this.#callTarget(header.ra)
    const isProgress = header.type === 'notification' && header.method === 'notifications/progress'
    if (isProgress && header.sure) return call ?? DROP
    // Of a task, whose call is answered: its session's client still knows the token.
    if (isProgress) return (header.ra === undefined ? this.#listenerTarget(clientsGroup(group)) : undefined) ?? DROP
    // What is said there of itself by a child of another agent than its clients' concerns nobody.
    if (isBesideGroup(group)) return DROP
    if (clientsGroup(group) === SHARED_GROUP) return this.#sharedTarget(header, group, call)
    if (isBridgedGroup(group)) return this.#bridgedTarget(header, group, call)
    // Clients without sessions have no streams but those of calls, and it must not be guessed whose a message is.
    if (isModernGroup(group)) return header.sure ? (call ?? DROP) : DROP
    const listener = this.#listenerTarget(clientsGroup(group), isRoutedGroup(group))
    // What belongs to no call must not go onto a call's stream (MCP 2025-11-25, basic/transports, listening for messages).
    if (header.type !== 'ask' && header.method !== 'notifications/message') return listener ?? HOLD
    // The client may come back for the stream that it has left; an ask must not be lost until then.
    const isLeft = header.sure && call === undefined && address?.to === 'call' && address.session !== undefined
    if (isLeft) return header.type === 'ask' ? HOLD : DROP
    return (header.sure ? (call ?? listener) : (listener ?? call)) ?? HOLD
  }

  /** Where a message goes that was sent again for one stream (`to`): onto that stream if it belongs there, else nowhere. */
  againTarget(to: string, target: Target): Target {
    // A Worker has called again meanwhile, and nobody else waits for it.
    if (target.kind === 'waiter') return target
    const address = decodeReturnAddress(to)
    // The stream has closed meanwhile, and the next one gets what waits.
    if (target.kind === 'hold' && address?.to === 'stream') return target
    const sockets = this.againSockets(address)
    if (target.kind !== 'sockets' || sockets.length === 0) return DROP
    return sockets.every((socket) => target.sockets.includes(socket)) ? { kind: 'sockets', sockets } : DROP
  }

  /** The stream for which something is sent again, unless its client has left it since. */
  againSockets(address: ReturnAddress | undefined): readonly WebSocket[] {
    const stream = this.answerTarget(address)
    return stream.kind === 'sockets' ? stream.sockets.filter((socket) => this.isOfThisRound(socket, address)) : []
  }

  /**
   * Whether what is sent again for this address is for the stream as it is, and not for one that its client has left since. On a stream
   * on which nothing is missing it is as good as what is new. Agents of another make send nothing again, and name a call's stream alone.
   */
  isOfThisRound(socket: WebSocket, address: ReturnAddress | undefined): boolean {
    const current = this.#parts.streams.attachmentOf(socket)?.resume?.round
    const round = address !== undefined && 'round' in address ? address.round : undefined
    return current === undefined || round === current || (round === undefined && address?.to === 'call')
  }

  /** An ask for roots is about the group, and not about its call. One of a call whose client is being asked already is held until the retry. */
  #bridgedTarget(header: Message, group: string, call: Target | undefined): Target {
    if (header.type === 'ask') {
      if (header.method !== 'roots/list') return header.sure ? (call ?? HOLD) : { kind: 'judge' }
      const address = decodeReturnAddress(header.ra)
      return header.sure && address?.to === 'call' ? { kind: 'judge', call: address.key } : { kind: 'judge' }
    }
    // Of a call, or of nobody: it must not be guessed whose they are.
    const isOfCall = header.method === 'notifications/message' || isExtensionNotification(header.method)
    if (isOfCall) return header.sure ? (call ?? DROP) : DROP
    const main = clientsGroup(group)
    const sockets = this.#parts.subscriptions.wanting(main, header.method, header.uri)
    return main === group ? { kind: 'sockets', sockets } : { kind: 'sockets', sockets, isOverheard: true }
  }

  /** What a child says in answer to the listen of one session. A child that serves others too holds nothing for it. */
  #sessionTarget({ method }: Message, session: string, group: string): Target {
    const { store, streams } = this.#parts
    if (childNotificationVerdict(method) === 'drop' || store.sessions.get(session) === undefined) return DROP
    const target = this.#listenerTarget(session)
    if (target !== undefined) return target
    return group === session || streams.listeners(group).length === 0 ? HOLD : DROP
  }

  /** A shared child's messages go to the sessions that they concern; log messages, and what nobody here knows, to nobody once it has served two. */
  #sharedTarget(header: Message, group: string, call: Target | undefined): Target {
    if (header.type === 'ask') return DROP
    const { store, streams } = this.#parts
    if (header.method === 'notifications/resources/updated') {
      const sockets = store.requests.subscribers(header.uri ?? '').flatMap((session) => streams.listener(session) ?? [])
      return { kind: 'sockets', sockets, ...(group === SHARED_GROUP ? {} : { isOverheard: true }) }
    }
    if (header.type === 'notification' && header.task !== undefined) {
      const owners = store.tasks.inGroup(SHARED_GROUP, header.task, Date.now()).map(({ place }) => place)
      const absent = owners.filter((place) => streams.listener(place) === undefined)
      return { kind: 'sockets', sockets: owners.flatMap((place) => streams.listener(place) ?? []), absent }
    }
    if (header.method.endsWith('/list_changed')) {
      // Of an agent that serves some names: all sessions are listed them, whichever agent is their own.
      const isRouted = group !== SHARED_GROUP
      const sockets = isRouted
        ? streams.all().flatMap(({ socket, attachment: { kind } }) => (kind === 'listen' || kind === 'session' ? [socket] : []))
        : streams.listeners(SHARED_GROUP)
      if (isRouted) return { kind: 'sockets', sockets, isOverheard: true }
      return sockets.length === 0 ? HOLD : { kind: 'sockets', sockets }
    }
    if (group !== SHARED_GROUP) return header.sure ? (call ?? DROP) : DROP
    if (store.sessions.hasSeveral()) return DROP
    if (header.sure && call !== undefined) return call
    // It might be about a session that has ended: only if the child has served one session is it certainly this one's.
    const { session } = store.sole
    const listener = session === undefined ? undefined : streams.listener(session)
    return listener === undefined ? DROP : { kind: 'sockets', sockets: [listener] }
  }

  /** The stream of the call a message belongs to, when there is one that can take more than the answer. */
  #callTarget(ra: string | undefined): Target | undefined {
    const target = this.answerTarget(decodeReturnAddress(ra))
    if (target.kind === 'waiter') return target.waiter.canStream ? target : undefined
    return target.kind === 'sockets' ? target : undefined
  }

  /**
   * Where a chunk goes whose first frame came before the object hibernated: to its call, or to all who listen. Workers ignore
   * chunks of messages whose first frame they have not had.
   */
  rememberedTarget({ ch, ra }: Chunk): Target {
    const call = this.answerTarget(decodeReturnAddress(ra))
    const group = groupOf(ch)
    const listeners = this.#parts.streams.listeners(group)
    return { kind: 'sockets', sockets: call.kind === 'sockets' ? [...new Set([...call.sockets, ...listeners])] : listeners }
  }

  /** `isOverheard`: it is told by a child of another agent than the session's own. */
  #listenerTarget(session: string, isOverheard = false): Extract<Target, { kind: 'sockets' }> | undefined {
    const socket = this.#parts.streams.listener(session)
    return socket === undefined ? undefined : { kind: 'sockets', sockets: [socket], ...(isOverheard ? { isOverheard } : {}) }
  }
}
