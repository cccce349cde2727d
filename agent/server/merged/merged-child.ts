/**
 * One MCP server made of several, for one session. Towards its channel it is a process as any other; each of the servers has one of its own
 * behind it, whose end is only its own.
 */
import { canonicalId, type MessageFacts, scanMessage } from '../../../protocol/json/json-scan.ts'
import { replacement, splice } from '../../../protocol/splice.ts'
import { errorResponse } from '../../../protocol/errors.ts'
import { MERGED_TOKENS } from '../../limits.ts'
import type { Child, ChildHandlers } from '../child.ts'
import { checkLists } from './list-check.ts'
import { inMessage, inNotification, type Origin, ownRelatedTask } from './merged-answers.ts'
import { MergedAsks } from './merged-asks.ts'
import { LIST_KINDS } from './merged-lists.ts'
import { MergedPart, type PartPort, type SessionOpening } from './merged-part.ts'
import { afterAll, MergedQuestions } from './merged-questions.ts'
import { type ClientRequest, MergedRequests } from './merged-requests.ts'
import type { MergedServers } from './merged-servers.ts'
import type { MergedSession } from './merged-session.ts'
import { MergedUris } from './merged-uris.ts'
import { textOf, valueAt } from './message-spans.ts'
import { RepeatedRequests } from './repeated-requests.ts'

type Taken = (taken: boolean) => void

const ALL_LISTS: readonly (string | undefined)[] = Object.values(LIST_KINDS).map(({ changed }) => changed)

/** Starts sessions of these servers as one. `version`: the agent's. */
export function mergedStart(servers: MergedServers, version: string): (handlers: ChildHandlers) => Child {
  return (handlers) => new MergedChild(servers, version, handlers)
}

class MergedChild implements Child {
  readonly pid = undefined
  readonly #handlers: ChildHandlers
  readonly #servers: MergedServers
  readonly #parts = new Map<string, MergedPart>()
  readonly #asks = new MergedAsks()
  readonly #session: MergedSession
  readonly #questions: MergedQuestions
  readonly #requests: MergedRequests
  readonly #opening: SessionOpening
  /** Which server's calls have which progress tokens. */
  readonly #tokens = new Map<string, string>()
  /** Notifications that a server's clients are owed when it can be listed, by its name. */
  readonly #missed = new Map<string, Set<string | undefined>>()
  readonly #ending = new Set<Promise<void>>()
  readonly #unlisten: () => void
  #isPaused = false
  #stopping: Promise<void> | undefined

  constructor(servers: MergedServers, version: string, handlers: ChildHandlers) {
    this.#handlers = handlers
    this.#servers = servers
    this.#opening = {
      initialize: undefined,
      initialized: undefined,
      repeated: (server) => this.#session.repeated.of(server, this.#parts.get(server)?.hello?.capabilities['logging'] !== undefined),
    }
    this.#session = {
      parts: this.#parts,
      uris: new MergedUris(),
      opening: this.#opening,
      version,
      greeted: new Set(),
      say: (message) => this.#say(message),
      changed: (notifications) => this.#tellChanged(notifications),
      missed: (part, method) => this.#miss(part, method),
      origin: (part) => this.#origin(part),
      repeated: new RepeatedRequests(),
    }
    this.#questions = new MergedQuestions(this.#session)
    this.#requests = new MergedRequests(this.#session, (part, facts) => this.#noteToken(part, facts))
    this.#unlisten = servers.onChange(() => this.#take())
    this.#take()
  }

  unfinished(): undefined {}

  write(bytes: Uint8Array, done: Taken): void {
    if (this.#stopping !== undefined) return done(false)
    const scanned = scanMessage(bytes)
    // A relay that is as it should be sends none such.
    if (!scanned.ok) return done(true)
    const { kind, id } = scanned.value
    if (kind === 'notification') return this.#notification(bytes, scanned.value, done)
    if (id === undefined) return done(true)
    if (kind === 'request') this.#request({ bytes, facts: scanned.value, rawId: id.raw, done })
    else this.#answer(bytes, scanned.value, id.raw, done)
  }

  pause(): void {
    this.#isPaused = true
    for (const part of this.#parts.values()) part.pause()
  }

  resume(): void {
    this.#isPaused = false
    for (const part of this.#parts.values()) part.resume()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  kill(): void {
    for (const part of this.#parts.values()) part.kill()
    void this.stop()
  }

  async #stop(): Promise<void> {
    this.#unlisten()
    this.#questions.stop()
    await Promise.all([...this.#ending, ...[...this.#parts.values()].map((part) => part.stop())])
    this.#handlers.gone({ exitCode: null, signal: null, stderr: '' })
  }

  #request(request: ClientRequest): void {
    const { bytes, facts, rawId, done } = request
    const { method } = facts
    if (this.#requests.route(request)) return
    if (method === 'logging/setLevel') this.#session.repeated.setLevel(textOf(bytes, valueAt(bytes, ['params', 'level'])))
    if (Object.hasOwn(LIST_KINDS, method)) return this.#questions.list(method, request)
    if (method === 'logging/setLevel') return this.#questions.setLevel(request)
    done(true)
    if (method === 'initialize') this.#questions.initialize(bytes, rawId)
    else if (method === 'ping') this.#sayLater(`{"jsonrpc":"2.0","id":${rawId},"result":{}}`)
    else this.#sayLater(errorResponse(rawId, { code: 'METHOD_UNKNOWN', executed: 'no' }))
  }

  #notification(bytes: Uint8Array, facts: MessageFacts, done: Taken): void {
    const { method, requestId, progressToken } = facts
    if (method === 'notifications/progress') {
      const ask = progressToken && this.#asks.whose(progressToken.raw)
      const part = this.#parts.get(ask?.server ?? '')
      if (part === undefined || progressToken === undefined || ask?.rawToken === undefined) return done(true)
      return part.tell(splice(bytes, [replacement(progressToken.span, ask.rawToken)]), done)
    }
    if (method === 'notifications/cancelled' && requestId !== undefined) {
      this.#questions.drop(requestId.raw)
      for (const part of this.#parts.values()) if (part.has(requestId.raw)) part.cancel(requestId.raw, bytes)
      return done(true)
    }
    if (method === 'notifications/initialized') {
      this.#opening.initialized = bytes
      for (const part of this.#parts.values()) part.initialized()
      return done(true)
    }
    const taken = afterAll(this.#parts.size, done)
    for (const part of this.#parts.values()) part.tell(bytes, taken)
  }

  /** The client answers a request of one of the servers. */
  #answer(bytes: Uint8Array, { id, kind }: MessageFacts, rawId: string, done: Taken): void {
    const ask = this.#asks.end(rawId)
    const part = this.#parts.get(ask?.server ?? '')
    if (ask === undefined || part === undefined || id === undefined) return done(true)
    const related = kind === 'result' ? ownRelatedTask(bytes, 'result') : []
    part.tell(splice(bytes, [replacement(id.span, ask.rawId), ...related]), done)
  }

  /** Takes the servers as they are now: what has not changed goes on. */
  #take(): void {
    const wanted = new Map(this.#servers.all.map((server) => [server.name, server]))
    const before = new Map(this.#parts)
    this.#parts.clear()
    for (const [name, part] of before) if (wanted.get(name) !== part.server) this.#end(part)
    for (const [name, server] of wanted) {
      const kept = before.get(name)
      this.#parts.set(name, kept?.server === server ? kept : this.#begin(new MergedPart(server, this.#port())))
    }
    if ([...this.#parts].some(([name, part]) => before.get(name) !== part) || [...before.keys()].some((name) => !wanted.has(name))) {
      this.#tellChanged(ALL_LISTS)
      this.#questions.look()
    }
  }

  #begin(part: MergedPart): MergedPart {
    if (this.#isPaused) part.pause()
    return part
  }

  #end(part: MergedPart): void {
    const { name } = part
    this.#session.greeted.delete(name)
    this.#session.uris.forget(name)
    this.#missed.delete(name)
    this.#session.repeated.forget(name)
    this.#takeBackAsks(name)
    const ending = part.stop()
    this.#ending.add(ending)
    void ending.then(() => this.#ending.delete(ending))
  }

  #port(): PartPort {
    return {
      opening: this.#opening,
      said: (part, bytes, facts, of) =>
        facts.kind === 'request' ? this.#ask(part, bytes, facts, of) : this.#notified(part, bytes, facts, of),
      changed: () => this.#questions.look(),
      opened: (part, isAgain) => this.#opened(part, isAgain),
      gone: (part) => this.#takeBackAsks(part.name),
      stderr: (line) => this.#handlers.stderr(line),
    }
  }

  #ask(part: MergedPart, bytes: Uint8Array, facts: MessageFacts, of: string | undefined): void {
    const { id, method, requestToken } = facts
    if (id === undefined) return
    if (method === 'ping') return part.reply(Buffer.from(`{"jsonrpc":"2.0","id":${id.raw},"result":{}}\n`))
    this.#say(this.#asks.ask(part.name, bytes, { id, requestToken }, inMessage(bytes, this.#origin(part))), of)
  }

  #notified(part: MergedPart, bytes: Uint8Array, { method, requestId, progressToken }: MessageFacts, of: string | undefined): void {
    if (method === 'notifications/cancelled') {
      const shown = requestId === undefined ? undefined : this.#asks.takenBack(part.name, requestId.raw)
      if (shown !== undefined && requestId !== undefined) this.#say(splice(bytes, [replacement(requestId.span, shown)]), of)
      return
    }
    // A token is its client's: no other server may speak of its call.
    if (progressToken !== undefined && (this.#tokens.get(canonicalId(progressToken.raw)) ?? part.name) !== part.name) return
    for (const [list, { changed }] of Object.entries(LIST_KINDS)) if (changed === method) part.memory.forget(list)
    const origin = this.#origin(part)
    const named = inNotification(method, bytes, origin)
    if (named !== undefined) this.#say(splice(bytes, [...named, ...inMessage(bytes, origin)]), of)
  }

  /** A server takes requests: whoever was told nothing of it, or something else, is told that lists have changed. */
  #opened(part: MergedPart, isAgain: boolean): void {
    const { greeted } = this.#session
    const owed = this.#missed.get(part.name) ?? new Set()
    this.#missed.delete(part.name)
    if (!greeted.has(part.name)) {
      greeted.add(part.name)
      for (const { changed, capability } of Object.values(LIST_KINDS))
        if (part.hello?.capabilities[capability[0] ?? ''] !== undefined) owed.add(changed)
    }
    this.#tellChanged([...owed])
    if (!isAgain) return
    checkLists(part, (method) => {
      part.memory.forget(method)
      const changed = LIST_KINDS[method]?.changed
      if (!owed.has(changed)) this.#tellChanged([changed])
    })
  }

  /** Only a client that has begun listens for that. */
  #tellChanged(notifications: readonly (string | undefined)[]): void {
    if (this.#opening.initialized === undefined) return
    for (const method of new Set(notifications)) if (method !== undefined) this.#say(Buffer.from(`{"jsonrpc":"2.0","method":"${method}"}`))
  }

  #miss(part: MergedPart, method: string): void {
    const owed = this.#missed.get(part.name) ?? new Set()
    this.#missed.set(part.name, owed.add(LIST_KINDS[method]?.changed))
  }

  /** Nobody waits any more for what a server has asked that is gone. */
  #takeBackAsks(server: string): void {
    for (const shown of this.#asks.lost(server))
      this.#say(
        Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${shown},"reason":"the server has ended"}}`),
      )
  }

  #noteToken(part: MergedPart, { requestToken }: MessageFacts): void {
    if (requestToken === undefined) return
    const token = canonicalId(requestToken.raw)
    this.#tokens.delete(token)
    this.#tokens.set(token, part.name)
    const [oldest] = this.#tokens.keys()
    if (oldest !== undefined && this.#tokens.size > MERGED_TOKENS) this.#tokens.delete(oldest)
  }

  #origin(part: MergedPart): Origin {
    const { name, server } = part
    return { server: name, isBare: server.isBare, uris: this.#session.uris, isOther: (other) => other !== name && this.#parts.has(other) }
  }

  #say(message: Uint8Array, of?: string): void {
    if (this.#stopping === undefined) this.#handlers.line(message, of)
  }

  /** An answer comes after its request. */
  #sayLater(text: string): void {
    setImmediate(() => this.#say(Buffer.from(text)))
  }
}
