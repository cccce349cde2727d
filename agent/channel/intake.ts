/** Takes what the relay sends for one child, writes each message to it once and in its turn, and keeps account of every call until it ends. */
import type { Executed, Failure } from '../../protocol/errors.ts'
import { failedFrame } from '../../protocol/failed-frame.ts'
import type { AgentFrame, Call, Failed, Notify, Open, Respond } from '../../protocol/frame.ts'
import { canonicalId, type Span } from '../../protocol/json/json-scan.ts'
import { writeOver } from '../../protocol/splice.ts'
import type { Child } from '../server/child.ts'
import { AcceptedCalls } from './calls/accepted-calls.ts'
import { answerMessage } from './answer-message.ts'
import { withOwnId } from './tagged-asks.ts'
import { isHandshake, type CallFailure, type CallEnd, type KeyState, type RunningCall } from './calls/call-memory.ts'
import type { ChannelContext } from './channel-context.ts'
import { Inbox, type Inbound } from './inbox.ts'
import type { CallAnswer } from './calls/kept-answers.ts'
import { asLine } from './message-line.ts'
import type { Outbox } from './outbox.ts'
import { withPrincipal } from './principal-meta.ts'
import { RunningCalls, type Address } from './calls/running-calls.ts'

/** What the relay did against the protocol: closes the link. */
export type ProtocolFault = string

export class Intake {
  readonly running: RunningCalls
  readonly accepted = new AcceptedCalls((key) => this.#send({ type: 'receipts', keys: [key] }))
  /** Requests of the child that its client has not answered, by canonical id, and where they went. */
  readonly asks = new Map<string, Address>()
  readonly #ch: string
  readonly #ids: Open['ids']
  readonly #askTag: string | undefined
  /** Whose child it is, where it is that of one principal. */
  readonly #owner: string | undefined
  readonly #context: ChannelContext
  readonly #child: Child
  readonly #outbox: Outbox
  readonly #inbox = new Inbox()
  /** Why the child takes no more. */
  #closed: Failure | undefined
  #hasAnswered = false
  #isDelivering = false

  constructor({ ch, ids, askTag, owner }: Open, context: ChannelContext, child: Child, outbox: Outbox) {
    this.running = new RunningCalls(ids)
    this.#ch = ch
    this.#ids = ids
    this.#askTag = askTag
    this.#owner = owner
    this.#context = context
    this.#child = child
    this.#outbox = outbox
  }

  /** Whether the child has ever answered a call. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** A message of the relay, or its beginning. */
  accept(header: Inbound, body: Uint8Array): ProtocolFault | undefined {
    return header.type === 'call' ? this.#acceptCall(header, body) : this.#acceptPassing(header, body)
  }

  /** More of a message. */
  upload(key: string, offset: number, body: Uint8Array): void {
    const granted = this.#inbox.upload(key, offset, body)
    if (typeof granted === 'number') this.#send({ type: 'upload_credit', ch: this.#ch, key, upto: granted })
    this.#deliverNext()
    if (granted !== 'broken') return
    const call = this.accepted.get(key)
    if (call === undefined) this.#undeliverable(key)
    else this.fail(call, { code: 'UPLOAD_BROKEN', executed: 'no' })
  }

  /** The link broke: what came in part never came. */
  dropUnfinished(): void {
    for (const { key } of this.#inbox.dropUnfinished()) {
      this.#context.memory.forget(key)
      this.accepted.delete(key)
    }
    this.#deliverNext()
  }

  /** The stream of a call attaches again, and what was sent for it holds no answer: says how the call ended, if it has. */
  resumed(key: string, ra: string): void {
    const place = { ch: this.#ch, key, ra }
    const known = this.#context.memory.knownFor(key, ra)
    if (known?.kind === 'ended') this.#repeat(place, known.outcome)
    else if (known?.kind !== 'running') this.#report(failedFrame(place, { code: 'EVENTS_LOST', executed: 'unknown' }))
  }

  /** The child has answered a call, and the answer is in the outbox. */
  answered(call: RunningCall, answer: CallAnswer): void {
    const { memory, now, callLog } = this.#context
    this.accepted.delete(call.key)
    memory.end(call.key, answer, now())
    callLog.ended(call, answer.failed ? 'error' : 'ok')
    this.#inbox.open(call.key)
    this.#deliverNext()
    if (this.#hasAnswered) return
    this.#hasAnswered = true
    this.#context.answered?.()
  }

  /** Ends a call without an answer. */
  fail(call: RunningCall, failure: CallFailure): void {
    const { memory, now, callLog } = this.#context
    const { key } = call
    this.running.end(key)
    this.accepted.delete(key)
    memory.end(key, { kind: 'failure', failure }, now())
    callLog.ended(call, failure.code)
    this.#report(failedFrame(call, failure))
    this.#inbox.remove(key)
    this.#inbox.open(key)
    this.#deliverNext()
  }

  /** The child takes no more: fails all that runs, all that waits, and whatever comes from now on. */
  close(failure: Failure): void {
    this.#closed = failure
    for (const { key } of this.#inbox.clear()) if (this.accepted.get(key) === undefined) this.#undeliverable(key)
    for (const call of this.accepted.all()) this.fail(call, { ...failure, executed: executedOf(call) })
  }

  /** Writes our own answer to a request of the child, unless the child does not read. */
  reply(json: string): void {
    const body = Buffer.from(json)
    if (this.#inbox.hasRoom(body.length)) this.#write(body, () => {})
    else this.#context.log.warn('child.reads_nothing', { ch: this.#ch, meaning: 'our answer to its request was dropped' })
  }

  #acceptCall(header: Call, body: Uint8Array): ProtocolFault | undefined {
    const { key, ra } = header
    const before = this.#context.memory.known(key)
    const known = header.repeats === true && hasDied(before) ? undefined : before
    if (known?.kind === 'passing' || known?.kind === 'passed') return 'a call with the key of another message'
    if (known?.kind === 'ended') this.#repeat(header, known.outcome)
    else if (known !== undefined && !this.#inbox.isUnfinished(key)) {
      known.call.ra = ra
      this.#send({ type: 'receipts', keys: [key] })
    } else {
      const call = known?.call ?? this.#begin(header)
      call.ra = ra
      const refused = this.#closed ?? (this.#inbox.hasRoom(header.size) ? undefined : { code: 'BACKLOG_FULL' as const })
      if (refused === undefined) this.#enqueue(header, body)
      else this.fail(call, { ...refused, executed: 'no' })
    }
    return undefined
  }

  /** A notification or a response: receipted when the child has taken it. */
  #acceptPassing(header: Notify | Respond, body: Uint8Array): undefined {
    const { memory } = this.#context
    const known = memory.known(header.key)
    if (known?.kind === 'passed') this.#send({ type: 'receipts', keys: [header.key] })
    if (known !== undefined && !(known.kind === 'passing' && this.#inbox.isUnfinished(header.key))) return
    memory.beginPassing(header.key)
    const isCancel = header.type === 'notify' && header.cancels !== undefined
    const cancels = isCancel && this.accepted.tagged(header.cancels) !== undefined
    // Of a call that is not here no child is ever told, so that need not wait behind a gate.
    if (isCancel && !cancels && this.#ids === 'assign' && body.length === header.size) this.#passed(header.key)
    else if (this.#closed !== undefined || !this.#inbox.hasRoom(header.size)) this.#undeliverable(header.key)
    // A cancellation overtakes what waits, or it could never reach a call behind a gate.
    else if (cancels && body.length === header.size) this.#deliver(header, body)
    else this.#enqueue(header, body)
  }

  #begin({ ch, key, method, tag, ra, mayBeginTask }: Call): RunningCall {
    const begins = mayBeginTask === true ? ({ mayBeginTask } as const) : {}
    const call: RunningCall = { key, ch, method, tag, ...begins, sinceMs: this.#context.now(), ra, written: false }
    this.#context.memory.begin(call)
    this.accepted.add(call)
    return call
  }

  /** Answers a call that ended before, under the return address it now has. */
  #repeat({ ch, key, ra }: Pick<Call, 'ch' | 'key' | 'ra'>, outcome: CallEnd | undefined): void {
    if (outcome?.kind === 'answer') this.#outbox.add(answerMessage({ key, ra }, outcome), outcome.body, this.#context.now())
    else this.#report(failedFrame({ ch, key, ra }, outcome?.failure ?? { code: 'ALREADY_EXECUTED', executed: 'yes' }))
  }

  #enqueue(header: Inbound, body: Uint8Array): void {
    this.#inbox.accept(header, body)
    this.#deliverNext()
  }

  /** Delivers every message whose turn has come. */
  #deliverNext(): void {
    // A delivery may fail a call and so open a gate: the loop that runs takes that up.
    if (this.#isDelivering) return
    this.#isDelivering = true
    for (let next = this.#inbox.take(); next !== undefined; next = this.#inbox.take()) this.#deliver(next.header, next.body)
    this.#isDelivering = false
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

  #deliverCall({ key, method, id, token, auth, principal = this.#owner }: Call, body: Uint8Array): void {
    const { log, now, tellsPrincipal } = this.#context
    const call = this.accepted.get(key)
    if (call === undefined) return
    const assigned = this.#ids === 'assign' ? this.running.assignId() : undefined
    const idSeen = assigned ?? canonicalId(textAt(body, id))
    const tokenSeen = token === undefined ? undefined : (assigned ?? canonicalId(textAt(body, token)))
    if (call.mayBeginTask === true && tokenSeen !== undefined) call.token = tokenSeen
    if (!this.running.start(call, idSeen, tokenSeen, now())) return this.fail(call, { code: 'DUPLICATE_ID', executed: 'no' })
    log.debug('call.begin', { ch: this.#ch, key, method, bytes: body.length })
    const ours = assigned === undefined ? body : writeOver(body, token === undefined ? [id] : [id, token], assigned)
    const written = (taken: boolean): void => {
      call.written = taken
      // Who has closed its stdin can do nothing more for anyone; its end fails its calls.
      if (!taken) void this.#child.stop()
    }
    this.#write(tellsPrincipal === true && principal !== undefined ? withPrincipal(ours, principal) : ours, written, auth)
  }

  #deliverNotify({ key, cancels, requestId, auth }: Notify, body: Uint8Array): void {
    const isShared = this.#ids === 'assign'
    const call = cancels === undefined ? undefined : this.accepted.tagged(cancels)
    if (call === undefined) {
      // On a shared channel the id in it could be anyone's.
      return cancels !== undefined && isShared ? this.#passed(key) : this.#pass(key, body, auth)
    }
    const id = this.running.cancel(call.key, this.#context.now())
    // A handshake may not be cancelled (MCP 2025-11-25, basic/utilities/cancellation), and its client may try again.
    if (id === undefined || isHandshake(call)) this.#passed(key)
    else this.#pass(key, isShared && requestId !== undefined ? writeOver(body, [requestId], id) : body, auth)
    this.fail(call, { code: 'CANCELLED', executed: executedOf(call) })
  }

  #deliverRespond({ ch, key, rawId, auth }: Respond, body: Uint8Array): void {
    const id = canonicalId(rawId)
    if (this.asks.delete(id)) {
      this.#outbox.forgetAsk(id)
      return this.#pass(key, this.#askTag === undefined ? body : withOwnId(rawId, body), auth)
    }
    this.#context.log.warn('client.unknown_answer', { ch, bytes: body.length, meaning: 'late, repeated or invented: dropped' })
    this.#passed(key)
  }

  #pass(key: string, body: Uint8Array, auth: string | undefined): void {
    this.#write(body, (taken) => (taken ? this.#passed(key) : this.#undeliverable(key)), auth)
  }

  #passed(key: string): void {
    this.#context.memory.endPassing(key, this.#context.now())
    this.#send({ type: 'receipts', keys: [key] })
  }

  /** A notification or response that the child can never take: receipted all the same, since nothing would come of waiting. */
  #undeliverable(key: string): void {
    this.#context.log.warn('client.undeliverable', { ch: this.#ch, meaning: 'the server is gone or reads nothing: dropped' })
    this.#passed(key)
  }

  #write(body: Uint8Array, done: (taken: boolean) => void, auth?: string): void {
    const line = asLine(body)
    this.#inbox.countUnread(line.length)
    const written = (taken: boolean): void => {
      this.#inbox.countUnread(-line.length)
      done(taken)
    }
    this.#child.write(line, written, auth)
  }

  #send(frame: AgentFrame): void {
    this.#context.link?.send(frame)
  }

  #report(failed: Failed): void {
    this.#outbox.addFailure(failed, this.#context.now())
  }
}

/** Whether a call ended with its child. */
function hasDied(state: KeyState | undefined): boolean {
  return state?.kind === 'ended' && state.outcome?.kind === 'failure' && state.outcome.failure.code === 'CHILD_DIED'
}

function executedOf(call: RunningCall): Executed {
  return call.written ? 'unknown' : 'no'
}

function textAt(body: Uint8Array, [from, to]: Span): string {
  return Buffer.from(body.subarray(from, to)).toString('utf8')
}
