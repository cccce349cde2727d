/** Sends messages to agents: splits them into frames, has calls wait for their turn where an agent takes only so many, keeps to the credit that it gives for uploads, and waits for receipts. */
import type { Call, Notify, Respond } from '../../../protocol/frame.ts'
import { canonicalId, type Span } from '../../../protocol/json/json-scan.ts'
import { CHUNK_BYTES, UPLOAD_WINDOW_BYTES } from '../../../protocol/limits.ts'
import { MAX_RPC_WAIT_MS } from '../../limits.ts'
import { within } from '../../within.ts'
import { RELAY_PRINCIPAL } from '../../contract/pinned-server.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import type { CallTurns } from './call-turns.ts'
import type { LinkHealth } from './link-health.ts'
import { type AgentLink, sendFrame } from './agent-link.ts'

/** The relay's own notifications/cancelled; the agent puts the child's id over the 0. */
const CANCEL_BODY = new TextEncoder().encode('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}')
const CANCEL_ID: Span = [74, 75]

/** Names a session's call, so that its client can cancel it by its own id. */
export function cancelTag(session: string, rawId: string): string {
  return `${session} ${canonicalId(rawId)}`
}

/** Whose call it is, and what tells whether the agent may have it already. */
type Asking = Pick<CallRequest, 'principal' | 'isResend'> & { readonly input?: object }

/** A message whose body is larger than its first part. */
interface Upload {
  readonly link: AgentLink
  readonly ch: string
  readonly key: string
  readonly size: number
  sentBytes: number
  uptoBytes: number
  /** Wakes the one part that waits for credit. */
  wake: (() => void) | undefined
}

export class MessageSender {
  readonly #uploads = new Map<string, Upload>()
  readonly #receipts = new Map<string, { readonly link: AgentLink; readonly resolve: (received: boolean) => void }>()
  readonly #health: LinkHealth
  readonly #turns: CallTurns

  constructor(health: LinkHealth, turns: CallTurns) {
    this.#health = health
    this.#turns = turns
  }

  /** Sends a message's first frames. What is missing from the body must follow with `continue`. `of`: the client's request that a call is. */
  send(link: AgentLink, header: Call | Notify | Respond, body: Uint8Array, of?: Asking): void {
    if (link.maxCalls === undefined) return this.#send(link, header, body)
    if (header.type === 'notify' && header.cancels !== undefined) this.#turns.cancelled(link, header.ch, header.cancels)
    const isCall = header.type === 'call' && header.method !== 'subscriptions/listen'
    // What the relay lists for its owner's sake runs for a moment, beside all else.
    if (isCall && of !== undefined && of.principal !== RELAY_PRINCIPAL) this.#sendInTurn(link, header, body, of)
    else this.#send(link, header, body)
  }

  #sendInTurn(link: AgentLink, call: Call, body: Uint8Array, { principal, isResend, input }: Asking): void {
    this.#turns.take(link, {
      call,
      principal,
      bytes: body.length,
      start: () => this.#send(link, call, body),
      // What its client has given goes to a call that runs.
      mayBeThere: isResend === true || input !== undefined,
      isWhole: body.length >= call.size,
    })
  }

  #send(link: AgentLink, header: Call | Notify | Respond, body: Uint8Array): void {
    // An agent of another make receipts nothing, so that its silence means nothing.
    if (header.type === 'call' && link.wire === undefined) this.#health.sent(link, Date.now())
    sendFrame(link, header, body.subarray(0, CHUNK_BYTES))
    for (let offset = CHUNK_BYTES; offset < body.length; offset += CHUNK_BYTES)
      this.#sendPart(link, header.ch, header.key, offset, body.subarray(offset, offset + CHUNK_BYTES))
    if (body.length >= header.size) return
    this.#uploads.set(header.key, {
      link,
      ch: header.ch,
      key: header.key,
      size: header.size,
      sentBytes: body.length,
      uptoBytes: UPLOAD_WINDOW_BYTES,
      wake: undefined,
    })
  }

  /** Tells a child that the call of this tag is cancelled. The agent ignores it where there is no such call. */
  cancel(link: AgentLink, ch: string, key: string, tag: string): void {
    const method = 'notifications/cancelled'
    this.send(link, { type: 'notify', ch, key, method, cancels: tag, requestId: CANCEL_ID, size: CANCEL_BODY.length }, CANCEL_BODY)
  }

  /**
   * Sends more of a body, as soon as the agent's credit allows; false when the message has failed meanwhile, undefined when
   * there is no credit for MAX_RPC_WAIT_MS: a Worker that is still there brings it again.
   */
  async continue(key: string, offset: number, part: Uint8Array): Promise<boolean | undefined> {
    const upload = this.#uploads.get(key)
    if (upload === undefined || upload.sentBytes !== offset) return false
    while (upload.sentBytes + part.length > upload.uptoBytes) {
      const { promise, resolve } = Promise.withResolvers<true>()
      upload.wake = () => resolve(true)
      const isAwake = await within(MAX_RPC_WAIT_MS, promise)
      if (this.#uploads.get(key) !== upload) return false
      if (isAwake === undefined) return undefined
    }
    for (let at = 0; at < part.length; at += CHUNK_BYTES)
      this.#sendPart(upload.link, upload.ch, key, offset + at, part.subarray(at, at + CHUNK_BYTES))
    upload.sentBytes += part.length
    if (upload.sentBytes >= upload.size) this.#uploads.delete(key)
    return true
  }

  credit(key: string, uptoBytes: number): void {
    const upload = this.#uploads.get(key)
    if (upload === undefined) return
    upload.uptoBytes = Math.max(upload.uptoBytes, uptoBytes)
    upload.wake?.()
  }

  /** Resolves with true when the agent has receipted the message, with false when its link is gone, or after `maxMs`. */
  async receipt(link: AgentLink, key: string, maxMs = MAX_RPC_WAIT_MS): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const receipt = { link, resolve }
    this.#receipts.set(key, receipt)
    const isReceived = await within(maxMs, promise)
    if (isReceived === undefined && this.#receipts.get(key) === receipt) this.#receipts.delete(key)
    return isReceived === true
  }

  received(keys: readonly string[]): void {
    for (const key of keys) {
      this.#receipts.get(key)?.resolve(true)
      this.#receipts.delete(key)
    }
  }

  /** A call has ended on its agent. */
  ended(link: AgentLink, key: string): void {
    this.abandon(key)
    if (link.maxCalls !== undefined) this.#turns.ended(link, key)
  }

  /** The agent takes nothing new: what waits for its turn there is made anew. */
  drained(link: AgentLink): void {
    if (link.maxCalls !== undefined) this.#turns.closed(link)
  }

  /** Ends an upload whose message has failed, or was answered before all of it was sent. */
  abandon(key: string): void {
    const upload = this.#uploads.get(key)
    this.#uploads.delete(key)
    upload?.wake?.()
  }

  /** Ends everything that was under way on a link. */
  lost(link: AgentLink): void {
    this.drained(link)
    for (const upload of this.#uploads.values()) if (upload.link.socket === link.socket) this.abandon(upload.key)
    for (const [key, receipt] of this.#receipts) {
      if (receipt.link.socket !== link.socket) continue
      this.#receipts.delete(key)
      receipt.resolve(false)
    }
  }

  #sendPart(link: AgentLink, ch: string, key: string, offset: number, part: Uint8Array): void {
    sendFrame(link, { type: 'upload', ch, key, offset }, part)
  }
}
