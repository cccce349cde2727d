/**
 * Requests that Workers take to the share's upstream by themselves: whose each is and what it is charged to, so that it ends with its link and
 * stands in the audit. Nothing of what they carry comes here, an idle one leaves the object asleep, and no timer is held.
 */
import type { ErrorCode } from '../../../protocol/errors.ts'
import type { RefusedCalls } from '../../contract/call-records.ts'
import type { Charge } from '../../contract/trust/metering.ts'
import { CUT_CLOSE } from '../../contract/trust/pass.ts'
import { linkOf, type RootOf } from '../../contract/trust/principals.ts'
import type { UpstreamAsk, UpstreamControl, StreamControl } from '../../contract/streams.ts'
import type { GrantFacts, PassRefusal } from '../../contract/trust/trust-rpc.ts'
import { MAX_UPSTREAM_REQUESTS, MAX_UPSTREAM_REQUESTS_OF_ONE, MAX_UPSTREAM_TOLD_OF_ONE } from '../../upstream-limits.ts'
import { MAX_SHOWN_CHARS } from '../../usage-limits.ts'
import { closeQuietly } from '../agents/agent-link.ts'
import { type EndedCall, statusOf } from '../clients/running-calls.ts'

interface Parts {
  readonly ctx: DurableObjectState
  readonly rootOf: RootOf
  readonly refused: (calls: readonly RefusedCalls[]) => void
  /** A request is over, of so many bytes. */
  readonly ended: (call: EndedCall, key: string) => void
}

/** Who asks, and for what. `charges`: what it is charged to, if anything is limited. */
export interface WatchedAsk extends Omit<UpstreamAsk, 'sinceMs'> {
  readonly link: string
  readonly address?: string
  readonly charges?: readonly Charge[]
}

/** Attachment of a Worker's socket. */
interface UpstreamAttachment extends Omit<WatchedAsk, 'charges'> {
  readonly role: 'upstream'
  readonly startedAtMs: number
  readonly charged?: { readonly charges: readonly Charge[]; readonly sinceMs: number }
  /** How it has ended, once that is known. */
  readonly outcome?: string
  readonly bytes?: number
}

const TAG = 'u'

export class UpstreamRequests {
  readonly #parts: Parts
  readonly #facts = new Map<WebSocket, UpstreamAttachment>()
  /** Those of before the object slept that are charged to limits. */
  readonly charged: readonly { readonly key: string; readonly charged: NonNullable<UpstreamAttachment['charged']> }[]

  constructor(parts: Parts) {
    this.#parts = parts
    for (const socket of parts.ctx.getWebSockets(TAG)) this.#facts.set(socket, socket.deserializeAttachment() as UpstreamAttachment)
    this.charged = [...this.#facts.values()].flatMap(({ x, charged }) => (charged === undefined ? [] : [{ key: x, charged }]))
  }

  /** Whether one more of this principal is too many. */
  refuse({ principal, isTold }: Pick<UpstreamAsk, 'principal' | 'isTold'>): Extract<ErrorCode, 'SHARE_BUSY'> | undefined {
    if (this.#facts.size >= MAX_UPSTREAM_REQUESTS) return 'SHARE_BUSY'
    const root = this.#parts.rootOf(principal)
    let own = 0
    let told = 0
    for (const facts of this.#facts.values()) {
      if (this.#parts.rootOf(facts.principal) !== root) continue
      own++
      if (facts.isTold !== undefined) told++
    }
    const isFull = own >= MAX_UPSTREAM_REQUESTS_OF_ONE || (isTold !== undefined && told >= MAX_UPSTREAM_TOLD_OF_ONE)
    return isFull ? 'SHARE_BUSY' : undefined
  }

  /** Takes the socket of a Worker, for which `refuse` had nothing to say just now. */
  open(socket: WebSocket, { charges, method, tool, ...asked }: WatchedAsk, startedAtMs: number): void {
    this.#parts.ctx.acceptWebSocket(socket, [TAG])
    this.#note(socket, {
      role: 'upstream',
      ...asked,
      method: method.slice(0, MAX_SHOWN_CHARS),
      ...(tool === undefined ? {} : { tool: tool.slice(0, MAX_SHOWN_CHARS) }),
      startedAtMs,
      ...(charges === undefined ? {} : { charged: { charges, sinceMs: startedAtMs } }),
    })
  }

  /** A text message of a Worker; false of another kind of socket. */
  control(socket: WebSocket, text: string): boolean {
    const facts = this.#facts.get(socket)
    if (facts === undefined) return false
    const control = JSON.parse(text) as UpstreamControl
    if (control.type === 'upstream_refused') this.#parts.refused(control.refused)
    else this.#note(socket, { ...facts, outcome: control.outcome, bytes: control.bytes })
    return true
  }

  /** A Worker's socket has closed: the request is over. False when it is no such socket. */
  closed(socket: WebSocket): boolean {
    const facts = this.#facts.get(socket)
    if (facts === undefined) return false
    this.#facts.delete(socket)
    const { x, link, address, principal, method, tool, startedAtMs, outcome = 'cancelled', bytes = 0 } = facts
    // A stream that only listens is no call.
    if (method === '') return true
    const whose = linkOf(this.#parts.rootOf(principal))
    const by = { whose, link, principal, ...(address === undefined ? {} : { address }) }
    const what = { method, ...(tool === undefined ? {} : { tool }), outcome, status: statusOf(outcome) }
    this.#parts.ended({ at: startedAtMs, ...by, ...what, ms: Date.now() - startedAtMs, bytes }, x)
    return true
  }

  /** After sleep or a reset, when nobody tells of what closed meanwhile. */
  prune(): void {
    for (const socket of this.#facts.keys()) if (socket.readyState !== WebSocket.OPEN) this.closed(socket)
  }

  /** Ends what is let in no more. */
  cut(refusalOf: (link: string) => PassRefusal | undefined): void {
    for (const [socket, facts] of this.#facts) {
      const code = refusalOf(facts.link)
      if (code === undefined) continue
      this.#note(socket, { ...facts, outcome: code })
      this.#close(socket, CUT_CLOSE[code], code)
    }
  }

  /** Tells Workers what their clients may do now. */
  tell(newsFor: (socket: WebSocket, link: string) => GrantFacts | undefined): void {
    for (const [socket, { link }] of this.#facts) {
      const facts = newsFor(socket, link)
      if (facts !== undefined && socket.readyState === WebSocket.OPEN)
        socket.send(JSON.stringify({ type: 'grant', facts } satisfies StreamControl))
    }
  }

  /** The share has ended. */
  closeAll(code: number, reason: string): void {
    for (const socket of this.#facts.keys()) this.#close(socket, code, reason)
  }

  /** The close event finds nothing more to do. */
  #close(socket: WebSocket, code: number, reason: string): void {
    this.closed(socket)
    closeQuietly(socket, code, reason)
  }

  #note(socket: WebSocket, facts: UpstreamAttachment): void {
    this.#facts.set(socket, facts)
    socket.serializeAttachment(facts)
  }
}
