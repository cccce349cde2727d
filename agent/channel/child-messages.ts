/** Reads what a child prints: tells answers, notifications and requests apart, and finds out which call each belongs to. */
import { errorResponse, type Failure } from '../../protocol/errors.ts'
import type { Open } from '../../protocol/frame.ts'
import { canonicalId, findMember, scanBatch, type MessageFacts, type ScanError, type Span } from '../../protocol/json/json-scan.ts'
import { isIdText } from '../../protocol/json/json-id.ts'
import { OPEN_ARRAY, OPEN_OBJECT } from '../../protocol/json/json-skip.ts'
import { MAX_LINE_BYTES } from '../../protocol/limits.ts'
import { scanWithoutNulls } from '../../protocol/members/null-members.ts'
import { LAST_WORD_CHARS, OPEN_ASKS } from '../limits.ts'
import type { LogFields } from '../log.ts'
import { answerMessage } from './answer-message.ts'
import { isListen, type RunningCall } from './calls/call-memory.ts'
import type { ChannelContext } from './channel-context.ts'
import { ChildTasks } from './child-tasks.ts'
import type { ChildStartup } from '../server/child-startup.ts'
import type { Intake } from './intake.ts'
import { ownId, withTaggedId } from './tagged-asks.ts'
import type { Outbox } from './outbox.ts'
import { oversizedAnswerId } from '../server/oversized-answer.ts'
import type { ChildMessage } from './kept-frame.ts'
import type { Address } from './calls/running-calls.ts'

/** Faults of a kind that are logged one by one; after these every thousandth, or a chatty child would fill the log. */
const LOGGED_FIRST = 5
const LOGGED_EVERY = 1000

export class ChildMessages {
  readonly #ch: string
  /** Whether the child may ask its client. */
  readonly #mayAsk: boolean
  /** Stands before the ids of what it asks, where its client is asked by others too. */
  readonly #askTag: string | undefined
  /** Whether its one client's own ids and tokens are the child's. */
  readonly #keepsIds: boolean
  readonly #context: ChannelContext
  readonly #intake: Intake
  readonly #outbox: Outbox
  readonly #startup: ChildStartup
  readonly #tasks = new ChildTasks()
  readonly #faults = new Map<string, number>()

  constructor({ ch, asks, askTag, ids }: Open, context: ChannelContext, intake: Intake, outbox: Outbox, startup: ChildStartup) {
    this.#ch = ch
    this.#mayAsk = asks === 'pass'
    this.#askTag = askTag
    this.#keepsIds = ids === 'keep'
    this.#context = context
    this.#intake = intake
    this.#outbox = outbox
    this.#startup = startup
  }

  /** Whether the child works on a task that a client may come back for. */
  isWorking(nowMs: number): boolean {
    return this.#tasks.isWorking(nowMs)
  }

  /** One line of stdout: a message, or an array of messages (JSON-RPC batch, revision 2025-03-26); `of` the call with this raw id, where that is said. */
  line(bytes: Uint8Array, of?: string): void {
    if (bytes[0] !== OPEN_ARRAY) return this.#message(bytes, of)
    const batch = scanBatch(bytes)
    if (!batch.ok) return this.#ignore(bytes, batch.error)
    for (const [from, to] of batch.value ?? []) this.#message(bytes.subarray(from, to), of)
  }

  /** A line over the limit, of which only both ends are left. */
  tooLong(head: Uint8Array, tail: Uint8Array, size: number): void {
    const id = oversizedAnswerId(head, tail)
    const { running } = this.#intake
    const call = id === undefined ? undefined : running.answered(running.meantId(canonicalId(id)))
    this.#context.log.warn('child.line_too_long', { ch: this.#ch, bytes: size, maxBytes: MAX_LINE_BYTES, method: call?.method })
    if (call !== undefined) this.#intake.fail(call, { code: 'LINE_TOO_LONG', executed: 'yes' })
  }

  /** A call that the server refuses for whom it comes from, by its raw id: it has not run. */
  refused(rawId: string, failure: Failure): void {
    this.#startup.message()
    const { running } = this.#intake
    const call = running.answered(running.meantId(canonicalId(rawId)))
    if (call !== undefined) this.#intake.fail(call, { ...failure, executed: 'no' })
  }

  /** A message for which no stream was open in time. */
  undeliverable(message: ChildMessage): void {
    this.#warn('child.undeliverable', {
      method: message.type === 'answer' ? undefined : message.method,
      meaning: 'no stream was open for it in time: dropped',
    })
    if (message.type === 'ask' && this.#intake.asks.delete(canonicalId(message.rawId)))
      this.#intake.reply(errorResponse(ownId(this.#askTag, message.rawId), { code: 'CLIENT_UNREACHABLE' }))
  }

  #message(line: Uint8Array, of: string | undefined): void {
    const { bytes, scanned } = scanWithoutNulls(line)
    if (!scanned.ok) return this.#ignore(line, scanned.error)
    this.#startup.message()
    const facts = scanned.value
    switch (facts.kind) {
      case 'result':
      case 'error':
        return this.#answer(facts, bytes)
      case 'request':
        return this.#ask(facts, bytes, of)
      case 'notification':
        return this.#notification(facts, bytes, of)
    }
  }

  #answer({ kind, id }: MessageFacts, body: Uint8Array): void {
    const { running } = this.#intake
    const call =
      id === undefined
        ? undefined
        : id.raw === 'null'
          ? running.answeredHandshake()
          : running.answered(running.meantId(canonicalId(id.raw)))
    if (id === undefined || call === undefined)
      return this.#warn('child.unknown_answer', { bytes: body.length, meaning: 'late, repeated or invented: dropped' })
    const subscriptionId = isListen(call) ? subscriptionIdOf(body) : undefined
    const named = subscriptionId === undefined ? {} : { subscriptionId }
    const answer = { kind: 'answer' as const, id: id.span, failed: kind === 'error', ...named, body }
    this.#outbox.add(answerMessage(call, answer), body, this.#context.now())
    if (kind === 'result') this.#tasks.answered(call, body, this.#context.now())
    else if (call.method === 'initialize')
      this.#warn('initialize.refused', { error: errorMessageIn(body), meaning: 'the server says so to whoever begins with it' })
    this.#intake.answered(call, answer)
  }

  #ask(facts: MessageFacts, bytes: Uint8Array, of: string | undefined): void {
    const { method, id } = facts
    if (id === undefined) return
    if (method === 'ping') return this.#intake.reply(`{"jsonrpc":"2.0","id":${id.raw},"result":{}}`)
    if (!this.#mayAsk)
      return this.#intake.reply(
        `{"jsonrpc":"2.0","id":${id.raw},"error":{"code":-32601,"message":"Method not found: several clients share this server, so it cannot ask one of them"}}`,
      )
    if (this.#intake.asks.size >= OPEN_ASKS)
      return this.#intake.reply(errorResponse(id.raw, { code: 'CLIENT_UNREACHABLE', detail: `${OPEN_ASKS} requests are unanswered` }))
    const address = this.#intake.running.address(facts, this.#context.now(), of) ?? {}
    const { raw: rawId, span, body } = withTaggedId(this.#askTag, id, bytes)
    this.#intake.asks.set(canonicalId(rawId), address)
    this.#outbox.add({ type: 'ask', method, id: span, rawId, ...address }, body, this.#context.now())
  }

  #notification(seen: MessageFacts, line: Uint8Array, of: string | undefined): void {
    const { facts, bytes } = this.#takenBack(seen, line)
    const { method, progressToken, progress, uri, subscriptionId } = facts
    const listen = this.#endedListen(facts)
    if (listen !== undefined) return this.#intake.fail(listen, { code: 'CANCELLED', executed: 'yes', detail: 'The server ended it.' })
    const address = this.#addressOf(facts, of)
    if (address === undefined) return this.#context.log.debug('child.unknown_call', { ch: this.#ch, method, bytes: bytes.length })
    const task = this.#tasks.notified(method, bytes, this.#context.now())
    const message = {
      type: 'notification' as const,
      method,
      ...address,
      ...(progressToken !== undefined && { token: progressToken.span }),
      ...(progress !== undefined && { progress: progress.span }),
      ...(uri !== undefined && { uri }),
      ...(task !== undefined && { task }),
      ...(subscriptionId !== undefined && { subscriptionId: subscriptionId.span }),
    }
    this.#outbox.add(message, bytes, this.#context.now())
  }

  /** What a child takes back of what it has asked has the id by which its client knows that. */
  #takenBack(facts: MessageFacts, bytes: Uint8Array): { readonly facts: MessageFacts; readonly bytes: Uint8Array } {
    const { requestId } = facts
    if (this.#askTag === undefined || requestId === undefined || facts.method !== 'notifications/cancelled') return { facts, bytes }
    const { raw, span, body } = withTaggedId(this.#askTag, requestId, bytes)
    return this.#intake.asks.has(canonicalId(raw)) ? { facts: { ...facts, requestId: { raw, span } }, bytes: body } : { facts, bytes }
  }

  #addressOf(facts: MessageFacts, of: string | undefined): Address | undefined {
    if (facts.method === 'notifications/cancelled' && facts.requestId !== undefined) {
      // It goes where the request went that it takes back.
      const key = canonicalId(facts.requestId.raw)
      const asked = this.#intake.asks.get(key)
      if (asked !== undefined) {
        this.#intake.asks.delete(key)
        this.#outbox.forgetAsk(key)
        return asked
      }
    }
    return this.#intake.running.address(facts, this.#context.now(), of) ?? (this.#isOfTask(facts) ? {} : undefined)
  }

  /** Whether it is progress of a task on a channel whose client knows the token: it belongs to no call any more (MCP 2025-11-25, tasks, task progress). */
  #isOfTask({ progressToken }: MessageFacts): boolean {
    return this.#keepsIds && progressToken !== undefined && this.#tasks.hasToken(canonicalId(progressToken.raw), this.#context.now())
  }

  /** The listen that the child takes back, which on stdio is as good as an answer to it. */
  #endedListen({ method, requestId }: MessageFacts): RunningCall | undefined {
    if (method !== 'notifications/cancelled' || requestId === undefined || this.#intake.asks.has(canonicalId(requestId.raw)))
      return undefined
    const { running } = this.#intake
    const call = running.named(running.meantId(canonicalId(requestId.raw)))
    return call !== undefined && isListen(call) ? call : undefined
  }

  #ignore(bytes: Uint8Array, reason: ScanError): void {
    this.#startup.junk(bytes)
    if (bytes.every((byte) => byte === 0x20 || byte === 0x09)) return
    this.#warn('child.junk', { reason, bytes: bytes.length, meaning: 'no JSON-RPC message on stdout: dropped' })
  }

  #warn(event: string, fields: LogFields): void {
    const count = (this.#faults.get(event) ?? 0) + 1
    this.#faults.set(event, count)
    if (count <= LOGGED_FIRST || count % LOGGED_EVERY === 0) this.#context.log.warn(event, { ch: this.#ch, count, ...fields })
  }
}

/** What an error says to people, as much as fits a line of the log. It is the server's own, and no part of a call. */
function errorMessageIn(body: Uint8Array): string {
  const error = findMember(body, 0, 'error')
  const message = error === undefined ? undefined : findMember(body, error[0], 'message')
  return message === undefined
    ? ''
    : Buffer.from(body.subarray(message[0] + 1, message[1] - 1))
        .toString('utf8')
        .slice(0, LAST_WORD_CHARS)
}

/** Where the answer to a listen repeats the id of the request. Undefined unless it is a string or number. */
function subscriptionIdOf(answer: Uint8Array): Span | undefined {
  let at = 0
  while (answer[at] !== OPEN_OBJECT) at++
  let span: Span | undefined = [at, answer.length]
  for (const key of ['result', '_meta', 'io.modelcontextprotocol/subscriptionId']) {
    span = span === undefined ? undefined : findMember(answer, span[0], key)
  }
  return span !== undefined && isIdText(Buffer.from(answer.subarray(...span)).toString('utf8')) ? span : undefined
}
