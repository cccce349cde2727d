/** One channel: a child, the calls that run in it, and the messages that pass both ways by the rules of docs/protocol.md. */
import type { Executed, Failure } from '../protocol/errors.ts'
import type { AgentFrame, Call, Died, Failed, Notify, Open, RelayFrame, Respond } from '../protocol/frame.ts'
import { canonicalId, type Span } from '../protocol/json-scan.ts'
import { replacement, splice } from '../protocol/splice.ts'
import type { CallFailure, CallMemory, Outcome, RunningCall } from './calls.ts'
import { ChildMessages } from './child-messages.ts'
import type { Child, ChildEnd, ChildHandlers } from './child.ts'
import { Inbox, type Inbound } from './inbox.ts'
import { OUTBOX_PAUSE_BYTES, RECEIPT_AFTER_MS } from './limits.ts'
import type { Log } from './log.ts'
import { Outbox } from './outbox.ts'
import { RunningCalls } from './running.ts'

/** What a channel needs of the agent around it. */
export interface ChannelContext {
  readonly memory: CallMemory
  readonly log: Log
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly startChild: (handlers: ChildHandlers) => Child
  /** Whether the link is up and takes more. */
  readonly writable: () => boolean
  /** Sends a frame now; without a link it is lost. */
  readonly send: (frame: AgentFrame, body?: Uint8Array) => void
  /** Something was answered, sent or ended: whoever waits for quiet looks again. */
  readonly changed: () => void
}

/** What the relay sends about a channel that is there. */
export type ChannelFrame = Exclude<RelayFrame, { type: 'welcome' | 'open' | 'close' | 'drain' }>

/** What the relay did against the protocol: closes the link. */
export type Fault = string

interface Accepted {
  readonly call: RunningCall
  readonly receiptTimer: NodeJS.Timeout
}

/** Why the child is ended, other than by itself. */
type StopReason = 'idle' | 'closed'

export class Channel {
  readonly ch: string
  readonly #ids: Open['ids']
  readonly #context: ChannelContext
  readonly #accepted = new Map<string, Accepted>()
  readonly #byTag = new Map<string, RunningCall>()
  readonly #running: RunningCalls
  readonly #inbox: Inbox
  readonly #outbox: Outbox
  readonly #messages: ChildMessages
  readonly #child: Child
  /** Set when the relay or the idle time ends the child. */
  #stopReason: StopReason | undefined
  /** Set when the child is gone: what later calls fail with. */
  #end: { readonly failure: Failure; readonly atMs: number } | undefined
  #answeredOnce = false
  #paused = false
  #activeMs: number

  constructor({ ch, ids, asks }: Open, context: ChannelContext) {
    const { log, now } = context
    this.ch = ch
    this.#ids = ids
    this.#context = context
    this.#activeMs = now()
    this.#running = new RunningCalls(ids)
    this.#inbox = new Inbox({
      deliver: (header, body) => this.#deliver(header, body),
      grant: (key, upto) => context.send({ type: 'upload_credit', ch, key, upto }),
    })
    this.#outbox = new Outbox(ch, (said) => this.#messages.undeliverable(said))
    this.#messages = new ChildMessages({
      ch,
      running: this.#running,
      asks,
      log,
      now,
      say: (said, body) => this.#outbox.say(said, body, now()),
      reply: (json) => this.#reply(json),
      answered: (call, { id, failed }, body) => this.#answered(call, { kind: 'answer', id: id.span, failed, body }),
      tooLong: (call) => this.#fail(call, { code: 'LINE_TOO_LONG', executed: 'yes' }),
    })
    this.#child = context.startChild({
      line: (bytes) => this.#heard(() => this.#messages.line(bytes)),
      tooLong: (head, tail, size) => this.#heard(() => this.#messages.tooLong(head, tail, size)),
      stderr: (line) => log.child(ch, line),
      gone: (end) => this.#gone(end),
    })
    log.info('channel.open', { ch, pid: this.#child.pid })
  }

  /** Number of the last message, for a hello. */
  get lastNumber(): number {
    return this.#outbox.lastNumber
  }

  get isLive(): boolean {
    return this.#end === undefined && this.#stopReason === undefined
  }

  /** When the child went, or undefined while it is there. */
  get endedMs(): number | undefined {
    return this.#end?.atMs
  }

  /** No call runs and all is said. */
  get isQuiet(): boolean {
    return this.#accepted.size === 0 && this.#outbox.isEmpty
  }

  /** Since when nothing passed, or undefined while a call runs. */
  get idleSinceMs(): number | undefined {
    return this.#accepted.size === 0 ? this.#activeMs : undefined
  }

  receive(frame: ChannelFrame, body: Uint8Array): Fault | undefined {
    switch (frame.type) {
      case 'call':
      case 'notify':
      case 'respond':
        this.#activeMs = this.#context.now()
        return this.#accept(frame, body)
      case 'upload':
        return this.#upload(frame.key, frame.offset, body)
      case 'receipt':
        this.#outbox.receipt(frame.n)
        this.#outbox.trim(this.#context.now())
        break
      case 'credit':
        this.#outbox.credit(frame.upto)
        break
      case 'hold':
        this.#outbox.hold(frame.n)
        break
      case 'resume':
        this.#outbox.resume()
        break
      case 'replay':
        this.#outbox.replay(frame.after)
        break
    }
    this.flush()
    return undefined
  }

  /** Sends what may be sent, and stops reading the child while too much may not. */
  flush(): void {
    const { writable, send, changed } = this.#context
    for (let next = writable() ? this.#outbox.next() : undefined; next !== undefined; next = writable() ? this.#outbox.next() : undefined)
      send(next.header, next.body)
    const full = this.#outbox.unsentBytes > OUTBOX_PAUSE_BYTES
    if (full !== this.#paused) {
      this.#paused = full
      if (full) this.#child.pause()
      else this.#child.resume()
    }
    changed()
  }

  /** The link broke: what came in part never came. */
  linkLost(): void {
    for (const { key } of this.#inbox.dropUnfinished()) {
      this.#context.memory.forget(key)
      this.#forget(key)
    }
  }

  /** A new link is up. */
  linkRestored(): void {
    this.#outbox.restart()
    this.flush()
  }

  /** Housekeeping: forgets what is too old. */
  trim(): void {
    this.#outbox.trim(this.#context.now())
  }

  /** Ends the channel's calls now and its child by the ladder; resolves when that is gone. */
  async stop(reason: StopReason): Promise<void> {
    if (this.isLive) {
      this.#stopReason = reason
      this.#failAll({ code: 'CHANNEL_CLOSED' })
    }
    await this.#child.stop()
  }

  /** Nobody wants what this channel has to say. */
  silence(): void {
    this.#outbox.clear()
  }

  /** Ends the child's group at once, for an agent that must go. */
  kill(): void {
    this.#child.kill()
  }

  #accept(header: Inbound, body: Uint8Array): Fault | undefined {
    if (header.type === 'call') return this.#acceptCall(header, body)
    const { memory, send } = this.#context
    const known = memory.known(header.key)
    if (known?.kind === 'passed') send({ type: 'receipts', keys: [header.key] })
    if (known !== undefined && !(known.kind === 'passing' && this.#inbox.isUnfinished(header.key))) return undefined
    memory.beginPassing(header.key)
    if (!this.isLive || !this.#inbox.hasRoom(header.size)) {
      this.#undeliverable(header.key)
      return undefined
    }
    // A cancellation overtakes what waits, or it could never reach a call behind a gate.
    const overtakes =
      header.type === 'notify' && header.cancels !== undefined && this.#byTag.has(header.cancels) && body.length === header.size
    if (overtakes) this.#deliver(header, body)
    else this.#inbox.accept(header, body)
    return undefined
  }

  #acceptCall(header: Call, body: Uint8Array): Fault | undefined {
    const { memory, send } = this.#context
    const { ch, key, method, tag, ra } = header
    const known = memory.known(key)
    if (known !== undefined && !(known.kind === 'running' && this.#inbox.isUnfinished(key))) {
      if (known.kind === 'running') {
        known.call.ra = ra
        send({ type: 'receipts', keys: [key] })
      } else if (known.kind === 'ended') this.#repeat(header, known.outcome)
      else return 'a call with the key of a notification'
      return undefined
    }
    const call: RunningCall = known?.kind === 'running' ? known.call : { key, ch, method, tag, ra, written: false }
    call.ra = ra
    if (known === undefined) {
      memory.begin(call)
      this.#accepted.set(key, { call, receiptTimer: setTimeout(() => send({ type: 'receipts', keys: [key] }), RECEIPT_AFTER_MS) })
      this.#byTag.set(tag, call)
    }
    if (this.#end !== undefined) this.#fail(call, { ...this.#end.failure, executed: 'no' })
    else if (!this.isLive) this.#fail(call, { code: 'CHANNEL_CLOSED', executed: 'no' })
    else if (!this.#inbox.hasRoom(header.size)) this.#fail(call, { code: 'BACKLOG_FULL', executed: 'no' })
    else this.#inbox.accept(header, body)
    return undefined
  }

  /** Answers a call that ended before, under the return address it now has. */
  #repeat({ key, ra }: Call, outcome: Outcome | undefined): void {
    const nowMs = this.#context.now()
    if (outcome?.kind === 'answer')
      this.#outbox.say({ type: 'answer', key, ra, id: outcome.id, failed: outcome.failed }, outcome.body, nowMs)
    else
      this.#outbox.verdict(failedFrame({ ch: this.ch, key, ra }, outcome?.failure ?? { code: 'ALREADY_EXECUTED', executed: 'yes' }), nowMs)
    this.flush()
  }

  #upload(key: string, offset: number, body: Uint8Array): undefined {
    if (this.#inbox.upload(key, offset, body) !== 'broken') return
    const call = this.#accepted.get(key)?.call
    if (call === undefined) this.#context.memory.forget(key)
    else this.#fail(call, { code: 'UPLOAD_BROKEN', executed: 'no' })
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

  #deliverCall(header: Call, body: Uint8Array): void {
    const { log, now } = this.#context
    const call = this.#accepted.get(header.key)?.call
    if (call === undefined) return
    const assigned = this.#ids === 'assign' ? this.#running.assignId() : undefined
    const id = assigned ?? canonicalId(textAt(body, header.id))
    const token = header.token === undefined ? undefined : (assigned ?? canonicalId(textAt(body, header.token)))
    if (!this.#running.start(call, id, token, now())) return this.#fail(call, { code: 'DUPLICATE_ID', executed: 'no' })
    const spans = [header.id, ...(header.token === undefined ? [] : [header.token])]
    const line =
      assigned === undefined
        ? body
        : splice(
            body,
            spans.map((span) => replacement(span, assigned)),
          )
    log.debug('call', { ch: this.ch, key: call.key, method: call.method, bytes: body.length })
    this.#write(line, (taken) => {
      call.written = taken
      // A child that has closed its stdin can do nothing more for anyone: its end fails its calls.
      if (!taken) void this.#child.stop()
    })
  }

  #deliverNotify(header: Notify, body: Uint8Array): void {
    const { key, cancels, requestId } = header
    const call = cancels === undefined ? undefined : this.#byTag.get(cancels)
    if (call === undefined) {
      // On a shared channel the id in it could be anyone's.
      if (cancels !== undefined && this.#ids === 'assign') return this.#passed(key)
      return this.#write(body, (taken) => this.#passing(key, taken))
    }
    const id = this.#running.cancel(call.key, this.#context.now())
    if (id === undefined) this.#passed(key)
    else {
      const line = this.#ids === 'assign' && requestId !== undefined ? splice(body, [replacement(requestId, id)]) : body
      this.#write(line, (taken) => this.#passing(key, taken))
    }
    this.#fail(call, { code: 'CANCELLED', executed: call.written ? 'unknown' : 'no' })
  }

  #deliverRespond({ key, rawId }: Respond, body: Uint8Array): void {
    if (this.#messages.settleAsk(rawId)) return this.#write(body, (taken) => this.#passing(key, taken))
    this.#context.log.warn('client.unknown_answer', { ch: this.ch, bytes: body.length, meaning: 'late, repeated or invented: dropped' })
    this.#passed(key)
  }

  #passing(key: string, taken: boolean): void {
    if (taken) this.#passed(key)
    else this.#undeliverable(key)
  }

  /** A notification or response that the child can never take: receipted all the same, since nothing would come of waiting. */
  #undeliverable(key: string): void {
    this.#context.log.warn('client.undeliverable', { ch: this.ch, meaning: 'the server is gone or reads nothing: dropped' })
    this.#passed(key)
  }

  #passed(key: string): void {
    this.#context.memory.endPassing(key, this.#context.now())
    this.#context.send({ type: 'receipts', keys: [key] })
  }

  #reply(json: string): void {
    const body = Buffer.from(json)
    if (this.#inbox.hasRoom(body.length)) this.#write(body, () => {})
    else this.#context.log.warn('child.reads_nothing', { ch: this.ch, meaning: 'our answer to its request was dropped' })
  }

  /** Writes one message as one line. Line ends, which in JSON are white space only, become spaces. */
  #write(body: Uint8Array, done: (taken: boolean) => void): void {
    const line = new Uint8Array(body.length + 1)
    line.set(body)
    for (const end of [0x0a, 0x0d]) for (let at = line.indexOf(end); at !== -1; at = line.indexOf(end, at + 1)) line[at] = 0x20
    line[body.length] = 0x0a
    this.#inbox.countUnread(line.length)
    this.#child.write(line, (taken) => {
      this.#inbox.countUnread(-line.length)
      done(taken)
    })
  }

  #heard(read: () => void): void {
    // A child that was told to end has nobody left to speak to.
    if (this.#stopReason !== undefined) return
    this.#activeMs = this.#context.now()
    read()
    this.flush()
  }

  #answered(call: RunningCall, answer: Outcome & { kind: 'answer' }): void {
    const nowMs = this.#context.now()
    this.#answeredOnce = true
    this.#forget(call.key)
    this.#context.memory.end(call.key, answer, nowMs)
    this.#outbox.say({ type: 'answer', key: call.key, ra: call.ra, id: answer.id, failed: answer.failed }, answer.body, nowMs)
    this.#inbox.open(call.key)
  }

  #fail(call: RunningCall, failure: CallFailure): void {
    const nowMs = this.#context.now()
    this.#running.end(call.key)
    this.#forget(call.key)
    this.#context.memory.end(call.key, { kind: 'failure', failure }, nowMs)
    this.#outbox.verdict(failedFrame(call, failure), nowMs)
    this.#context.log.debug('call.failed', {
      ch: this.ch,
      key: call.key,
      method: call.method,
      code: failure.code,
      executed: failure.executed,
    })
    this.#inbox.remove(call.key)
    this.#inbox.open(call.key)
    this.flush()
  }

  #forget(key: string): void {
    const accepted = this.#accepted.get(key)
    if (accepted === undefined) return
    clearTimeout(accepted.receiptTimer)
    this.#accepted.delete(key)
    if (this.#byTag.get(accepted.call.tag) === accepted.call) this.#byTag.delete(accepted.call.tag)
  }

  #failAll(failure: Failure): void {
    for (const { key } of this.#inbox.clear()) if (!this.#accepted.has(key)) this.#undeliverable(key)
    for (const { call } of this.#accepted.values()) {
      const executed: Executed = call.written ? 'unknown' : 'no'
      this.#fail(call, { ...failure, executed })
    }
  }

  #gone(end: ChildEnd): void {
    const { exitCode, signal, stderr, startError } = end
    const facts = { exitCode, signal, ...(stderr !== '' && { stderr }) }
    const reason: Died['reason'] = this.#stopReason ?? (this.#answeredOnce ? 'exit' : 'start')
    const code = this.#stopReason !== undefined ? 'CHANNEL_CLOSED' : this.#answeredOnce ? 'CHILD_DIED' : 'CHILD_START_FAILED'
    const failure: Failure =
      this.#stopReason !== undefined ? { code } : { code, ...facts, ...(startError !== undefined && { detail: startError }) }
    this.#end = { failure, atMs: this.#context.now() }
    this.#failAll(failure)
    this.#outbox.verdict({ type: 'died', ch: this.ch, reason, ...facts }, this.#context.now())
    this.#context.log[this.#stopReason === undefined ? 'warn' : 'info']('channel.end', {
      ch: this.ch,
      reason,
      exitCode,
      signal,
      error: startError,
    })
    this.flush()
  }
}

export function failedFrame({ ch, key, ra }: Pick<Failed, 'ch' | 'key' | 'ra'>, failure: CallFailure): Failed {
  const { code, executed, exitCode, signal, stderr, detail } = failure
  const facts = {
    ...(exitCode !== undefined && { exitCode }),
    ...(signal !== undefined && { signal }),
    ...(stderr !== undefined && { stderr }),
    ...(detail !== undefined && { detail }),
  }
  return { type: 'failed', ch, key, ra, code, executed, ...facts }
}

function textAt(body: Uint8Array, [from, to]: Span): string {
  return Buffer.from(body.subarray(from, to)).toString('utf8')
}
