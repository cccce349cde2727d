/** The stream of a session on which a server of Streamable HTTP says what belongs to no call: opened again when it ends, behind the last event (MCP 2025-11-25, basic/transports). */
import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { HTTP_RETRY_MAX_MS, HTTP_RETRY_MS, HTTP_STREAM_TRIES } from '../../limits.ts'
import { EventStream } from './event-stream.ts'
import { HttpRequest } from './http-request.ts'
import { isSuccess, mediaType } from './http-server.ts'
import type { RemotePort } from './remote-child.ts'

interface StandingStreamOptions {
  readonly port: RemotePort
  /** Headers of the GET; `lastId` is that of the event behind which to go on. */
  readonly headers: (lastId: string | undefined) => Readonly<Record<string, string>>
  /** The server, or its session, is there no more; in words for its owner. */
  readonly lost: (words: string) => void
}

export class StandingStream {
  readonly #options: StandingStreamOptions
  readonly #cut = new AbortController()
  #request: HttpRequest | undefined
  #response: IncomingMessage | undefined
  #lastId: string | undefined
  #wasOpen = false
  #wasRefused = false

  constructor(options: StandingStreamOptions) {
    this.#options = options
  }

  /** Whether the server has refused it for whom it comes from. */
  get wasRefused(): boolean {
    return this.#wasRefused
  }

  /** Resolves when the stream is not opened any more; after a refusal it may be run again, and goes on where it was. Never rejects. */
  async run(): Promise<void> {
    this.#wasRefused = false
    let pauseMs = HTTP_RETRY_MS
    for (let failures = 0; failures < HTTP_STREAM_TRIES;) {
      const came = await this.#once()
      if (this.#cut.signal.aborted || came === 'none') return
      const isHealthy = came !== 'failed' && came.count > 0
      failures = came === 'failed' ? failures + 1 : 0
      // A server that ends each stream at once is asked less and less.
      pauseMs = isHealthy ? (came.retryMs ?? HTTP_RETRY_MS) : Math.min(2 * Math.max(pauseMs, 1), HTTP_RETRY_MAX_MS)
      await delay(pauseMs, undefined, { signal: this.#cut.signal }).catch(() => {})
      if (this.#cut.signal.aborted) return
    }
    if (this.#wasOpen) this.#options.lost('the server is not there any more')
  }

  cut(): void {
    this.#cut.abort()
    this.#request?.destroy()
    this.#response?.destroy()
  }

  /** One stream, from its beginning to its end; `none` when there is to be no other. */
  async #once(): Promise<EventStream | 'failed' | 'none'> {
    const { port, headers, lost } = this.#options
    this.#request = new HttpRequest(port.server, { method: 'GET', headers: headers(this.#lastId) })
    const response = await this.#request.response.catch(() => undefined)
    if (this.#cut.signal.aborted) return 'none'
    this.#response = response
    if (response === undefined) return 'failed'
    const { statusCode = 0 } = response
    if (!isSuccess(response) || mediaType(response) !== 'text/event-stream') {
      response.destroy()
      this.#wasRefused = port.server.signInFailure(response) !== undefined
      if (statusCode >= 500 || statusCode === 409 || statusCode === 429) return 'failed'
      // A server without such streams says 405, or what it says to any address that it does not know.
      if (this.#wasOpen && (statusCode === 404 || statusCode === 400))
        lost('the server does not know the session any more: it was restarted')
      return 'none'
    }
    this.#wasOpen = true
    const events = new EventStream(
      { event: (type, data) => (type === 'message' ? port.heard(data) : undefined), tooLong: (...parts) => port.tooLong(...parts) },
      this.#lastId,
    )
    await port.flow.read(response, (chunk) => events.push(chunk)).catch(() => {})
    this.#lastId = events.lastId
    return events
  }
}
