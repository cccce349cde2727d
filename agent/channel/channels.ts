/** All channels of one lane: opens and ends them within the child limit, and gives each frame of the lane's link to its channel. */
import { failedFrame } from '../../protocol/failed-frame.ts'
import { type Call, type ChannelRelayFrame, type Open, RELAY_OWNER } from '../../protocol/frame.ts'
import type { Hello, Welcome } from '../../protocol/handshake.ts'
import { DEAD_CHANNELS, DEAD_CHANNEL_MS } from '../limits.ts'
import { CallLog } from './calls/call-log.ts'
import type { CallFailure } from './calls/call-memory.ts'
import type { ChannelContext, LinkPort } from './channel-context.ts'
import { Channel, type ChannelFrame } from './channel.ts'
import type { ChildLimit } from './child-limit.ts'
import type { ProtocolFault } from './intake.ts'

interface ChannelsOptions extends Omit<ChannelContext, 'link' | 'changed' | 'callLog'> {
  readonly childLimit: ChildLimit
  /** 0: never. */
  readonly idleStopMs: number
}

const SWEEP_MAX_MS = 30_000
const SWEEP_MIN_MS = 50

export class Channels {
  /** What the channels see of the lane. `attach` and `detach` change the link in it. */
  readonly #context: ChannelContext & { link: LinkPort | undefined }
  readonly #limit: ChildLimit
  readonly #idleStopMs: number
  readonly #channels = new Map<string, Channel>()
  /** Channels whose child is still ending, while another has their name. */
  readonly #former = new Set<Channel>()
  /** Channels that the child limit refused: calls that come for them fail for that reason. */
  readonly #refused = new Set<string>()
  /** When a quiet channel was last reported. */
  readonly #reportedMs = new WeakMap<Channel, number>()
  readonly #quietWaiters = new Set<() => void>()
  readonly #sweeper: NodeJS.Timeout

  constructor({ childLimit, idleStopMs, ...options }: ChannelsOptions) {
    const changed = (): void => {
      if (this.#quietWaiters.size > 0) for (const look of this.#quietWaiters) look()
    }
    this.#context = { ...options, callLog: new CallLog(options.log, options.now), changed, link: undefined }
    this.#limit = childLimit
    this.#idleStopMs = idleStopMs
    childLimit.add({ channels: () => this.#all(), log: options.log })
    const sweepMs = idleStopMs === 0 ? SWEEP_MAX_MS : Math.min(SWEEP_MAX_MS, Math.max(SWEEP_MIN_MS, idleStopMs / 4))
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs).unref()
  }

  /** Fields of a hello: the call keys we know, and the channels whose children run. */
  helloFields(): Pick<Hello, 'held' | 'channels'> {
    const live = [...this.#channels.values()].filter((channel) => channel.isLive)
    return { held: this.#context.memory.held(this.#context.now()), channels: live.map(({ ch, lastNumber }) => ({ ch, n: lastNumber })) }
  }

  /** A link is up, and the relay has said which channels it no longer wants. */
  attach(link: LinkPort, welcome: Welcome): void {
    this.#context.link = link
    for (const ch of welcome.unwanted) this.#discard(this.#channels.get(ch))
    for (const channel of this.#channels.values()) channel.linkRestored()
  }

  /** Ends all channels without a word to the relay, which has no use for them any more. */
  closeAll(): void {
    for (const channel of this.#channels.values()) this.#discard(channel)
  }

  #discard(channel: Channel | undefined): void {
    channel?.silence()
    void channel?.stop('closed')
  }

  /** The link broke. Calls go on; what they come to is sent on the next link. */
  detach(): void {
    this.#context.link = undefined
    for (const channel of this.#channels.values()) channel.linkLost()
  }

  /** The link takes more again. */
  flush(): void {
    for (const channel of this.#all()) channel.flush()
  }

  /** Takes a frame of the relay. Returns what is wrong with it. */
  receive(frame: ChannelRelayFrame, body: Uint8Array): ProtocolFault | undefined {
    if (frame.type === 'open') return this.#open(frame)
    const channel = this.#channels.get(frame.ch)
    if (frame.type === 'close') return this.#close(frame.ch, channel)
    return channel === undefined ? this.#receiveWithoutChannel(frame) : channel.receive(frame, body)
  }

  /** How many calls of clients run, other than listens. */
  get runningCalls(): number {
    return this.#ofClients().reduce((sum, channel) => sum + channel.runningCalls, 0)
  }

  /** Resolves when no call of a client runs and all is sent, or with the signal. */
  async quiet(signal: AbortSignal): Promise<void> {
    const done = Promise.withResolvers<void>()
    const look = (): void => {
      if (signal.aborted || this.#ofClients().every((channel) => channel.isQuiet)) done.resolve()
    }
    this.#quietWaiters.add(look)
    signal.addEventListener('abort', look, { once: true })
    look()
    await done.promise
    this.#quietWaiters.delete(look)
    signal.removeEventListener('abort', look)
  }

  /** What the relay lists in its own name, and lists again, is not worth waiting for. */
  #ofClients(): Channel[] {
    return [...this.#all()].filter(({ owner }) => owner !== RELAY_OWNER)
  }

  /** Stops every channel; resolves when the processes are gone. */
  async stop(): Promise<void> {
    clearInterval(this.#sweeper)
    await Promise.all([...this.#all()].map((channel) => channel.stop('closed')))
  }

  /** Ends every process group at once. */
  kill(): void {
    for (const channel of this.#all()) channel.kill()
  }

  *#all(): Generator<Channel> {
    yield* this.#channels.values()
    yield* this.#former
  }

  #open(open: Open): undefined {
    const { ch } = open
    const before = this.#channels.get(ch)
    if (before?.isLive === true) return
    if (before !== undefined && before.endedMs === undefined) this.#former.add(before)
    this.#channels.delete(ch)
    this.#refused.delete(ch)
    if (this.#limit.admit(open, this.#context.now())) this.#channels.set(ch, new Channel(open, this.#context))
    else this.#refuse(ch)
  }

  #refuse(ch: string): void {
    this.#context.log.warn('channel.refused', { ch, maxChildren: this.#limit.maxChildren })
    this.#refused.add(ch)
    const [oldest] = this.#refused
    if (this.#refused.size > DEAD_CHANNELS && oldest !== undefined) this.#refused.delete(oldest)
    // So that the relay opens another when it tries again.
    this.#context.link?.send({ type: 'died', ch, reason: 'start' })
  }

  #close(ch: string, channel: Channel | undefined): undefined {
    this.#refused.delete(ch)
    void channel?.stop('closed')
  }

  /** A frame for a channel that is not there: whoever waits for an answer or a receipt still gets one. */
  #receiveWithoutChannel(frame: ChannelFrame): undefined {
    if (frame.type === 'notify' || frame.type === 'respond') this.#context.link?.send({ type: 'receipts', keys: [frame.key] })
    if (frame.type === 'replay' && frame.to !== undefined && frame.key !== undefined) {
      const failure = this.#resumeFailure(frame.key, frame.to)
      if (failure !== undefined) this.#context.link?.send(failedFrame({ ch: frame.ch, key: frame.key, ra: frame.to }, failure))
    }
    if (frame.type !== 'call') return
    const known = this.#context.memory.known(frame.key)
    if (known?.kind === 'running') {
      known.call.ra = frame.ra
      return
    }
    this.#context.link?.send(failedFrame(frame, this.#failureWithoutChannel(frame)))
  }

  /** What a client is told that comes back for a call whose channel is gone; undefined while the call runs elsewhere. */
  #resumeFailure(key: string, ra: string): CallFailure | undefined {
    const known = this.#context.memory.knownFor(key, ra)
    if (known?.kind === 'running') return undefined
    if (known?.kind !== 'ended') return { code: 'EVENTS_LOST', executed: 'unknown' }
    return known.outcome?.kind === 'failure' ? known.outcome.failure : { code: 'ALREADY_EXECUTED', executed: 'yes' }
  }

  #failureWithoutChannel({ key, ch }: Call): CallFailure {
    const known = this.#context.memory.known(key)
    if (known?.kind === 'ended' && known.outcome?.kind === 'failure') return known.outcome.failure
    if (known !== undefined) return { code: 'ALREADY_EXECUTED', executed: 'yes' }
    const failure: CallFailure = { code: this.#refused.has(ch) ? 'TOO_MANY_CHILDREN' : 'CHANNEL_CLOSED', executed: 'no' }
    this.#context.memory.end(key, { kind: 'failure', failure }, this.#context.now())
    return failure
  }

  #sweep(): void {
    const nowMs = this.#context.now()
    this.#context.memory.sweep(nowMs)
    for (const channel of this.#former) if (channel.endedMs !== undefined) this.#former.delete(channel)
    const dead = [...this.#channels.values()].filter((channel) => channel.endedMs !== undefined)
    dead.forEach((channel, index) => {
      if (nowMs - (channel.endedMs ?? nowMs) > DEAD_CHANNEL_MS || index < dead.length - DEAD_CHANNELS) this.#channels.delete(channel.ch)
    })
    for (const channel of this.#channels.values()) {
      channel.trim()
      this.#reportIdle(channel, nowMs)
    }
  }

  #reportIdle(channel: Channel, nowMs: number): void {
    const { ch, unusedSinceMs, isLive } = channel
    if (this.#idleStopMs === 0 || unusedSinceMs === undefined || !isLive || this.#context.link === undefined) return
    if (nowMs - Math.max(unusedSinceMs, this.#reportedMs.get(channel) ?? 0) < this.#idleStopMs) return
    this.#reportedMs.set(channel, nowMs)
    this.#context.link.send({ type: 'idle', ch })
  }
}
