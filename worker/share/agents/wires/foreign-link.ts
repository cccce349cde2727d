/**
 * Stands between the Share and an agent of another make, whose one server is for all callers: to the Share it speaks as an agent of
 * ours with one child for all, to the agent in its own dialect, with an id of the relay's own for each call.
 */
import { failedFrame } from '../../../../protocol/failed-frame.ts'
import type { Failure } from '../../../../protocol/errors.ts'
import type { ChannelAgentFrame, Call, Notify, RelayFrame } from '../../../../protocol/frame.ts'
import type { MessageFacts } from '../../../../protocol/json/json-scan.ts'
import { scanWithoutNulls } from '../../../../protocol/members/null-members.ts'
import { replacement, splice } from '../../../../protocol/splice.ts'
import { FOREIGN_START_MS, MAX_FOREIGN_MESSAGE_BYTES } from '../../../foreign-limits.ts'
import type { ForeignAgentFacts } from '../../../contract/foreign-makes.ts'
import type { Dialect } from './dialect.ts'
import { type ForeignCall, ForeignCalls, foreignId, keyOfForeignId } from './foreign-calls.ts'
import { ForeignHandshake } from './foreign-handshake.ts'
import { cancellationOf, helloOf, isTooLong } from './foreign-messages.ts'
import type { ForeignState, ForeignSurroundings } from './foreign-state.ts'
import { LinkCounts } from './link-counts.ts'
import { notificationsOf, refusalOf } from './server-messages.ts'
import { framesOf, type Inbound, inOneLine, type Outbound, PartlyCome } from './message-parts.ts'
import { overlong, TunnelWeb } from './tunnel-web.ts'

const NO_BODY = new Uint8Array(0)
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class ForeignLink {
  readonly #socket: WebSocket
  readonly #dialect: Dialect
  readonly #surroundings: ForeignSurroundings
  /** What never changes of it. */
  readonly #place: ForeignState
  readonly #channels: Set<string>
  readonly #calls: ForeignCalls
  readonly #parts = new PartlyCome()
  readonly #handshake: ForeignHandshake
  readonly #counts: LinkCounts
  readonly #web: TunnelWeb | undefined
  #lastNumber = 0

  constructor(socket: WebSocket, dialect: Dialect, state: ForeignState, surroundings: ForeignSurroundings) {
    this.#socket = socket
    this.#dialect = dialect
    this.#surroundings = surroundings
    this.#place = state
    this.#handshake = new ForeignHandshake(dialect, state, {
      send: (text) => socket.send(text),
      say: (message, key) => this.#say(message, key),
      close: (code, reason) => socket.close(code, reason),
      registered: () => surroundings.note(socket, this.#state(), Date.now() + FOREIGN_START_MS),
      served: (result) => this.#served(result),
    })
    this.#channels = new Set(state.channels)
    this.#calls = new ForeignCalls(state.isServing ? state.calls : undefined)
    this.#counts = new LinkCounts(state)
    const { tunnel } = dialect
    const say = surroundings.tunnelled.bind(undefined, socket)
    if (tunnel !== undefined) this.#web = new TunnelWeb({ tunnel, say, send: (text) => socket.send(text) })
  }

  /** Takes a frame of the Share. Throws when the socket cannot send. */
  write(header: RelayFrame, body: Uint8Array): void {
    switch (header.type) {
      case 'open':
        this.#channels.add(header.ch)
        this.#note()
        break
      case 'close':
        this.#channels.delete(header.ch)
        this.#note()
        break
      case 'call':
      case 'notify':
      case 'respond':
        this.#begin(header, body)
        break
      case 'upload': {
        const whole = this.#parts.goOn(header.key, body)
        if (whole !== undefined) this.#take(whole.header, whole.body)
        break
      }
      case 'replay':
        if (header.key !== undefined && header.to !== undefined) this.#resumed(header.ch, header.key, header.ra ?? header.to)
        break
      default:
        if ('x' in header) this.#web?.take(header, body)
        // Such an agent keeps nothing that could be receipted, held or sent again.
        break
    }
  }

  /** Has just been accepted. */
  greet(): void {
    if (this.#dialect.greeting === undefined) return
    this.#socket.send(this.#dialect.greeting)
    this.#handshake.again()
  }

  /** Takes a text of the agent. */
  read(text: string): void {
    const heard = isTooLong(text) ? overlong(text, this.#web !== undefined) : this.#dialect.incoming(text)
    switch (heard.kind) {
      case 'registers':
        this.#handshake.register(heard.name, heard.isBegun)
        break
      case 'message':
        this.#message(heard.body)
        break
      case 'answers':
        heard.bodies.forEach((body) => this.#message(body))
        this.#over(heard.key, heard.failure)
        break
      case 'web':
        this.#web?.heard(heard.said)
        break
      case 'restarts':
        this.#handshake.again()
        break
      case 'asks':
        this.#socket.send(heard.reply)
        break
      case 'leaves':
        if (this.#handshake.state.isServing) this.#surroundings.spoken(this.#socket, { type: 'drain' }, NO_BODY)
        break
      case 'breaks':
        if (heard.reply !== undefined) this.#socket.send(heard.reply)
        this.#socket.close(heard.code, heard.reason)
        break
      case 'nothing':
        break
    }
  }

  /** What is told of it; `token`: the link of the share that its token belongs to. */
  factsFor(token: string): ForeignAgentFacts {
    return { session: this.#surroundings.sessionOf(this.#handshake.state.id), token, ...this.#counts.facts }
  }

  /** When the first call is overdue, in milliseconds since 1970. */
  get nextDueMs(): number | undefined {
    return this.#calls.nextDueMs
  }

  /** Fails the calls that take too long. One that has heard nothing of its server since such a call began is closed, so that it starts that anew. */
  sweep(nowMs: number): void {
    const overdue = this.#calls.overdue(nowMs)
    for (const call of overdue) this.#giveUp(call, { code: 'CALL_TIMEOUT', executed: 'unknown' })
    // Once its calls have been told why they failed.
    if (overdue.some(({ sinceMs }) => sinceMs > this.#counts.heardAtMs))
      queueMicrotask(() => this.#socket.close(1011, 'the server behind this agent does not answer'))
  }

  #begin(header: Inbound, part: Uint8Array): void {
    if (header.size > MAX_FOREIGN_MESSAGE_BYTES) return this.#tooLarge(header)
    if (part.length >= header.size) return this.#take(header, part)
    const broken = this.#parts.begin(header, part)
    if (broken?.type === 'call') this.#fail(broken, { code: 'UPLOAD_BROKEN', executed: 'no' })
  }

  #take(header: Inbound, body: Uint8Array): void {
    if (header.type === 'call') return this.#call(header, body)
    if (header.type === 'notify') this.#notify(header, body)
    this.#tell({ type: 'receipts', keys: [header.key] })
  }

  #call(header: Call, body: Uint8Array): void {
    const { key, ch, ra, tag, method, principal } = header
    const running = this.#calls.get(key)
    if (running !== undefined) return this.#calls.put({ ...running, ra })
    if (this.#calls.hasEnded(key)) return this.#fail(header, { code: 'ALREADY_EXECUTED', executed: 'yes' })
    if (!this.#channels.has(ch)) return this.#fail(header, { code: 'CHANNEL_CLOSED', executed: 'no' })
    if (method === 'initialize') return this.#introduce(header)
    if (this.#calls.isFullFor(principal)) return this.#fail(header, { code: 'SHARE_BUSY', executed: 'no' })
    const id = foreignId(key)
    const token = header.token === undefined ? [] : [replacement(header.token, id)]
    const text = this.#dialect.outgoing(decoder.decode(splice(body, [replacement(header.id, id), ...token])), key)
    if (isTooLong(text)) return this.#tooLarge(header)
    this.#calls.put({ key, ch, ra, tag, sinceMs: Date.now(), ...(principal === undefined ? {} : { principal }) })
    this.#counts.sent(body.length)
    this.#note()
    this.#socket.send(text)
  }

  #notify({ ch, cancels, method }: Notify, body: Uint8Array): void {
    if (cancels !== undefined) {
      const call = this.#calls.tagged(cancels)
      if (call !== undefined) this.#giveUp(call, { code: 'CANCELLED', executed: 'unknown' })
      return
    }
    const isForServer = this.#channels.has(ch) && method !== 'notifications/initialized' && method !== 'notifications/cancelled'
    if (isForServer && this.#dialect.takesNotifications) this.#say(decoder.decode(body))
  }

  /** Its server has been initialised once, for all. */
  #introduce({ ch, key, ra }: Call): void {
    const result = this.#surroundings.handshakes.get(this.#place.make)
    if (result === undefined) return this.#fail({ ch, key, ra }, { code: 'CHILD_START_FAILED', executed: 'no' })
    const body = encoder.encode(`{"jsonrpc":"2.0","id":0,"result":${result}}`)
    queueMicrotask(() => this.#pass({ type: 'answer', ch, key, ra, id: [22, 23], failed: false }, body))
  }

  /** A client has come back for a call: what such an agent has said for it meanwhile is gone. */
  #resumed(ch: string, key: string, ra: string): void {
    const running = this.#calls.get(key)
    if (running !== undefined) this.#calls.put({ ...running, ra })
    else this.#fail({ ch, key, ra }, this.#calls.hasEnded(key) ? { code: 'ALREADY_EXECUTED', executed: 'yes' } : { code: 'EVENTS_LOST' })
  }

  #tooLarge(header: Inbound): void {
    if (header.type === 'call') this.#fail(header, { code: 'AGENT_MESSAGE_TOO_LARGE', executed: 'no' })
    else this.#tell({ type: 'receipts', keys: [header.key] })
  }

  #giveUp(call: ForeignCall, failure: Failure): void {
    if (this.#dialect.takesNotifications) this.#say(cancellationOf(call.key))
    const cancelling = this.#dialect.cancelling?.(call.key)
    if (cancelling !== undefined) this.#socket.send(cancelling)
    this.#calls.end(call.key)
    this.#note()
    this.#fail(call, failure)
  }

  #message(raw: Uint8Array): void {
    const { bytes, scanned } = scanWithoutNulls(inOneLine(raw))
    if (!scanned.ok) return
    const facts = scanned.value
    this.#counts.heard(bytes.length, Date.now())
    if (facts.kind === 'result' || facts.kind === 'error') this.#answer(facts, bytes)
    else if (facts.kind === 'request') this.#say(refusalOf(facts))
    else for (const one of notificationsOf(facts, this.#calls, this.#channels)) this.#pass(one, bytes)
    if (this.#counts.isDue) this.#note()
  }

  #answer({ id, kind }: MessageFacts, body: Uint8Array): void {
    if (id === undefined) return
    const key = id.raw === 'null' ? undefined : keyOfForeignId(id.raw)
    if (this.#handshake.takes(id.raw, key, body) || key === undefined) return
    const [ch = ''] = this.#channels
    const call = this.#calls.end(key) ?? this.#calls.forgotten(key, ch)
    if (call === undefined) return
    this.#note()
    this.#pass({ type: 'answer', ch: call.ch, key: call.key, ra: call.ra, id: id.span, failed: kind === 'error' }, body)
  }

  /** Nothing comes any more for what was sent under this key. */
  #over(key: string, failure: Failure): void {
    this.#handshake.over(key)
    const call = this.#calls.end(key)
    if (call !== undefined) this.#fail(call, failure)
  }

  #served(result: string): void {
    this.#surroundings.handshakes.put(this.#place.make, result)
    this.#channels.clear()
    this.#calls.endAll()
    this.#note()
    this.#surroundings.spoken(this.#socket, helloOf(this.#place.make, this.#handshake.state), NO_BODY)
  }

  #pass(message: Outbound, body: Uint8Array): void {
    // It must rise over sleep too, which nothing here remembers.
    this.#lastNumber = Math.max(this.#lastNumber + 1, Date.now() * 1000)
    for (const { header, part } of framesOf(message, body, this.#lastNumber)) this.#surroundings.spoken(this.#socket, header, part)
  }

  #fail(call: Pick<Call, 'ch' | 'key' | 'ra'>, failure: Failure): void {
    this.#tell(failedFrame(call, failure))
  }

  /** What the Share is told in answer to a frame of its own comes when it has done with that. */
  #tell(header: ChannelAgentFrame): void {
    queueMicrotask(() => this.#surroundings.spoken(this.#socket, header, NO_BODY))
  }

  #say(message: string, key?: string): void {
    const text = this.#dialect.outgoing(message, key)
    if (!isTooLong(text)) this.#socket.send(text)
  }

  #note(): void {
    this.#counts.noted(Date.now())
    this.#surroundings.note(this.#socket, this.#state())
  }

  #state(): ForeignState {
    return {
      ...this.#place,
      ...(this.#dialect.kept === undefined ? {} : { kept: this.#dialect.kept }),
      ...this.#handshake.state,
      channels: [...this.#channels],
      calls: this.#calls.note(),
      ...this.#counts.facts,
    }
  }
}
