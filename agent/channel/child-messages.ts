/** Reads what a child prints: knows answers, notifications and requests apart, and finds out where each belongs. */
import { errorResponse } from '../../protocol/errors.ts'
import { canonicalId, findMember, scanBatch, scanMessage, type MessageFacts, type ScanError, type Span } from '../../protocol/json-scan.ts'
import { isIdText } from '../../protocol/json-id.ts'
import { MAX_LINE_BYTES } from '../../protocol/limits.ts'
import { isListen, type CallOutcome, type RunningCall } from './call-memory.ts'
import { OPEN_ASKS } from '../limits.ts'
import type { Log, LogFields } from '../log.ts'
import type { ChildMessage } from './outbox.ts'
import type { Address, RunningCalls } from './running-calls.ts'
import { oversizedAnswerId } from './oversized-answer.ts'

interface ChildMessagesPorts {
  readonly ch: string
  readonly running: RunningCalls
  /** Whether the child may ask its client. */
  readonly asks: 'pass' | 'refuse'
  readonly log: Log
  readonly now: () => number
  readonly say: (said: ChildMessage, body: Uint8Array) => void
  /** Writes our own answer to a request of the child. */
  readonly reply: (json: string) => void
  readonly answered: (call: RunningCall, answer: CallOutcome & { kind: 'answer' }) => void
  /** The child gave up a listen without an answer. */
  readonly listenEnded: (call: RunningCall) => void
  /** The answer to this call was over the limit. */
  readonly tooLong: (call: RunningCall) => void
}

const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b
/** Faults of a kind that are logged one by one; after these every thousandth, or a chatty child would fill the log. */
const LOGGED_FIRST = 5
const LOGGED_EVERY = 1000

export class ChildMessages {
  readonly #ports: ChildMessagesPorts
  /** Requests of the child that its client has not answered, by canonical id. */
  readonly #open = new Map<string, Address>()
  readonly #faults = new Map<string, number>()

  constructor(ports: ChildMessagesPorts) {
    this.#ports = ports
  }

  /** One line of stdout: a message, or an array of messages (JSON-RPC batch, revision 2025-03-26). */
  line(bytes: Uint8Array): void {
    if (bytes[0] !== OPEN_ARRAY) return this.#message(bytes)
    const batch = scanBatch(bytes)
    if (!batch.ok) return this.#ignore(bytes, batch.error)
    for (const [from, to] of batch.value ?? []) this.#message(bytes.subarray(from, to))
  }

  tooLong(head: Uint8Array, tail: Uint8Array, size: number): void {
    const id = oversizedAnswerId(head, tail)
    const call = id === undefined ? undefined : this.#ports.running.answered(canonicalId(id))
    this.#ports.log.warn('child.line_too_long', { ch: this.#ports.ch, bytes: size, maxBytes: MAX_LINE_BYTES, method: call?.method })
    if (call !== undefined) this.#ports.tooLong(call)
  }

  /** Whether the child waits for an answer with this id; if so, it waits no longer. */
  settleAsk(rawId: string): boolean {
    return this.#open.delete(canonicalId(rawId))
  }

  /** A message that nobody could be found for in time. */
  undeliverable(said: ChildMessage): void {
    this.#warn('child.undeliverable', {
      method: said.type === 'answer' ? undefined : said.method,
      meaning: 'no stream was open for it in time: dropped',
    })
    if (said.type === 'ask' && this.settleAsk(said.rawId)) this.#ports.reply(errorResponse(said.rawId, { code: 'CLIENT_UNREACHABLE' }))
  }

  #message(bytes: Uint8Array): void {
    const scanned = scanMessage(bytes)
    if (!scanned.ok) return this.#ignore(bytes, scanned.error)
    const facts = scanned.value
    switch (facts.kind) {
      case 'result':
      case 'error':
        return this.#answer(facts, bytes)
      case 'request':
        return this.#ask(facts, bytes)
      case 'notification':
        return this.#notification(facts, bytes)
    }
  }

  #answer({ kind, id }: MessageFacts, body: Uint8Array): void {
    const call = id === undefined ? undefined : this.#ports.running.answered(canonicalId(id.raw))
    if (id !== undefined && call !== undefined) {
      const subscriptionId = isListen(call) ? subscriptionIdOf(body) : undefined
      const named = subscriptionId === undefined ? {} : { subscriptionId }
      return this.#ports.answered(call, { kind: 'answer', id: id.span, failed: kind === 'error', ...named, body })
    }
    this.#warn('child.unknown_answer', { bytes: body.length, meaning: 'late, repeated or invented: dropped' })
  }

  #ask(facts: MessageFacts, bytes: Uint8Array): void {
    const { method, id } = facts
    if (id === undefined) return
    if (method === 'ping') return this.#ports.reply(`{"jsonrpc":"2.0","id":${id.raw},"result":{}}`)
    if (this.#ports.asks === 'refuse')
      return this.#ports.reply(
        `{"jsonrpc":"2.0","id":${id.raw},"error":{"code":-32601,"message":"Method not found: several clients share this server, so it cannot ask one of them"}}`,
      )
    if (this.#open.size >= OPEN_ASKS)
      return this.#ports.reply(errorResponse(id.raw, { code: 'CLIENT_UNREACHABLE', detail: `${OPEN_ASKS} requests are unanswered` }))
    const address = this.#ports.running.address(facts, this.#ports.now()) ?? {}
    this.#open.set(canonicalId(id.raw), address)
    this.#ports.say({ type: 'ask', method, id: id.span, rawId: id.raw, ...address }, bytes)
  }

  #notification(facts: MessageFacts, bytes: Uint8Array): void {
    const { method, progressToken, progress, uri, subscriptionId } = facts
    const listen = this.#endedListen(facts)
    if (listen !== undefined) return this.#ports.listenEnded(listen)
    const address = this.#addressOf(facts)
    if (address === undefined) return this.#ports.log.debug('child.unknown_call', { ch: this.#ports.ch, method, bytes: bytes.length })
    const said = {
      type: 'notification' as const,
      method,
      ...address,
      ...(progressToken !== undefined && { token: progressToken.span }),
      ...(progress !== undefined && { progress: progress.span }),
      ...(uri !== undefined && { uri }),
      ...(subscriptionId !== undefined && { subscriptionId: subscriptionId.span }),
    }
    this.#ports.say(said, bytes)
  }

  #addressOf(facts: MessageFacts): Address | undefined {
    if (facts.method === 'notifications/cancelled' && facts.requestId !== undefined) {
      // It goes where the request went that it takes back.
      const key = canonicalId(facts.requestId.raw)
      const asked = this.#open.get(key)
      this.#open.delete(key)
      if (asked !== undefined) return asked
    }
    return this.#ports.running.address(facts, this.#ports.now())
  }

  /** The listen that the child takes back, which on stdio is as good as an answer to it. */
  #endedListen({ method, requestId }: MessageFacts): RunningCall | undefined {
    if (method !== 'notifications/cancelled' || requestId === undefined || this.#open.has(canonicalId(requestId.raw))) return undefined
    const call = this.#ports.running.named(canonicalId(requestId.raw))
    return call !== undefined && isListen(call) ? call : undefined
  }

  #ignore(bytes: Uint8Array, reason: ScanError): void {
    if (bytes.every((byte) => byte === 0x20 || byte === 0x09)) return
    this.#warn('child.junk', { reason, bytes: bytes.length, meaning: 'no JSON-RPC message on stdout: dropped' })
  }

  #warn(event: string, fields: LogFields): void {
    const count = (this.#faults.get(event) ?? 0) + 1
    this.#faults.set(event, count)
    if (count <= LOGGED_FIRST || count % LOGGED_EVERY === 0) this.#ports.log.warn(event, { ch: this.#ports.ch, count, ...fields })
  }
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
