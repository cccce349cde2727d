/** A client of HTTP+SSE (MCP 2024-11-05): one stream, and posts to the path that it names. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { expect, vi } from 'vitest'
import { EventReader, fetchRelay, type ServerSentEvent, stubOf, type TestShare } from './relay.ts'

export class SseClient {
  readonly events: EventReader
  /** The id of the event that named the path for posts: an event source comes back with it. */
  readonly streamId: string
  readonly #share: TestShare
  readonly #messages: string

  private constructor(share: TestShare, events: EventReader, endpoint: ServerSentEvent) {
    this.#share = share
    this.events = events
    this.#messages = endpoint.data
    this.streamId = endpoint.id ?? ''
  }

  /** `lastEventId`: of the stream that this one is opened for again, as an event source does. */
  static async connect(share: TestShare, lastEventId?: string): Promise<SseClient> {
    const again = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const headers = { authorization: `Bearer ${share.clientToken}`, accept: 'text/event-stream', ...again }
    const events = new EventReader(await fetchRelay(`/s/${share.id}/sse`, { headers }))
    const endpoint = await events.nextEvent()
    if (endpoint === undefined) throw new Error('the stream ended before it named its path')
    return new SseClient(share, events, endpoint)
  }

  /** Posts a message, which must be accepted; the answer comes on the stream. */
  async post(body: string): Promise<void> {
    const headers = { authorization: `Bearer ${this.#share.clientToken}`, 'content-type': 'application/json' }
    const { status } = await fetchRelay(this.#messages, { method: 'POST', body, headers })
    if (status !== 202) throw new Error(`the message was answered with ${status}`)
  }

  initialize(name = 't'): Promise<void> {
    return this.post(
      `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"${name}","version":"1"}}}`,
    )
  }

  /** Leaves its stream, and waits until the Share has found that out. */
  async leaveNoticed(): Promise<void> {
    await this.events.cancel()
    await vi.waitFor(async () => expect(await runDurableObjectAlarm(stubOf(this.#share))).toBe(true))
  }

  /** The next message on the stream, parsed. */
  async next(): Promise<unknown> {
    const data = await this.events.next()
    return data === undefined ? undefined : JSON.parse(data)
  }
}
