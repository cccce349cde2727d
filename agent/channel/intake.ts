/**
 * Takes what the relay sends for one child: knows the key already or not, has the message put together, writes it in
 * its turn, and keeps the account of every call until it is answered or has failed.
 */
import type { Executed, Failure } from '../../protocol/errors.ts'
import type { AgentFrame, Call, Failed, Notify, Open, Respond } from '../../protocol/frame.ts'
import { canonicalId, type Span } from '../../protocol/json-scan.ts'
import { replacement, splice } from '../../protocol/splice.ts'
import { isListen, type CallFailure, type CallMemory, type CallOutcome, type RunningCall } from './call-memory.ts'
import { Inbox, type Inbound } from './inbox.ts'
import { RECEIPT_AFTER_MS } from '../limits.ts'
import type { Log } from '../log.ts'
import type { ChildMessage } from './outbox.ts'
import { RunningCalls } from './running-calls.ts'

/** What the relay did against the protocol: closes the link. */
export type ProtocolFault = string

interface IntakePorts {
  readonly ch: string
  readonly ids: Open['ids']
  readonly memory: CallMemory
  readonly log: Log
  readonly now: () => number
  /** Sends a frame now; without a link it is lost. */
  readonly send: (frame: AgentFrame) => void
  /** Says something to the relay in its turn. */
  readonly say: (said: ChildMessage, body: Uint8Array) => void
  readonly fail: (failed: Failed) => void
  /** Why the child takes no more, or undefined while it does. */
  readonly refusal: () => Failure | undefined
  /** Whether the child waits for an answer with this id; if so, it waits no longer. */
  readonly settleAsk: (rawId: string) => boolean
  /** Gives a line to the child's stdin; `done` hears whether the child took it. */
  readonly write: (line: Uint8Array, done: (taken: boolean) => void) => void
  /** The child has closed its stdin. */
  readonly deaf: () => void
}

interface Accepted {
  readonly call: RunningCall
  readonly receiptTimer: NodeJS.Timeout
}

export class Intake {
  readonly running: RunningCalls
  readonly #ports: IntakePorts
  readonly #inbox: Inbox
  readonly #accepted = new Map<string, Accepted>()
  readonly #byTag = new Map<string, RunningCall>()

  constructor(ports: IntakePorts) {
    this.#ports = ports
    this.running = new RunningCalls(ports.ids)
    this.#inbox = new Inbox({
      deliver: (header, body) => this.#deliver(header, body),
      grant: (key, upto) => ports.send({ type: 'upload_credit', ch: ports.ch, key, upto }),
    })
  }

  /** Whether a call was neither answered nor failed. One that only listens may do so for ever, and does not count. */
  get isBusy(): boolean {
    return [...this.#accepted.values()].some(({ call }) => !isListen(call))
  }

  get hasListener(): boolean {
    return [...this.#accepted.values()].some(({ call }) => isListen(call))
  }

  accept(header: Inbound, body: Uint8Array): ProtocolFault | undefined {
    return header.type === 'call' ? this.#acceptCall(header, body) : this.#acceptPassing(header, body)
  }

  upload(key: string, offset: number, body: Uint8Array): void {
    if (this.#inbox.upload(key, offset, body) !== 'broken') return
    const call = this.#accepted.get(key)?.call
    if (call === undefined) this.#undeliverable(key)
    else this.fail(call, { code: 'UPLOAD_BROKEN', executed: 'no' })
  }

  /** The link broke: what came in part never came. */
  dropUnfinished(): void {
    for (const { key } of this.#inbox.dropUnfinished()) {
      this.#ports.memory.forget(key)
      this.#forget(key)
    }
  }

  /** The stream of a call attaches again, and what was sent for it holds no answer: says how the call ended, if it has. */
  resumed(ch: string, key: string, ra: string): void {
    const known = this.#ports.memory.knownFor(key, ra)
    if (known?.kind === 'ended') this.#repeat({ ch, key, ra }, known.outcome)
    else if (known?.kind !== 'running') this.#ports.fail(failedCall({ ch, key, ra }, { code: 'EVENTS_LOST', executed: 'unknown' }))
  }

  answered(call: RunningCall, answer: CallOutcome & { kind: 'answer' }): void {
    const { memory, now, say } = this.#ports
    this.#forget(call.key)
    memory.end(call.key, answer, now())
    say(spokenAnswer(call, answer), answer.body)
    this.#inbox.open(call.key)
  }

  fail(call: RunningCall, failure: CallFailure): void {
    const { ch, memory, now, log } = this.#ports
    const { key, method } = call
    this.running.end(key)
    this.#forget(key)
    memory.end(key, { kind: 'failure', failure }, now())
    log.debug('call.failed', { ch, key, method, code: failure.code, executed: failure.executed })
    this.#ports.fail(failedCall(call, failure))
    this.#inbox.remove(key)
    this.#inbox.open(key)
  }

  /** The child takes no more: ends all that runs and all that waits. */
  failAll(failure: Failure): void {
    for (const { key } of this.#inbox.clear()) if (!this.#accepted.has(key)) this.#undeliverable(key)
    for (const { call } of this.#accepted.values()) this.fail(call, { ...failure, executed: executedOf(call) })
  }

  /** Writes a message of our own, unless the child does not read. */
  reply(json: string): void {
    const body = Buffer.from(json)
    if (this.#inbox.hasRoom(body.length)) this.#write(body, () => {})
    else this.#ports.log.warn('child.reads_nothing', { ch: this.#ports.ch, meaning: 'our answer to its request was dropped' })
  }

  #acceptCall(header: Call, body: Uint8Array): ProtocolFault | undefined {
    const { memory, send, refusal } = this.#ports
    const { key, ra } = header
    const known = memory.known(key)
    if (known?.kind === 'passing' || known?.kind === 'passed') return 'a call with the key of another message'
    if (known?.kind === 'ended') this.#repeat(header, known.outcome)
    else if (known !== undefined && !this.#inbox.isUnfinished(key)) {
      known.call.ra = ra
      send({ type: 'receipts', keys: [key] })
    } else {
      const call = known?.call ?? this.#begin(header)
      call.ra = ra
      const refused = refusal() ?? (this.#inbox.hasRoom(header.size) ? undefined : { code: 'BACKLOG_FULL' as const })
      if (refused === undefined) this.#inbox.accept(header, body)
      else this.fail(call, { ...refused, executed: 'no' })
    }
    return undefined
  }

  #acceptPassing(header: Notify | Respond, body: Uint8Array): undefined {
    const { memory, send, refusal } = this.#ports
    const known = memory.known(header.key)
    if (known?.kind === 'passed') send({ type: 'receipts', keys: [header.key] })
    if (known !== undefined && !(known.kind === 'passing' && this.#inbox.isUnfinished(header.key))) return
    memory.beginPassing(header.key)
    const cancels = header.type === 'notify' && header.cancels !== undefined && this.#byTag.has(header.cancels)
    if (refusal() !== undefined || !this.#inbox.hasRoom(header.size)) this.#undeliverable(header.key)
    // A cancellation overtakes what waits, or it could never reach a call behind a gate.
    else if (cancels && body.length === header.size) this.#deliver(header, body)
    else this.#inbox.accept(header, body)
  }

  #begin({ ch, key, method, tag, ra }: Call): RunningCall {
    const { memory, send } = this.#ports
    const call: RunningCall = { key, ch, method, tag, ra, written: false }
    memory.begin(call)
    this.#accepted.set(key, { call, receiptTimer: setTimeout(() => send({ type: 'receipts', keys: [key] }), RECEIPT_AFTER_MS) })
    this.#byTag.set(tag, call)
    return call
  }

  /** Answers a call that ended before, under the return address it now has. */
  #repeat({ ch, key, ra }: Pick<Call, 'ch' | 'key' | 'ra'>, outcome: CallOutcome | undefined): void {
    if (outcome?.kind === 'answer') this.#ports.say(spokenAnswer({ key, ra }, outcome), outcome.body)
    else this.#ports.fail(failedCall({ ch, key, ra }, outcome?.failure ?? { code: 'ALREADY_EXECUTED', executed: 'yes' }))
  }

  #deliver(header: Inbound, body: Uint8Array): void {
    switch (header.type) {
      case 'call':
        return this.#deliverCall(header, body)
      case 'notify':
        return this.#deliverNotify(header, body)
      case 'respond':
        return this.#deliverRespond(header, body)
    }
  }

  #deliverCall({ key, method, id, token }: Call, body: Uint8Array): void {
    const { ch, ids, log, now, deaf } = this.#ports
    const call = this.#accepted.get(key)?.call
    if (call === undefined) return
    const assigned = ids === 'assign' ? this.running.assignId() : undefined
    const idSeen = assigned ?? canonicalId(textAt(body, id))
    const tokenSeen = token === undefined ? undefined : (assigned ?? canonicalId(textAt(body, token)))
    if (!this.running.start(call, idSeen, tokenSeen, now())) return this.fail(call, { code: 'DUPLICATE_ID', executed: 'no' })
    log.debug('call', { ch, key, method, bytes: body.length })
    this.#write(assigned === undefined ? body : writeOver(body, token === undefined ? [id] : [id, token], assigned), (taken) => {
      call.written = taken
      // It can do nothing more for anyone; its end fails its calls.
      if (!taken) deaf()
    })
  }

  #deliverNotify({ key, cancels, requestId }: Notify, body: Uint8Array): void {
    const isShared = this.#ports.ids === 'assign'
    const call = cancels === undefined ? undefined : this.#byTag.get(cancels)
    if (call === undefined) {
      // On a shared channel the id in it could be anyone's.
      if (cancels !== undefined && isShared) this.#passed(key)
      else this.#pass(key, body)
      return
    }
    const id = this.running.cancel(call.key, this.#ports.now())
    if (id === undefined) this.#passed(key)
    else this.#pass(key, isShared && requestId !== undefined ? writeOver(body, [requestId], id) : body)
    this.fail(call, { code: 'CANCELLED', executed: executedOf(call) })
  }

  #deliverRespond({ ch, key, rawId }: Respond, body: Uint8Array): void {
    if (this.#ports.settleAsk(rawId)) return this.#pass(key, body)
    this.#ports.log.warn('client.unknown_answer', { ch, bytes: body.length, meaning: 'late, repeated or invented: dropped' })
    this.#passed(key)
  }

  #pass(key: string, body: Uint8Array): void {
    this.#write(body, (taken) => (taken ? this.#passed(key) : this.#undeliverable(key)))
  }

  #passed(key: string): void {
    this.#ports.memory.endPassing(key, this.#ports.now())
    this.#ports.send({ type: 'receipts', keys: [key] })
  }

  /** A notification or response that the child can never take: receipted all the same, since nothing would come of waiting. */
  #undeliverable(key: string): void {
    this.#ports.log.warn('client.undeliverable', { ch: this.#ports.ch, meaning: 'the server is gone or reads nothing: dropped' })
    this.#passed(key)
  }

  /** Writes one message as one line. Line ends, which in JSON are white space only, become spaces. */
  #write(body: Uint8Array, done: (taken: boolean) => void): void {
    const line = new Uint8Array(body.length + 1)
    line.set(body)
    for (const end of [0x0a, 0x0d]) for (let at = line.indexOf(end); at !== -1; at = line.indexOf(end, at + 1)) line[at] = 0x20
    line[body.length] = 0x0a
    this.#inbox.countUnread(line.length)
    this.#ports.write(line, (taken) => {
      this.#inbox.countUnread(-line.length)
      done(taken)
    })
  }

  #forget(key: string): void {
    const accepted = this.#accepted.get(key)
    if (accepted === undefined) return
    clearTimeout(accepted.receiptTimer)
    this.#accepted.delete(key)
    if (this.#byTag.get(accepted.call.tag) === accepted.call) this.#byTag.delete(accepted.call.tag)
  }
}

function spokenAnswer(
  { key, ra }: Pick<Call, 'key' | 'ra'>,
  { id, failed, subscriptionId }: CallOutcome & { kind: 'answer' },
): ChildMessage {
  return { type: 'answer', key, ra, id, failed, ...(subscriptionId !== undefined && { subscriptionId }) }
}

export function failedCall({ ch, key, ra }: Pick<Failed, 'ch' | 'key' | 'ra'>, failure: CallFailure): Failed {
  const { code, executed, exitCode, signal, stderr, detail } = failure
  const facts = {
    ...(exitCode !== undefined && { exitCode }),
    ...(signal !== undefined && { signal }),
    ...(stderr !== undefined && { stderr }),
    ...(detail !== undefined && { detail }),
  }
  return { type: 'failed', ch, key, ra, code, executed, ...facts }
}

function executedOf(call: RunningCall): Executed {
  return call.written ? 'unknown' : 'no'
}

function writeOver(body: Uint8Array, spans: readonly Span[], text: string): Uint8Array {
  return splice(
    body,
    spans.map((span) => replacement(span, text)),
  )
}

function textAt(body: Uint8Array, [from, to]: Span): string {
  return Buffer.from(body.subarray(from, to)).toString('utf8')
}
