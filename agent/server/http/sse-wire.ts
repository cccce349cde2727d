/** Speaks HTTP+SSE of revision 2024-11-05 to a server: one stream for all that it says, and a POST for each message to it. */
import { type ErrorCode, errorResponse, type Failure } from '../../../protocol/errors.ts'
import { canonicalId, otherTypeId } from '../../../protocol/json/json-id.ts'
import { scanWithoutNulls } from '../../../protocol/members/null-members.ts'
import { EventStream } from './event-stream.ts'
import { HttpRequest } from './http-request.ts'
import { isSuccess, mediaType } from './http-server.ts'
import type { Outgoing, RemotePort, Wire } from './remote-child.ts'
import { responseFault } from './server-faults.ts'

export class SseWire implements Wire {
  readonly #port: RemotePort
  /** Raw ids of calls that run, by canonical id. */
  readonly #calls = new Map<string, string>()
  readonly #posts = new Set<HttpRequest>()
  /** Where messages are posted, once the server has said so. */
  #endpoint: Promise<URL | undefined> | undefined
  #stream: HttpRequest | undefined
  #isCut = false

  constructor(port: RemotePort) {
    this.#port = port
  }

  get isBusy(): boolean {
    return this.#calls.size > 0
  }

  async send(message: Outgoing): Promise<void> {
    const { kind, id, method, requestId } = message.facts
    const rawId = kind === 'request' ? id?.raw : undefined
    if (rawId !== undefined) this.#calls.set(canonicalId(rawId), rawId)
    else if (method === 'notifications/cancelled' && requestId !== undefined) this.#calls.delete(canonicalId(requestId.raw))
    const url = await (this.#endpoint ??= this.#open())
    if (url !== undefined && !this.#isCut) await this.#post(url, message, rawId)
  }

  cut(): void {
    this.#isCut = true
    this.#calls.clear()
    this.#stream?.destroy()
    for (const post of this.#posts) post.destroy()
  }

  /** The stream's end is the session's. */
  async leave(): Promise<void> {}

  /** Opens the stream. Resolves with the address for messages; undefined when the session is over before. */
  async #open(): Promise<URL | undefined> {
    const { server } = this.#port
    const stream = new HttpRequest(server, { method: 'GET', headers: { accept: 'text/event-stream', ...this.#port.credentials } })
    this.#stream = stream
    try {
      const response = await stream.response
      if (!isSuccess(response) || mediaType(response) !== 'text/event-stream') {
        response.destroy()
        const refusal = server.signInFailure(response)
        if (refusal !== undefined) {
          this.#refused(refusal)
          return undefined
        }
        const { code, meaning } = responseFault(response, server.place)
        this.#lost(code, meaning.replace('A server of HTTP+SSE needs --sse', 'A server of Streamable HTTP needs no --sse'))
        return undefined
      }
      const endpoint = Promise.withResolvers<URL | undefined>()
      const events = new EventStream({
        event: (type, data) => (type === 'endpoint' ? endpoint.resolve(this.#endpointOf(data)) : this.#hear(type, data)),
        tooLong: (...parts) => this.#port.tooLong(...parts),
      })
      void this.#port.flow
        .read(response, (chunk) => events.push(chunk))
        .catch(() => {})
        .then(() => {
          endpoint.resolve(undefined)
          if (!this.#isCut) this.#lost('SERVER_STREAM_LOST', `${server.place} ended its stream of events, and with it the session`)
        })
      return await endpoint.promise
    } catch (error) {
      if (!this.#isCut) this.#lost('SERVER_UNREACHABLE', error instanceof Error ? error.message : String(error))
      return undefined
    }
  }

  /** The stream is its client's to have: all that waits for it is told so. */
  #refused(failure: Failure): void {
    const { code, challenge } = failure
    for (const rawId of this.#calls.values()) this.#port.refused(rawId, failure)
    this.#calls.clear()
    this.#port.over({
      words: `${this.#port.server.place} wants its client to sign in`,
      code,
      ...(challenge !== undefined && { challenge }),
    })
  }

  /** Nothing can be answered any more. */
  #lost(code: ErrorCode, words: string): void {
    this.#calls.clear()
    this.#port.over({ words, code })
  }

  #endpointOf(data: Uint8Array): URL | undefined {
    const { url, place } = this.#port.server
    const text = Buffer.from(data).toString('utf8').trim()
    const endpoint = URL.canParse(text, url.href) ? new URL(text, url) : undefined
    if (endpoint?.origin === url.origin) return endpoint
    // What the agent is given for this server is told to no other.
    this.#lost('SERVER_NOT_MCP', `${place} wants messages posted to another origin`)
    return undefined
  }

  #hear(type: string, line: Uint8Array): void {
    if (type !== 'message' || this.#isCut) return
    const { scanned } = scanWithoutNulls(line)
    const isAnswer = scanned.ok && (scanned.value.kind === 'result' || scanned.value.kind === 'error')
    if (isAnswer && scanned.value.id !== undefined) {
      const id = canonicalId(scanned.value.id.raw)
      if (this.#calls.delete(id) || this.#calls.delete(otherTypeId(id) ?? id)) this.#port.answered()
    }
    this.#port.heard(line)
    this.#port.settled()
  }

  async #post(url: URL, { bytes, taken, credentials }: Outgoing, rawId: string | undefined): Promise<void> {
    const { server } = this.#port
    const request = new HttpRequest(
      server,
      { method: 'POST', headers: { 'content-type': 'application/json', ...credentials }, body: bytes },
      taken,
      url,
    )
    this.#posts.add(request)
    const response = await request.response.catch((error: unknown) => {
      if (this.#isCut) return
      if (rawId !== undefined && !request.isSent) this.#calls.delete(canonicalId(rawId))
      if (!request.isSent)
        this.#port.over({ code: 'SERVER_UNREACHABLE', words: error instanceof Error ? error.message : String(error) }, rawId)
      else if (rawId !== undefined) this.#fail(rawId, { code: 'SERVER_STREAM_LOST', executed: 'unknown' })
    })
    this.#posts.delete(request)
    if (response === undefined) return
    response.resume()
    if (isSuccess(response)) return
    const refusal = server.signInFailure(response)
    if (refusal !== undefined) return rawId === undefined ? undefined : this.#refusedCall(rawId, refusal)
    const { code, executed, detail } = responseFault(response, server.place)
    if (response.statusCode === 404) {
      if (rawId !== undefined) this.#calls.delete(canonicalId(rawId))
      this.#port.over({ words: 'the server does not know the session any more: it was restarted', code: 'CHILD_DIED' }, rawId)
    } else if (rawId !== undefined) this.#fail(rawId, { code, executed, detail })
  }

  #refusedCall(rawId: string, failure: Failure): void {
    this.#calls.delete(canonicalId(rawId))
    this.#port.refused(rawId, failure)
    this.#port.settled()
  }

  #fail(rawId: string, failure: Failure): void {
    this.#calls.delete(canonicalId(rawId))
    // An answer comes after its request.
    setImmediate(() => {
      if (!this.#isCut) this.#port.heard(Buffer.from(errorResponse(rawId, failure)))
      this.#port.settled()
    })
  }
}
