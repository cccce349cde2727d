/** One channel: joins a child to the relay, and sends what the child says, by the rules of docs/protocol.md. */
import type { Failure } from '../../protocol/errors.ts'
import { failedFrame } from '../../protocol/failed-frame.ts'
import type { ChannelRelayFrame, Died, Open, Replay } from '../../protocol/frame.ts'
import { OUTBOX_PAUSE_BYTES } from '../limits.ts'
import type { Child, ChildEnd, ChildHandlers } from '../server/child.ts'
import type { ChannelContext } from './channel-context.ts'
import { ChildBeginning } from './child-beginning.ts'
import { readChildEnd, type StopReason } from './child-end.ts'
import { ChildMessages } from './child-messages.ts'
import { ChildStartup } from '../server/child-startup.ts'
import type { Start } from '../server/given-up-starts.ts'
import { Intake, type ProtocolFault } from './intake.ts'
import { Outbox, type Outgoing } from './outbox.ts'

/** A frame of the relay for an open channel. */
export type ChannelFrame = Exclude<ChannelRelayFrame, { type: 'open' | 'close' }>

/** In place of a call's key, for a stream that belongs to no call. */
const NO_CALL = '0'.repeat(32)

export class Channel {
  readonly ch: string
  /** Whose child it is, and among whose it counts, as the relay names them; undefined of one that serves all. */
  readonly owner: string | undefined
  readonly root: string | undefined
  readonly #context: ChannelContext
  readonly #child: Child
  readonly #outbox: Outbox
  readonly #intake: Intake
  readonly #messages: ChildMessages
  readonly #startup: ChildStartup
  /** Set when the relay or the idle time ends the child. */
  #stopReason: StopReason | undefined
  /** Why nothing that the child prints can be read; it is ended then. */
  #unreadable: string | undefined
  /** When the child went. */
  #endedMs: number | undefined
  #paused = false
  #activeMs: number
  readonly #beginning: ChildBeginning
  /** Hears the child in place of this channel, whose client gave up on the start. */
  #heir: ChildHandlers | undefined

  constructor(open: Open, context: ChannelContext) {
    const { ch } = open
    this.ch = ch
    this.owner = open.owner
    this.root = open.root ?? open.owner
    this.#context = context
    this.#activeMs = context.now()
    const handlers: ChildHandlers = {
      line: (bytes, of) => this.#line(bytes, of),
      tooLong: (head, tail, size) => this.#tooLong(head, tail, size),
      refused: (rawId, failure) => this.#refused(rawId, failure),
      stderr: (line) => (this.#heir === undefined ? context.log.child(ch, line) : this.#heir.stderr(line)),
      gone: (end) => (this.#heir === undefined ? this.#gone(end) : this.#heir.gone(end)),
    }
    const { starts } = context
    const isOfOne = open.ids === 'keep' && open.owner !== undefined
    this.#child = starts !== undefined && isOfOne ? starts.childFor(open.owner, handlers) : context.startChild(handlers)
    if (open.auth !== undefined) this.#child.authorize?.(open.auth)
    this.#beginning = new ChildBeginning(this.#child, context, this.owner)
    this.#outbox = new Outbox(ch, (message) => this.#messages.undeliverable(message), open.ids === 'assign')
    this.#intake = new Intake(open, context, this.#child, this.#outbox)
    const { log, now } = context
    const unfinished = (mostBytes: number): Uint8Array | undefined => this.#child.unfinished(mostBytes)
    this.#startup = new ChildStartup({ ch, log, now, unfinished, unreadable: (detail) => this.#giveUp(detail) })
    this.#messages = new ChildMessages(open, context, this.#intake, this.#outbox, this.#startup)
    context.log.info('channel.open', { ch, pid: this.#child.pid })
  }

  /** Number of the last message, for a hello. */
  get lastNumber(): number {
    return this.#outbox.lastNumber
  }

  get isLive(): boolean {
    return this.#endedMs === undefined && !this.#isEnding
  }

  /** When the child went, or undefined while it is there. */
  get endedMs(): number | undefined {
    return this.#endedMs
  }

  /** No call runs, other than listens, and all is sent. */
  get isQuiet(): boolean {
    return !this.#intake.accepted.isBusy && this.#outbox.isEmpty
  }

  /** Calls that run, other than listens. */
  get runningCalls(): number {
    return this.#intake.accepted.busyCount
  }

  /** Since when no message has passed, or undefined while a call runs, other than listens, or a task. */
  get idleSinceMs(): number | undefined {
    return this.#intake.accepted.isBusy || this.#messages.isWorking(this.#context.now()) ? undefined : this.#activeMs
  }

  /** The same, but a child that has yet to answer its handshake counts as idle too: nobody may be there any more who waits for it. */
  get unusedSinceMs(): number | undefined {
    const { accepted, hasAnswered } = this.#intake
    return !hasAnswered && accepted.hasHandshake ? this.#activeMs : this.idleSinceMs
  }

  /** Whether a client listens to the child (`subscriptions/listen`). */
  get hasListener(): boolean {
    return this.#intake.accepted.hasListener
  }

  /** Takes a frame of the relay. Returns what is wrong with it. */
  receive(frame: ChannelFrame, body: Uint8Array): ProtocolFault | undefined {
    const fault = this.#take(frame, body)
    this.flush()
    return fault
  }

  /** Sends what may be sent, and stops reading the child while too much may not. */
  flush(): void {
    const { link, changed } = this.#context
    for (let next = this.#next(); next !== undefined; next = this.#next()) link?.send(next.header, next.body)
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
    this.#intake.dropUnfinished()
  }

  /** A new link is up. */
  linkRestored(): void {
    this.#outbox.restart((failed) => this.#context.memory.isOutdated(failed))
    this.flush()
  }

  /** Housekeeping: forgets what is too old. */
  trim(): void {
    this.#outbox.trim(this.#context.now())
  }

  /** Fails the channel's calls now and stops its child; resolves when that is gone. */
  async stop(reason: StopReason): Promise<void> {
    if (this.isLive) {
      const start = this.#beginning.take()
      this.#stopReason = reason
      this.#startup.end()
      this.#intake.close({ code: 'CHANNEL_CLOSED' })
      if (start !== undefined && this.#handsOver(start, reason)) this.#endWithout(reason, {})
      this.flush()
    }
    if (this.#heir === undefined) await this.#child.stop()
  }

  /** Drops what is not sent yet: the relay does not want it. */
  silence(): void {
    this.#outbox.clear()
  }

  /** Ends the child's process group at once. */
  kill(): void {
    if (this.#heir === undefined) this.#child.kill()
  }

  #take(frame: ChannelFrame, body: Uint8Array): ProtocolFault | undefined {
    switch (frame.type) {
      case 'call':
      case 'notify':
      case 'respond':
        this.#activeMs = this.#context.now()
        // What comes again may have been overtaken by what its client shows now.
        if (frame.auth !== undefined && this.#context.memory.known(frame.key) === undefined) this.#child.authorize?.(frame.auth)
        if (!this.#intake.hasAnswered) this.#beginning.sent(frame, body)
        return this.#intake.accept(frame, body)
      case 'upload':
        this.#intake.upload(frame.key, frame.offset, body)
        break
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
    return undefined
  }

  /** The child is told to go, or has shown that it is no MCP server. */
  get #isEnding(): boolean {
    return this.#stopReason !== undefined || this.#unreadable !== undefined
  }

  #next(): Outgoing | undefined {
    return this.#context.link?.writable === true ? this.#outbox.next() : undefined
  }

  #replay(replay: Replay): void {
    const { after, to, key } = replay
    if (to === undefined) return this.#outbox.replay(after)
    const { ra = to } = replay
    const { answered, incomplete } = this.#outbox.replayFor(to, replay)
    if (key !== undefined && !answered) this.#intake.resumed(key, ra)
    // Sent first, since it speaks of what came before.
    if (incomplete) this.#context.link?.send(failedFrame({ ch: this.ch, key: NO_CALL, ra }, { code: 'EVENTS_LOST' }))
  }

  #line(bytes: Uint8Array, of: string | undefined): void {
    // Nobody waits for what a child says that was told to end.
    if (this.#isEnding) return this.#heir?.line(bytes, of)
    this.#activeMs = this.#context.now()
    this.#messages.line(bytes, of)
    if (this.#beginning.isUnderWay && (this.#intake.hasAnswered || this.#intake.asks.size > 0)) this.#beginning.end()
    this.flush()
  }

  #tooLong(head: Uint8Array, tail: Uint8Array, size: number): void {
    if (this.#isEnding) return this.#heir?.tooLong(head, tail, size)
    this.#activeMs = this.#context.now()
    this.#messages.tooLong(head, tail, size)
    this.flush()
  }

  /** The server refuses a call for whom it comes from. */
  #refused(rawId: string, failure: Failure): void {
    if (this.#isEnding) return this.#heir?.refused?.(rawId, failure)
    this.#activeMs = this.#context.now()
    this.#messages.refused(rawId, failure)
    this.flush()
  }

  /** What the child prints can never be read: its calls fail now, and it is ended. */
  #giveUp(detail: string): void {
    this.#unreadable = detail
    this.#context.log.error('child.unreadable', { ch: this.ch, meaning: detail })
    this.#intake.close({ code: 'CHILD_START_FAILED', detail })
    this.flush()
    void this.#child.stop()
  }

  #gone(end: ChildEnd): void {
    this.#beginning.end()
    this.#startup.end()
    const { tellsStderr } = this.#context
    const state = { stopReason: this.#stopReason, hasAnswered: this.#intake.hasAnswered, unreadable: this.#unreadable, tellsStderr }
    const { reason, failure, facts } = readChildEnd(end, state)
    if (reason === 'closed') this.#stopReason ??= reason
    this.#intake.running.notTaken(end.untaken ?? [])
    this.#intake.close(failure)
    this.#endWithout(reason, facts, end.startError)
    this.flush()
  }

  /** The channel has no child any more. */
  #endWithout(reason: Died['reason'], facts: Omit<Died, 'type' | 'ch' | 'reason'>, error?: string): void {
    const { now, log } = this.#context
    this.#endedMs = now()
    this.#outbox.addFailure({ type: 'died', ch: this.ch, reason, ...facts }, now())
    const { exitCode, signal } = facts
    log[this.#stopReason === undefined ? 'warn' : 'info']('channel.end', { ch: this.ch, reason, exitCode, signal, error })
  }

  /** Whether the child is kept for the client's next try. */
  #handsOver(start: Start, reason: StopReason): boolean {
    if (reason !== 'closed' || this.#paused) return this.#beginning.drop(start)
    const { log } = this.#context
    return this.#beginning.giveUp(
      start,
      (heir) => void (this.#heir = heir),
      (line) => log.child(this.ch, line),
    )
  }
}
