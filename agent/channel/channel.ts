/** One channel: a child, the calls that run in it, and the messages that pass both ways by the rules of docs/protocol.md. */
import type { Failure } from '../../protocol/errors.ts'
import type { AgentFrame, Died, Open, RelayFrame, Replay } from '../../protocol/frame.ts'
import type { CallMemory } from './call-memory.ts'
import { ChildMessages } from './child-messages.ts'
import type { Child, ChildEnd, ChildHandlers } from '../server/child.ts'
import { Intake, type ProtocolFault } from './intake.ts'
import { OUTBOX_PAUSE_BYTES } from '../limits.ts'
import type { Log } from '../log.ts'
import { Outbox, type ChildMessage, type FailureFrame } from './outbox.ts'

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
  /** The child has given its first answer. */
  readonly answered?: () => void
}

/** What the relay sends about a channel that is there. */
export type ChannelFrame = Exclude<RelayFrame, { type: 'welcome' | 'open' | 'close' | 'drain' }>

/** Stands for the key where a stream has failed that is no call's. */
const NO_CALL = '0'.repeat(32)

/** Why the child is ended, other than by itself. */
type StopReason = 'idle' | 'closed'

export class Channel {
  readonly ch: string
  readonly #context: ChannelContext
  readonly #intake: Intake
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
    const { memory, log, now, send } = context
    this.ch = ch
    this.#context = context
    this.#activeMs = now()
    this.#outbox = new Outbox(ch, (said) => this.#messages.undeliverable(said))
    const say = (said: ChildMessage, body: Uint8Array): void => {
      this.#outbox.say(said, body, now())
      this.flush()
    }
    this.#intake = new Intake({
      ch,
      ids,
      memory,
      log,
      now,
      send,
      say,
      fail: (failed) => this.#verdict(failed),
      refusal: () => this.#end?.failure ?? (this.#stopReason === undefined ? undefined : { code: 'CHANNEL_CLOSED' }),
      settleAsk: (rawId) => this.#messages.settleAsk(rawId),
      write: (line, done) => this.#child.write(line, done),
      deaf: () => void this.#child.stop(),
    })
    this.#messages = new ChildMessages({
      ch,
      running: this.#intake.running,
      asks,
      log,
      now,
      say,
      reply: (json) => this.#intake.reply(json),
      answered: (call, answer) => {
        this.#intake.answered(call, answer)
        if (this.#answeredOnce) return
        this.#answeredOnce = true
        context.answered?.()
      },
      listenEnded: (call) => this.#intake.fail(call, { code: 'CANCELLED', executed: 'yes', detail: 'The server ended it.' }),
      tooLong: (call) => this.#intake.fail(call, { code: 'LINE_TOO_LONG', executed: 'yes' }),
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

  /** No call runs, other than to listen, and all is said. */
  get isQuiet(): boolean {
    return !this.#intake.isBusy && this.#outbox.isEmpty
  }

  /** Since when nothing passed, or undefined while a call runs, other than to listen. */
  get idleSinceMs(): number | undefined {
    return this.#intake.isBusy ? undefined : this.#activeMs
  }

  /** Whether a client listens to the child with a call. */
  get hasListener(): boolean {
    return this.#intake.hasListener
  }

  receive(frame: ChannelFrame, body: Uint8Array): ProtocolFault | undefined {
    switch (frame.type) {
      case 'call':
      case 'notify':
      case 'respond':
        this.#activeMs = this.#context.now()
        return this.#intake.accept(frame, body)
      case 'upload':
        this.#intake.upload(frame.key, frame.offset, body)
        return undefined
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
        this.#replay(frame)
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

  #replay(replay: Replay): void {
    const { after, to, key } = replay
    if (to === undefined) return this.#outbox.replay(after)
    const { answered, incomplete } = this.#outbox.replayFor(to, replay)
    if (key !== undefined && !answered) this.#intake.resumed(this.ch, key, to)
    // Said first, since it speaks of what came before.
    if (incomplete) this.#context.send({ type: 'failed', ch: this.ch, key: NO_CALL, ra: to, code: 'EVENTS_LOST', executed: 'unknown' })
  }

  /** The link broke: what came in part never came. */
  linkLost(): void {
    this.#intake.dropUnfinished()
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
      this.#intake.failAll({ code: 'CHANNEL_CLOSED' })
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

  #heard(read: () => void): void {
    // A child that was told to end has nobody left to speak to.
    if (this.#stopReason !== undefined) return
    this.#activeMs = this.#context.now()
    read()
  }

  #gone(end: ChildEnd): void {
    const { exitCode, signal, stderr, startError } = end
    const facts = { exitCode, signal, ...(stderr !== '' && { stderr }) }
    const reason: Died['reason'] = this.#stopReason ?? (this.#answeredOnce ? 'exit' : 'start')
    const code = this.#stopReason !== undefined ? 'CHANNEL_CLOSED' : this.#answeredOnce ? 'CHILD_DIED' : 'CHILD_START_FAILED'
    const failure: Failure =
      this.#stopReason !== undefined ? { code } : { code, ...facts, ...(startError !== undefined && { detail: startError }) }
    this.#end = { failure, atMs: this.#context.now() }
    this.#intake.failAll(failure)
    this.#verdict({ type: 'died', ch: this.ch, reason, ...facts })
    this.#context.log[this.#stopReason === undefined ? 'warn' : 'info']('channel.end', {
      ch: this.ch,
      reason,
      exitCode,
      signal,
      error: startError,
    })
  }

  #verdict(frame: FailureFrame): void {
    this.#outbox.verdict(frame, this.#context.now())
    this.flush()
  }
}
