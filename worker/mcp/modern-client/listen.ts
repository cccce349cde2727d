/** Holds a modern client's listen on a child of the handshake era, and marks what it brings as the client expects. */
import type { AgentFrame } from '../../../protocol/frame.ts'
import { splice } from '../../../protocol/splice.ts'
import { acknowledgement, listenResult, subscriptionEdits, type SubscriptionFilter } from '../../bridge/listen.ts'
import { ItemQueue } from '../../carry/item-queue.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { ShareStream } from '../../carry/share-stream.ts'
import type { StreamControl } from '../../contract/streams.ts'
import type { Item, ItemSource } from '../call/item.ts'
import { listenMessages } from '../call/list-changes.ts'

const decoder = new TextDecoder()

export class Subscription implements ItemSource {
  readonly #rawId: string
  readonly #filter: SubscriptionFilter
  readonly #items = new ItemQueue<Item>()
  readonly #stream: ShareStream

  constructor(share: ShareClient, group: string, key: string, filter: SubscriptionFilter, rawId: string) {
    this.#rawId = rawId
    this.#filter = filter
    this.#stream = new ShareStream(
      share,
      { kind: 'subscription', key, group },
      {
        prepare: () => share.subscribe({ group, key, filter }),
        onFrame: (header, body) => this.#receive(header, body),
        onControl: (control) => this.#hear(control),
        onEnd: () => this.#end(),
        retries: Infinity,
      },
    )
    void this.#open()
  }

  next(): Promise<Item | undefined> {
    return this.#items.next()
  }

  taken(): void {
    // Notifications are small, and are not credited.
  }

  close(): void {
    this.#items.end()
    this.#stream.close()
  }

  async #open(): Promise<void> {
    const isThere = await this.#stream.open().catch(() => this.#stream.reopen())
    if (isThere) this.#items.put({ kind: 'message', text: acknowledgement(this.#rawId, this.#filter) })
    else this.#end()
  }

  /** The client listens anew, and finds whichever child there is then. */
  #end(): void {
    this.#items.put({ kind: 'result', result: listenResult(this.#rawId) })
  }

  #hear(control: StreamControl): void {
    if (control.type !== 'changed') return
    for (const message of listenMessages(control.methods, this.#rawId)) this.#items.put({ kind: 'message', text: message })
  }

  #receive(header: AgentFrame, body: Uint8Array): void {
    if (header.type !== 'notification' || body.length < header.size) return
    this.#items.put({ kind: 'message', text: decoder.decode(splice(body, subscriptionEdits(body, this.#rawId))) })
  }
}
