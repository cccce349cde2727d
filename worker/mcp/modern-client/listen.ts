/** Holds a modern client's listen on a child that knows none: the stream's socket, and the marks that the client looks for. */
import { decodeAgentFrame } from '../../../protocol/frame-codec.ts'
import { splice } from '../../../protocol/splice.ts'
import { acknowledgement, listenResult, subscriptionEdits, type SubscriptionFilter } from '../../bridge/listen.ts'
import { REATTACH_MS } from '../../limits.ts'
import type { SubscribeOrder } from '../../contract/rpc.ts'
import { STREAM_CLOSE, type StreamControl } from '../../contract/streams.ts'
import { pause } from '../../within.ts'
import { ItemQueue } from '../../carry/item-queue.ts'
import { listenMessages } from '../call/list-changes.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { Carrier, Item } from '../call/item.ts'

const decoder = new TextDecoder()

export class Subscription implements Carrier {
  readonly #share: ShareClient
  readonly #order: SubscribeOrder
  readonly #rawId: string
  readonly #items = new ItemQueue<Item>()
  #socket: WebSocket | undefined

  constructor(share: ShareClient, group: string, key: string, filter: SubscriptionFilter, rawId: string) {
    this.#share = share
    this.#order = { group, key, filter }
    this.#rawId = rawId
    void this.#run()
  }

  next(): Promise<Item | undefined> {
    return this.#items.next()
  }

  taken(): void {
    // Notifications are small, and are not credited.
  }

  close(): void {
    this.#items.end()
    this.#socket?.close(1000)
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#items.isOver; attempt++) {
      if (attempt > 0) await pause(REATTACH_MS)
      const end = await this.#listen(attempt === 0).catch(() => 'broken' as const)
      if (end !== 'broken') break
      this.#share.renew()
    }
    // The client listens anew, and finds whichever child there is then.
    this.#items.put({ kind: 'result', result: listenResult(this.#rawId) })
  }

  /** Listens until the child ends, or the stream breaks. */
  async #listen(isFirst: boolean): Promise<'ended' | 'broken'> {
    if (!(await this.#share.subscribe(this.#order))) return 'ended'
    const socket = await this.#share.open({ kind: 'subscription', key: this.#order.key, group: this.#order.group })
    if (socket === undefined) return 'ended'
    const { promise, resolve } = Promise.withResolvers<'ended' | 'broken'>()
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.#hear(data)
      else this.#receive(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener('close', ({ code }) => {
      const isEnded = this.#items.isOver || code === STREAM_CLOSE.ENDED || code === STREAM_CLOSE.REPLACED
      resolve(isEnded ? 'ended' : 'broken')
    })
    socket.accept()
    this.#socket = socket
    if (isFirst) this.#items.put({ kind: 'message', text: acknowledgement(this.#rawId, this.#order.filter) })
    return promise
  }

  #hear(text: string): void {
    const control = JSON.parse(text) as StreamControl
    if (control.type !== 'changed') return
    for (const message of listenMessages(control.methods, this.#rawId)) this.#items.put({ kind: 'message', text: message })
  }

  #receive(bytes: Uint8Array): void {
    const frame = decodeAgentFrame(bytes)
    if (!frame.ok || frame.value.header.type !== 'notification') return
    const { header, body } = frame.value
    if (body.length < header.size) return
    this.#items.put({ kind: 'message', text: decoder.decode(splice(body, subscriptionEdits(body, this.#rawId))) })
  }
}
