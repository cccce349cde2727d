/** Speaks Streamable HTTP, of revisions with sessions and of 2026-07-28 without, to a server (MCP, basic/transports). A session's first request says which of both it is. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { canonicalId, type MessageFacts } from '../../../protocol/json/json-scan.ts'
import type { MirroredParam } from '../../../protocol/mirrors/mirrored-params.ts'
import { HTTP_LEAVE_MS } from '../../limits.ts'
import { toolAudience } from '../tool-audience.ts'
import { claimedRevision, metaIn, modernHeaders, nameIn } from './modern-headers.ts'
import { HttpRequest } from './http-request.ts'
import { isSuccess } from './http-server.ts'
import { type CallSession, PostedCall } from './posted-call.ts'
import type { Outgoing, RemotePort, Wire } from './remote-child.ts'
import { StandingStream } from './standing-stream.ts'
import { askToolPage } from './tool-page.ts'

const POST = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const GET = { accept: 'text/event-stream' }

export class StreamableWire implements Wire, CallSession {
  readonly #port: RemotePort
  /** By canonical id. */
  readonly #calls = new Map<string, PostedCall>()
  readonly #notices = new Set<HttpRequest>()
  #standing: StandingStream | undefined
  /** `notifications/initialized` that the server has refused for whom it came from: it serves nobody before it has that. */
  #refusedBeginning: Outgoing | undefined
  /** While that is told again. */
  #beginning: Promise<void> | undefined
  /** Of revision 2026-07-28, as its requests claim it; `null` in a session of an older one. */
  #revision: string | null | undefined
  #sessionId: string | undefined
  /** What was agreed on by initialize. */
  #version: string | undefined

  constructor(port: RemotePort) {
    this.#port = port
  }

  get isBusy(): boolean {
    return [...this.#calls.values()].some(({ facts }) => facts.method !== 'subscriptions/listen')
  }

  get isModern(): boolean {
    return typeof this.#revision === 'string'
  }

  get hasSession(): boolean {
    return this.#sessionId !== undefined
  }

  /** A listening stream that was refused may be opened now. */
  authorized(): void {
    if (this.#standing?.wasRefused === true) void this.#standing.run()
  }

  async send(message: Outgoing): Promise<void> {
    const { kind, id, method } = message.facts
    if (this.#refusedBeginning !== undefined) this.#beginAgain(this.#refusedBeginning, message)
    if (this.#beginning !== undefined) await this.#beginning
    if (kind === 'request' && id !== undefined) return await this.#call(message, id.raw)
    if (method === 'notifications/cancelled' && this.#cancel(message)) return
    await this.#notify(message)
  }

  cut(): void {
    this.#standing?.cut()
    for (const call of this.#calls.values()) call.cut()
    for (const notice of this.#notices) notice.destroy()
    this.#calls.clear()
  }

  async leave(): Promise<void> {
    if (this.#sessionId === undefined) return
    const request = new HttpRequest(this.#port.server, { method: 'DELETE', headers: this.#sessionHeaders() })
    const timer = setTimeout(() => request.destroy(), HTTP_LEAVE_MS)
    const response = await request.response.catch(() => undefined)
    clearTimeout(timer)
    response?.destroy()
  }

  async postHeaders(message: Outgoing): Promise<Readonly<Record<string, string>>> {
    const { bytes, facts, credentials } = message
    const revision = this.#revision
    if (typeof revision !== 'string') return { ...POST, ...this.#sessionHeaders(credentials) }
    const { method } = facts
    const tool = method === 'tools/call' ? nameIn(method, bytes) : undefined
    const mirrored = tool === undefined ? [] : await this.#mirroredFor(message, tool, revision)
    return { ...POST, ...credentials, ...modernHeaders({ method, revision, request: bytes }, mirrored) }
  }

  resumeHeaders(lastId: string): Readonly<Record<string, string>> {
    return { ...GET, ...this.#sessionHeaders(), 'last-event-id': lastId }
  }

  responded({ method }: MessageFacts, { headers }: IncomingMessage): void {
    const id = headers['mcp-session-id']
    if (method !== 'initialize' || typeof id !== 'string' || id === '') return
    this.#sessionId = id
    this.#port.server.hasGivenSession()
  }

  answered({ method }: MessageFacts, line: Uint8Array): void {
    if (method === 'initialize') this.#version = versionIn(line)
  }

  lost(rawId: string): void {
    this.#sessionId = undefined
    this.#port.over({ words: 'the server does not know the session any more: it was restarted', code: 'CHILD_DIED' }, rawId)
  }

  unreachable(words: string): void {
    this.#port.over({ words, code: 'SERVER_UNREACHABLE' })
  }

  async survived(): Promise<boolean> {
    const { server } = this.#port
    const isThere = await server.isListening()
    if (!isThere || !this.#port.hasAnswered)
      this.#port.over({ words: `${server.place} broke the connection off before it answered`, code: 'SERVER_STREAM_LOST' })
    return isThere && this.#port.hasAnswered
  }

  mayCorrect(message: Outgoing): boolean {
    if (!this.isModern || message.facts.method !== 'tools/call') return false
    this.#port.server.tools.forget(audienceOf(message))
    return true
  }

  /** As the server has listed the tool to clients like this one. */
  #mirroredFor(message: Outgoing, tool: string, revision: string): Promise<readonly MirroredParam[]> {
    const { server } = this.#port
    const { envelope = {} } = toolAudience(metaIn(message.bytes))
    const headers = { ...POST, ...message.credentials }
    return server.tools.paramsOf(audienceOf(message), tool, (cursor) => askToolPage(server, { revision, envelope, cursor, headers }))
  }

  async #call(message: Outgoing, rawId: string): Promise<void> {
    this.#revision ??= claimedRevision(message.bytes) ?? null
    const id = canonicalId(rawId)
    const call = new PostedCall(this.#port, this, message, rawId)
    this.#calls.set(id, call)
    await call.run()
    if (this.#calls.get(id) === call) this.#calls.delete(id)
    this.#port.settled()
  }

  /** Ends the request that is taken back. True when that is all: in 2026-07-28 a stream that its client closes is cancelled. */
  #cancel({ facts: { requestId }, taken }: Outgoing): boolean {
    const id = requestId === undefined ? undefined : canonicalId(requestId.raw)
    const call = id === undefined ? undefined : this.#calls.get(id)
    if (call === undefined || id === undefined) return false
    call.cut()
    this.#calls.delete(id)
    if (this.isModern) taken()
    return this.isModern
  }

  /** Once for each other credential. */
  #beginAgain(refused: Outgoing, { credentials }: Outgoing): void {
    if (credentials['authorization'] === refused.credentials['authorization']) return
    this.#refusedBeginning = undefined
    this.#beginning = this.#notify({ ...refused, credentials }).finally(() => (this.#beginning = undefined))
  }

  /** A notification, or the answer to a request of the server. */
  async #notify(message: Outgoing): Promise<void> {
    const { bytes, facts, taken, credentials } = message
    const version =
      typeof this.#revision === 'string' ? { 'mcp-protocol-version': this.#revision, ...credentials } : this.#sessionHeaders(credentials)
    const request = new HttpRequest(this.#port.server, { method: 'POST', headers: { ...POST, ...version }, body: bytes }, taken)
    this.#notices.add(request)
    const response = await request.response.catch((error: unknown) => {
      if (!request.isSent && this.#notices.has(request)) this.unreachable(error instanceof Error ? error.message : String(error))
    })
    this.#notices.delete(request)
    if (response === undefined) return
    response.resume()
    if (response.statusCode === 404 && this.hasSession)
      this.#port.over({ words: 'the server does not know the session any more: it was restarted', code: 'CHILD_DIED' })
    if (facts.method !== 'notifications/initialized') return
    if (isSuccess(response)) this.#listen()
    else if (this.#port.server.signInFailure(response) !== undefined) this.#refusedBeginning = message
  }

  #listen(): void {
    if (this.#standing !== undefined || this.isModern) return
    const headers = (lastId: string | undefined): Readonly<Record<string, string>> =>
      lastId === undefined ? { ...GET, ...this.#sessionHeaders() } : this.resumeHeaders(lastId)
    this.#standing = new StandingStream({ port: this.#port, headers, lost: (words) => this.#port.over({ words, code: 'CHILD_DIED' }) })
    void this.#standing.run()
  }

  #sessionHeaders(credentials = this.#port.credentials): Record<string, string> {
    return {
      ...credentials,
      ...(this.#sessionId === undefined ? {} : { 'mcp-session-id': this.#sessionId }),
      ...(this.#version === undefined ? {} : { 'mcp-protocol-version': this.#version }),
    }
  }
}

/** For whom a server's tools are: clients like this one, of which each that shows a credential is one by itself. */
function audienceOf({ bytes, credentials }: Outgoing): string {
  const { name } = toolAudience(metaIn(bytes))
  const { authorization } = credentials
  return authorization === undefined ? name : `${createHash('sha256').update(authorization).digest('base64')} ${name}`
}

/** The revision that the answer to initialize names. */
function versionIn(line: Uint8Array): string | undefined {
  try {
    const { result } = JSON.parse(Buffer.from(line).toString('utf8')) as { readonly result?: { readonly protocolVersion?: unknown } }
    const version = result?.protocolVersion
    // It is to be a header.
    return typeof version === 'string' && /^[\w.-]{1,64}$/.test(version) ? version : undefined
  } catch {
    return undefined
  }
}
