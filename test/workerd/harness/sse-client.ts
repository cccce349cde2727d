/** A client of HTTP+SSE (MCP 2024-11-05): one stream, and posts to the path that it names. */
import { EventReader, fetchRelay, type TestShare } from './relay.ts'

export class SseClient {
  readonly events: EventReader
  readonly #share: TestShare
  readonly #messages: string

  private constructor(share: TestShare, events: EventReader, messages: string) {
    this.#share = share
    this.events = events
    this.#messages = messages
  }

  static async connect(share: TestShare): Promise<SseClient> {
    const headers = { authorization: `Bearer ${share.clientToken}`, accept: 'text/event-stream' }
    const events = new EventReader(await fetchRelay(`/s/${share.id}/sse`, { headers }))
    const messages = await events.next()
    if (messages === undefined) throw new Error('the stream ended before it named its path')
    return new SseClient(share, events, messages)
  }

  /** Posts a message, which must be accepted; the answer comes on the stream. */
  async post(body: string): Promise<void> {
    const headers = { authorization: `Bearer ${this.#share.clientToken}`, 'content-type': 'application/json' }
    const { status } = await fetchRelay(this.#messages, { method: 'POST', body, headers })
    if (status !== 202) throw new Error(`the message was answered with ${status}`)
  }

  initialize(): Promise<void> {
    return this.post(
      '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
    )
  }

  /** The next message on the stream, parsed. */
  async next(): Promise<unknown> {
    const data = await this.events.next()
    return data === undefined ? undefined : JSON.parse(data)
  }
}
