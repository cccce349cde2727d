/** Holds a modern client's listen on a child of the handshake era, and marks what it brings as the client expects. */
import type { Failure } from '../../../protocol/errors.ts'
import type { AgentFrame, Chunk, Notification } from '../../../protocol/frame.ts'
import { splice } from '../../../protocol/splice.ts'
import { acknowledgement, listenResult, subscriptionEdits, type SubscriptionFilter } from '../../bridge/listen.ts'
import { ItemQueue } from '../../carry/item-queue.ts'
import { type ShareClient } from '../../carry/share-client.ts'
import { ShareStream } from '../../carry/share-stream.ts'
import { STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import type { GroupCallRequest } from '../../contract/share-rpc.ts'
import { MAX_LISTEN_MESSAGE_BYTES } from '../../limits.ts'
import type { Item, ItemSource } from '../call/item.ts'
import { listenMessages } from '../call/list-changes.ts'
import { LISTENER_BEHIND } from '../call/listener-behind.ts'
import { WholeMessage } from '../call/whole-message.ts'
import { mayHearOf } from '../policy/bounds.ts'
import { PassRefused } from '../../carry/pass-refused.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class Subscription implements ItemSource {
  readonly #share: ShareClient
  readonly #rawId: string
  readonly #filter: SubscriptionFilter
  readonly #items = new ItemQueue<Item>()
  readonly #stream: ShareStream
  readonly #whole = new WholeMessage<Notification>()
  /** The notification whose chunks are coming, and the bytes of it that the client owes. */
  #unfinished: Notification | undefined
  #unpaidBytes = 0

  constructor(share: ShareClient, group: string, key: string, filter: SubscriptionFilter, rawId: string) {
    this.#share = share
    this.#rawId = rawId
    this.#filter = filter
    this.#stream = new ShareStream(
      share,
      { kind: 'subscription', key, group },
      {
        prepare: () => share.subscribe({ group, key, filter }),
        onFrame: (header, body) => this.#receive(header, body),
        onControl: (control) => this.#hear(control),
        onEnd: (code) => this.#end(code),
        onLag: () => this.#fallBehind(),
        retries: Infinity,
      },
    )
    void this.#open()
  }

  next(): Promise<Item | undefined> {
    return this.#items.next()
  }

  taken(bytes: number): void {
    this.#stream.taken(bytes)
  }

  close(): void {
    this.#items.end()
    this.#stream.close()
  }

  async #open(): Promise<void> {
    const isThere = await this.#stream.open().catch((error: unknown) => {
      if (!(error instanceof PassRefused)) return this.#stream.reopen()
      this.#fail(error.failure)
      return undefined
    })
    if (isThere === undefined) return
    if (isThere) this.#items.put({ kind: 'message', text: acknowledgement(this.#rawId, this.#filter) })
    else this.#end(STREAM_CLOSE.ENDED)
  }

  /** The client listens anew, and finds whichever child there is then. */
  #end(code: number): void {
    const cut = this.#share.cutBy(code)
    if (cut !== undefined) this.#fail(cut)
    else if (code === STREAM_CLOSE.BEHIND) this.#items.put(LISTENER_BEHIND)
    else this.#items.put({ kind: 'result', result: listenResult(this.#rawId) })
  }

  #fail(failure: Failure): void {
    this.#items.put({ kind: 'failed', failure })
  }

  /** The calls of its group wait for what this client does not read: they go on without it. */
  #fallBehind(): void {
    this.#items.put(LISTENER_BEHIND)
    this.#stream.close()
  }

  #hear(control: StreamControl): void {
    if (control.type !== 'changed') return
    for (const message of listenMessages(control.methods, this.#rawId)) this.#items.put({ kind: 'message', text: message })
  }

  #receive(header: AgentFrame, body: Uint8Array): void {
    if (!mayHearOf(this.#share, header)) this.#stream.taken(body.length)
    else if (header.type === 'notification') this.#begin(header, body)
    else if (header.type === 'chunk') this.#goOn(header, body)
  }

  #begin(header: Notification, body: Uint8Array): void {
    const { ch, n } = this.#unfinished ?? {}
    // One that is sent again from its beginning is the same one.
    if (this.#unfinished !== undefined && (ch !== header.ch || n !== header.n)) this.#tellShort(this.#unfinished)
    this.#unfinished = header
    this.#unpaidBytes += body.length
    if (header.size > MAX_LISTEN_MESSAGE_BYTES) this.#tellShort(header)
    else this.#tell(this.#whole.begin(header, body))
  }

  #goOn(chunk: Chunk, body: Uint8Array): void {
    const { ch, n } = this.#unfinished ?? {}
    if (ch !== chunk.ch || n !== chunk.n) {
      this.#stream.taken(body.length)
      return
    }
    this.#unpaidBytes += body.length
    this.#tell(this.#whole.goOn(chunk, body))
  }

  #tell(whole: { readonly body: Uint8Array } | undefined): void {
    if (whole !== undefined) this.#put(splice(whole.body, subscriptionEdits(whole.body, this.#rawId)))
  }

  /** Tells in the relay's words of what is too large, or will not come whole: that, and which resource, is all that the schema knows. */
  #tellShort({ method, uri }: Notification): void {
    const bytes = encoder.encode(JSON.stringify({ jsonrpc: '2.0', method, params: { uri } }))
    this.#put(splice(bytes, subscriptionEdits(bytes, this.#rawId)))
  }

  #put(message: Uint8Array): void {
    this.#items.put({ kind: 'message', text: decoder.decode(message), owed: this.#unpaidBytes })
    this.#unfinished = undefined
    this.#unpaidBytes = 0
  }
}

/** A server ends a listen by cancelling its request (basic/patterns/cancellation); over HTTP it ends with a result (subscriptions, graceful closure). */
export function inGoodOrder(item: Item | undefined, { method, rawId }: Pick<GroupCallRequest, 'method' | 'rawId'>): Item | undefined {
  const isEnded = method === 'subscriptions/listen' && item?.kind === 'frame' && item.header.type === 'failed'
  return isEnded && item.header.code === 'CANCELLED' ? { kind: 'result', result: listenResult(rawId) } : item
}
