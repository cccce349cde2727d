/** The subscriptions/listen of modern clients on a child of the handshake era: who wants what, and what the child is subscribed to for them. */
import { isWanted, subscriptionChanges, type SubscriptionFilter } from '../../bridge/listen.ts'
import type { Listen } from '../rows/bridge-rows.ts'
import type { ChannelOpener } from './channel-opener.ts'
import type { GroupChannels } from './group-channels.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import { type Store } from '../rows/store.ts'
import type { Streams } from '../clients/streams.ts'
import { groupOf } from '../../contract/groups.ts'
import { closeQuietly, type AgentLink } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  readonly opener: ChannelOpener
  readonly streams: Streams
}

const encoder = new TextEncoder()

export class Subscriptions {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Keeps a listen, and subscribes the child to resources that nobody wanted before. */
  put({ ch, link }: { readonly ch: string; readonly link: AgentLink }, key: string, filter: SubscriptionFilter): void {
    const group = groupOf(ch)
    const before = this.#filters(group)
    this.#parts.store.bridge.putListen(key, group, filter)
    this.#tell(ch, link, before, this.#filters(group))
  }

  find(key: string): Listen | undefined {
    return this.#parts.store.bridge.listen(key)
  }

  /** Forgets listens whose stream was lost in a reset of the object; their Workers open new ones. */
  prune(): void {
    for (const { key } of this.#parts.store.bridge.allListens()) if (this.#parts.streams.listener(key) === undefined) this.end(key)
  }

  /** A listen's stream is gone. */
  end(key: string): void {
    const listen = this.#parts.store.bridge.listen(key)
    if (listen === undefined) return
    const before = this.#filters(listen.group)
    this.#parts.store.bridge.dropListen(key)
    const current = this.#parts.channels.current(listen.group)
    if (current !== undefined) this.#tell(current.ch, current.link, before, this.#filters(listen.group))
  }

  /** The child that was listened to is gone: closes the streams, so that clients listen anew, to another child. */
  endAll(group: string): void {
    for (const { key } of this.#parts.store.bridge.listens(group)) {
      this.#parts.store.bridge.dropListen(key)
      const socket = this.#parts.streams.listener(key)
      if (socket !== undefined) closeQuietly(socket, STREAM_CLOSE.ENDED, 'the server has ended')
    }
  }

  /** The streams that a child's notification goes to. */
  wanting(group: string, method: string, uri: string | undefined): WebSocket[] {
    return this.#parts.store.bridge
      .listens(group)
      .filter(({ filter }) => isWanted(filter, method, uri))
      .flatMap(({ key }) => this.#parts.streams.listener(key) ?? [])
  }

  #filters(group: string): SubscriptionFilter[] {
    return this.#parts.store.bridge.listens(group).map(({ filter }) => filter)
  }

  #tell(ch: string, link: AgentLink, before: readonly SubscriptionFilter[], after: readonly SubscriptionFilter[]): void {
    const { subscribe, unsubscribe } = subscriptionChanges(before, after)
    for (const uri of subscribe) this.#request(ch, link, 'resources/subscribe', uri)
    for (const uri of unsubscribe) this.#request(ch, link, 'resources/unsubscribe', uri)
  }

  #request(ch: string, link: AgentLink, method: string, uri: string): void {
    const text = `{"jsonrpc":"2.0","id":0,"method":"${method}","params":{"uri":${JSON.stringify(uri)}}}`
    this.#parts.opener.callForRelay(link, ch, method, encoder.encode(text))
  }
}
