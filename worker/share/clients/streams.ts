/** The sockets that Workers hold for their clients' streams. Found by tag, with attachments, so that they survive hibernation. */
import { itself, type RootOf } from '../../contract/trust/principals.ts'
import type { SessionCallRequest } from '../../contract/share-rpc.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import type { ResumePlace, StreamAttachment, StreamOpening, UntakenSpans, ToldChanges } from './stream-attachment.ts'
import { agentTag, askingTag, callTag, groupCallsTag, groupTag, heldOfTag, heldTag, listenerTag, NEWS_TAG, tagsOf } from './stream-tags.ts'
import { closeQuietly } from '../agents/agent-link.ts'

interface AttachedStream {
  readonly socket: WebSocket
  readonly attachment: StreamAttachment
}

export class Streams {
  readonly #ctx: DurableObjectState
  readonly #rootOf: RootOf
  /** How many of each principal wait by socket, other than listens, with all that count as it; counted when it is first asked for. */
  #waiting: Map<string, number> | undefined

  constructor(ctx: DurableObjectState, rootOf: RootOf = itself) {
    this.#ctx = ctx
    this.#rootOf = rootOf
  }

  /** How many calls of all that count as a principal wait by socket, or for news of agents. `exact`: counted anew, of those that are open. */
  waitingOf(root: string, exact = false): number {
    if (exact || this.#waiting === undefined) {
      this.#waiting = new Map()
      for (const { attachment } of this.all()) this.#count(attachment, 1)
    }
    return this.#waiting.get(root) ?? 0
  }

  /** The same of all that count as one with this principal. */
  waitingWith(principal: string): number {
    return this.waitingOf(this.#rootOf(principal))
  }

  /** A socket has closed. */
  forget(attachment: StreamAttachment): void {
    this.#count(attachment, -1)
  }

  /** Accepts the socket of a Worker. A listening stream replaces the session's older one. */
  accept(socket: WebSocket, opening: StreamOpening): void {
    const { kind, key = '', session = '' } = opening
    if (kind === 'asking') {
      const same = this.asking(session).filter((older) => attachmentOf(older)?.key === key)
      for (const older of same) closeQuietly(older, STREAM_CLOSE.REPLACED, 'a newer stream took over')
    }
    if (kind !== 'call' && kind !== 'asking' && kind !== 'news' && kind !== 'held') {
      for (const older of this.#ctx.getWebSockets(listenerTag(session)))
        closeQuietly(older, STREAM_CLOSE.REPLACED, 'a newer stream took over')
    }
    this.#ctx.acceptWebSocket(socket, tagsOf(opening))
    this.#count(opening, 1)
    socket.serializeAttachment({ role: 'stream', ...opening } satisfies StreamAttachment)
  }

  /** The stream of a call. With `session`, only a stream of that session counts. */
  call(key: string, session?: string): WebSocket | undefined {
    const sockets = this.#open(callTag(key))
    return session === undefined ? sockets[0] : sockets.find((socket) => attachmentOf(socket)?.session === session)
  }

  /** Notes that the answer goes out in parts. */
  markBegun(socket: WebSocket): void {
    const attachment = attachmentOf(socket)
    if (attachment?.repeat !== undefined) socket.serializeAttachment({ ...attachment, hasBegun: true } satisfies StreamAttachment)
  }

  /** Whether a call goes on without this Worker: its client has come back for it elsewhere, or has left. */
  isElsewhere({ isRetry, isLeft, key, session }: SessionCallRequest, agent: string): boolean {
    // On a first try there can be none, and to look for one costs time.
    return isRetry === true && (this.#markRunning(key, session, agent) || isLeft === true)
  }

  /** Notes that the call of a resumed stream is on its way to an agent; false when there is no such stream. */
  #markRunning(key: string, session: string, agent: string): boolean {
    const socket = this.call(key, session)
    const attachment = socket === undefined ? undefined : attachmentOf(socket)
    if (socket === undefined || attachment?.resume === undefined) return false
    // A socket's tags cannot be changed: its Worker opens another for this agent, and gets what came meanwhile there.
    if (attachment.agent !== agent) closeQuietly(socket, STREAM_CLOSE.MOVED, 'the call has gone to another agent')
    else socket.serializeAttachment({ ...attachment, isRunning: true } satisfies StreamAttachment)
    return true
  }

  listener(session: string): WebSocket | undefined {
    return this.#open(listenerTag(session))[0]
  }

  /** All listening streams of a channel group. */
  listeners(group: string): WebSocket[] {
    return this.#open(groupTag(group))
  }

  /** The open streams of calls that an agent works on. */
  callsOf(agent: string): { readonly socket: WebSocket; readonly key: string }[] {
    return this.#open(agentTag(agent)).map((socket) => ({ socket, key: attachmentOf(socket)?.key ?? '' }))
  }

  /** Sockets of Workers that wait for answers of a session's client. */
  asking(session: string): WebSocket[] {
    return this.#open(askingTag(session))
  }

  /** Notes that the call for which a client is asked was cancelled: its next attempt must not be made. */
  markCancelled(socket: WebSocket): void {
    const attachment = attachmentOf(socket)
    if (attachment !== undefined) socket.serializeAttachment({ ...attachment, isCancelled: true } satisfies StreamAttachment)
  }

  /** Whether the call of this key was cancelled before it was made, while its client was still being asked. */
  isAskCancelled(session: string, key: string): boolean {
    return this.asking(session).some((socket) => {
      const attachment = attachmentOf(socket)
      return attachment?.key === key && attachment.isCancelled === true
    })
  }

  /** Workers that wait for news of agents. */
  awaitingNews(): AttachedStream[] {
    return this.#open(NEWS_TAG).flatMap((socket) => {
      const attachment = attachmentOf(socket)
      return attachment === undefined ? [] : [{ socket, attachment }]
    })
  }

  /** Sockets of Workers that wait for the owner's decision about an approval, or about calls of a session. */
  held(approval: string): WebSocket[] {
    return this.#open(heldTag(approval))
  }

  heldOf(session: string): WebSocket[] {
    return this.#open(heldOfTag(session))
  }

  endAsking(session: string): void {
    for (const socket of this.asking(session)) closeQuietly(socket, STREAM_CLOSE.ENDED, 'the session has ended')
  }

  callsOfGroup(group: string): WebSocket[] {
    return this.#open(groupCallsTag(group))
  }

  isBusy(group: string): boolean {
    return this.callsOfGroup(group).some((socket) => attachmentOf(socket)?.isListen !== true)
  }

  /** Whether clients of a group have any stream open, of a call or to listen. */
  hasAny(group: string): boolean {
    return this.listeners(group).length > 0 || this.callsOfGroup(group).length > 0
  }

  /** All open streams: their sockets and attachments. */
  all(): AttachedStream[] {
    return this.#attached().filter(({ socket }) => socket.readyState === WebSocket.OPEN)
  }

  /** Streams that are not open any more: after sleep the platform may list some whose close is never told of. */
  closing(): AttachedStream[] {
    return this.#attached().filter(({ socket }) => socket.readyState !== WebSocket.OPEN)
  }

  #attached(): AttachedStream[] {
    return this.#ctx.getWebSockets().flatMap((socket) => {
      const attachment = attachmentOf(socket)
      return attachment === undefined ? [] : [{ socket, attachment }]
    })
  }

  /** The attachment of a stream's socket; undefined for an agent's. */
  attachmentOf(socket: WebSocket): StreamAttachment | undefined {
    return attachmentOf(socket)
  }

  markUntaken(socket: WebSocket, untaken: UntakenSpans): void {
    const attachment = attachmentOf(socket)
    if (attachment !== undefined) socket.serializeAttachment({ ...attachment, untaken } satisfies StreamAttachment)
  }

  markChanged(socket: WebSocket, changed: ToldChanges): void {
    const attachment = attachmentOf(socket)
    if (attachment !== undefined) socket.serializeAttachment({ ...attachment, changed } satisfies StreamAttachment)
  }

  markCharged(socket: WebSocket, charged: NonNullable<StreamAttachment['charged']>): void {
    const attachment = attachmentOf(socket)
    if (attachment !== undefined) socket.serializeAttachment({ ...attachment, charged } satisfies StreamAttachment)
  }

  /** Notes, or with undefined forgets, what a stream owes while credit is withheld. */
  markOwing(socket: WebSocket, owing: StreamAttachment['owing']): void {
    const attachment = attachmentOf(socket)
    if (attachment === undefined) return
    const { owing: _, ...rest } = attachment
    socket.serializeAttachment(owing === undefined ? rest : { ...rest, owing })
  }

  /** Notes where the client of a listening stream had left off, and when it says so itself that it does. */
  markResume(socket: WebSocket, resume: ResumePlace, isMarked = false): void {
    const attachment = attachmentOf(socket)
    if (attachment === undefined) return
    socket.serializeAttachment({ ...attachment, resume, ...(isMarked ? { isMarked } : {}) } satisfies StreamAttachment)
  }

  closeAll(code: number, reason: string): void {
    for (const { socket } of this.all()) closeQuietly(socket, code, reason)
  }

  /** Listens are no calls that wait. */
  #count({ principal, isListen }: Pick<StreamAttachment, 'principal' | 'isListen'>, by: 1 | -1): void {
    if (this.#waiting === undefined || principal === undefined || isListen === true) return
    const root = this.#rootOf(principal)
    const left = (this.#waiting.get(root) ?? 0) + by
    if (left > 0) this.#waiting.set(root, left)
    else this.#waiting.delete(root)
  }

  /** Sockets of a tag that are still open; a closing one stays listed until its close event. */
  #open(tag: string): WebSocket[] {
    return this.#ctx.getWebSockets(tag).filter((socket) => socket.readyState === WebSocket.OPEN)
  }
}

function attachmentOf(socket: WebSocket): StreamAttachment | undefined {
  const attachment = socket.deserializeAttachment() as { role?: string } | null
  return attachment?.role === 'stream' ? (attachment as StreamAttachment) : undefined
}
