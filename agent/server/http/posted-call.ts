/** One request posted to a server of Streamable HTTP, until its answer: as JSON, or on a stream that is opened again where it broke off. It is posted twice only when the server has refused it for its headers. */
import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import { canonicalId, otherTypeId } from '../../../protocol/json/json-id.ts'
import { findMember, scanBatch, scanMessage, type MessageFacts } from '../../../protocol/json/json-scan.ts'
import { OPEN_ARRAY, skipSpace } from '../../../protocol/json/json-skip.ts'
import { scanWithoutNulls } from '../../../protocol/members/null-members.ts'
import { replacement, splice } from '../../../protocol/splice.ts'
import {
  HTTP_EMPTY_STREAMS,
  HTTP_ERROR_BYTES,
  HTTP_ERROR_MS,
  HTTP_LINGER_MS,
  HTTP_RETRY_MAX_MS,
  HTTP_RETRY_MS,
  HTTP_STREAM_TRIES,
} from '../../limits.ts'
import { EventStream } from './event-stream.ts'
import { HttpRequest } from './http-request.ts'
import { withoutMark } from '../line-splitter.ts'
import { isSuccess, mediaType } from './http-server.ts'
import type { Outgoing, RemotePort } from './remote-child.ts'
import { responseFault } from './server-faults.ts'

/** What a call needs of its session. */
export interface CallSession {
  readonly isModern: boolean
  /** Whether the server has given the session an id, so that it may lose it. */
  readonly hasSession: boolean
  /** Headers of a POST; anew for a second try. */
  postHeaders(call: Outgoing): Promise<Readonly<Record<string, string>>>
  /** Headers of a GET that goes on behind an event. */
  resumeHeaders(lastId: string): Readonly<Record<string, string>>
  /** The head of the response to a request has come. */
  responded(facts: MessageFacts, response: IncomingMessage): void
  /** The answer to a request has come. */
  answered(facts: MessageFacts, line: Uint8Array): void
  /** The server does not know the session any more, and so has not taken this call. */
  lost(rawId: string): void
  /** The server was not there: the call never began. */
  unreachable(words: string): void
  /** The connection broke when the call may have begun. Resolves with whether the server is still there. */
  survived(): Promise<boolean>
  /** Whether the headers of a call that was refused for them can be made anew. */
  mayCorrect(call: Outgoing): boolean
}

/** HeaderMismatch (MCP 2026-07-28, Streamable HTTP). */
const HEADER_MISMATCH = -32020
/** Of official and other servers that have lost a session and answer 400. */
const SESSION_WORDS = /session/i

export class PostedCall {
  readonly facts: MessageFacts
  readonly #port: RemotePort
  readonly #session: CallSession
  readonly #message: Outgoing
  readonly #rawId: string
  readonly #id: string
  #request: HttpRequest | undefined
  #response: IncomingMessage | undefined
  #isAnswered = false
  #isCut = false
  readonly #cut = new AbortController()

  constructor(port: RemotePort, session: CallSession, message: Outgoing, rawId: string) {
    this.#port = port
    this.#session = session
    this.#message = message
    this.facts = message.facts
    this.#rawId = rawId
    this.#id = canonicalId(rawId)
  }

  /** Resolves when nothing more comes of it. Never rejects. */
  async run(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const headers = await this.#session.postHeaders(this.#message)
      if (this.#isCut) return
      const request = new HttpRequest(this.#port.server, { method: 'POST', headers, body: this.#message.bytes }, this.#message.taken)
      this.#request = request
      const response = await request.response.catch((error: unknown) => this.#noResponse(request, error))
      if (response === undefined || this.#isCut) return void response?.destroy()
      this.#response = response
      this.#session.responded(this.facts, response)
      if ((await this.#take(response, tries)) !== 'again') return
    }
  }

  /** Ends it without an answer: nothing is passed on any more. */
  cut(): void {
    this.#isCut = true
    this.#cut.abort()
    this.#request?.destroy()
    this.#response?.destroy()
  }

  async #noResponse(request: HttpRequest, error: unknown): Promise<undefined> {
    if (this.#isCut) return
    if (!request.isSent) this.#session.unreachable(error instanceof Error ? error.message : String(error))
    else await this.#broken()
  }

  async #take(response: IncomingMessage, tries: number): Promise<'again' | void> {
    const type = mediaType(response)
    try {
      if (!isSuccess(response)) return await this.#refused(response, tries)
      if (type === 'text/event-stream') return await this.#stream(response)
      if (type === 'application/json') return await this.#whole(response)
    } catch {
      return this.#isCut || this.#isAnswered ? undefined : await this.#broken()
    }
    this.#faulty(response)
  }

  async #whole(response: IncomingMessage): Promise<void> {
    const body = await this.#port.flow.readWhole(response)
    if (body === undefined) {
      response.destroy()
      return this.#fail({ code: 'LINE_TOO_LONG', executed: 'yes' })
    }
    this.#hear(oneLine(body))
    if (!this.#isAnswered) this.#fail({ code: 'SERVER_STREAM_LOST', executed: 'unknown', detail: 'its response held no answer' })
  }

  async #stream(first: IncomingMessage): Promise<void> {
    let lastId: string | undefined
    let pauseMs: number | undefined
    let empty = 0
    let response: IncomingMessage | undefined = first
    while (response !== undefined) {
      const events = new EventStream(
        { event: (type, data) => this.#event(type, data), tooLong: (...parts) => this.#port.tooLong(...parts) },
        lastId,
      )
      await this.#port.flow.read(response, (chunk) => events.push(chunk)).catch(() => {})
      if (this.#isCut || this.#isAnswered) return
      lastId = events.lastId
      pauseMs = events.retryMs ?? pauseMs
      empty = events.count === 0 ? empty + 1 : 0
      // Of 2026-07-28 no stream can be opened again.
      if (lastId === undefined || this.#session.isModern || empty > HTTP_EMPTY_STREAMS) return await this.#broken()
      response = await this.#reopen(lastId, pauseMs)
    }
  }

  /** The rest of the stream; undefined when there is none, and the call has been told so. */
  async #reopen(lastId: string, retryMs: number | undefined): Promise<IncomingMessage | undefined> {
    let pauseMs = retryMs ?? HTTP_RETRY_MS
    for (let tries = 0; tries < HTTP_STREAM_TRIES; tries++) {
      await delay(pauseMs, undefined, { signal: this.#cut.signal }).catch(() => {})
      if (this.#isCut) return undefined
      this.#request = new HttpRequest(this.#port.server, { method: 'GET', headers: this.#session.resumeHeaders(lastId) })
      const response = await this.#request.response.catch(() => undefined)
      if (this.#isCut) return void response?.destroy()
      this.#response = response
      if (response !== undefined && isSuccess(response) && mediaType(response) === 'text/event-stream') return response
      const status = response?.statusCode ?? 0
      response?.destroy()
      if (status >= 400 && status < 500 && status !== 409 && status !== 429) break
      pauseMs = Math.min(2 * Math.max(pauseMs, 1), HTTP_RETRY_MAX_MS)
    }
    await this.#broken()
    return undefined
  }

  #event(type: string, data: Uint8Array): void {
    // Events of other names are not of this protocol.
    if (type === 'message') this.#hear(data)
  }

  /** Passes a message on, and notes whether it is the answer. */
  #hear(line: Uint8Array): void {
    if (this.#isCut) return
    if (!this.#isAnswered && this.#holdsAnswer(line)) this.#end(line)
    this.#port.heard(line, this.#rawId)
  }

  #holdsAnswer(line: Uint8Array): boolean {
    if (line[skipSpace(line, 0)] === OPEN_ARRAY) {
      const batch = scanBatch(line)
      return batch.ok && batch.value !== undefined && batch.value.some(([from, to]) => this.#isAnswer(line.subarray(from, to)))
    }
    return this.#isAnswer(line)
  }

  #isAnswer(line: Uint8Array): boolean {
    const { scanned } = scanWithoutNulls(line)
    if (!scanned.ok || (scanned.value.kind !== 'result' && scanned.value.kind !== 'error') || scanned.value.id === undefined) return false
    const id = canonicalId(scanned.value.id.raw)
    return id === this.#id || id === otherTypeId(this.#id)
  }

  #end(line: Uint8Array): void {
    this.#isAnswered = true
    this.#port.answered()
    this.#session.answered(this.facts, line)
    // What is still open then has nothing more to say.
    const { response } = { response: this.#response }
    setTimeout(() => response?.destroy(), HTTP_LINGER_MS).unref()
  }

  async #refused(response: IncomingMessage, tries: number): Promise<'again' | void> {
    const { statusCode = 0 } = response
    const timer = setTimeout(() => response.destroy(), HTTP_ERROR_MS)
    const body = await this.#port.flow.readWhole(response, HTTP_ERROR_BYTES).catch(() => undefined)
    clearTimeout(timer)
    if (this.#isCut) return
    const line = body === undefined ? new Uint8Array(0) : oneLine(body)
    const error = errorIn(line)
    const isLost = statusCode === 404 || (statusCode === 400 && SESSION_WORDS.test(error?.message ?? Buffer.from(line).toString('latin1')))
    if (isLost && this.#session.hasSession && !this.#session.isModern) return this.#session.lost(this.#rawId)
    if (error?.code === HEADER_MISMATCH && tries === 0 && this.#session.mayCorrect(this.#message)) return 'again'
    const refusal = this.#port.server.signInFailure(response)
    if (refusal !== undefined) return this.#refusedFor(refusal)
    if (error === undefined || statusCode === 401 || statusCode === 403) return this.#faulty(response)
    this.#hear(error.idSpan === undefined ? line : splice(line, [replacement(error.idSpan, this.#rawId)]))
    if (!this.#isAnswered) this.#faulty(response)
  }

  /** For its client to mend. A session that could not begin is over: what waits in it is refused in the same way. */
  #refusedFor(failure: Failure): void {
    const { code, challenge } = failure
    this.#port.refused(this.#rawId, failure)
    if (this.facts.method !== 'initialize') return
    const words = `${this.#port.server.place} wants its client to sign in`
    this.#port.over({ words, code, ...(challenge !== undefined && { challenge }) }, this.#rawId)
  }

  /** It is no message of this protocol that has come. */
  #faulty(response: IncomingMessage): void {
    response.destroy()
    const { code, executed, detail, meaning } = responseFault(response, this.#port.server.place)
    if (this.#port.hasAnswered) this.#fail({ code, executed, detail })
    else this.#port.over({ words: meaning, code }, executed === 'no' ? this.#rawId : undefined)
  }

  /** The connection is gone before the answer, and nothing can be asked for again. */
  async #broken(): Promise<void> {
    if (await this.#session.survived()) this.#fail({ code: 'SERVER_STREAM_LOST', executed: 'unknown' })
  }

  #fail(failure: Failure): void {
    if (this.#isCut) return
    // A listen is over when its stream is, and its client listens anew.
    const line =
      this.facts.method === 'subscriptions/listen'
        ? `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${this.#rawId}}}`
        : errorResponse(this.#rawId, failure)
    this.#port.heard(Buffer.from(line))
  }
}

/** A body as one line: line ends, which in JSON are white space only, become spaces. Without a byte order mark, as lines of processes are. */
function oneLine(body: Uint8Array): Uint8Array {
  for (const end of [0x0a, 0x0d]) for (let at = body.indexOf(end); at !== -1; at = body.indexOf(end, at + 1)) body[at] = 0x20
  return withoutMark(body)
}

interface HttpError {
  readonly code: unknown
  readonly message: string
  /** Where `null` stands in place of the id of the request that it answers. */
  readonly idSpan?: readonly [number, number]
}

/** The JSON-RPC error that a body is; undefined of any other. */
function errorIn(line: Uint8Array): HttpError | undefined {
  const scanned = scanMessage(line)
  if (!scanned.ok || scanned.value.kind !== 'error') return undefined
  const { id } = scanned.value
  try {
    const { error } = JSON.parse(Buffer.from(line).toString('utf8')) as {
      readonly error?: { readonly code?: unknown; readonly message?: unknown }
    }
    const span = id?.raw === 'null' ? findMember(line, skipSpace(line, 0), 'id') : undefined
    return { code: error?.code, message: String(error?.message), ...(span !== undefined && { idSpan: span }) }
  } catch {
    return undefined
  }
}
