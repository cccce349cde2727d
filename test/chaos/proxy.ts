/** Owns the wire between one agent and the relay, and everything that can go wrong on a wire. */
import { once } from 'node:events'
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Disturbance } from './account.ts'
import { cutPoint, LinkReader, type SeenFrame, type Stretch } from './link-parts.ts'
import type { Direction, Directions, Fault } from './plan-faults.ts'

type Cut = Extract<Fault, { kind: 'cut' }>

export interface ProxyEvents {
  readonly frame: (direction: Direction, frame: SeenFrame) => void
  readonly said: (text: string) => void
  /** A hello has gone to the relay, whole. */
  readonly greeted: (lane: number) => void
  /** Told when it is over. Of a link that broke: when the next one's hello has gone to the relay. */
  readonly disturbed: (disturbance: Omit<Disturbance, 'where'>) => void
}

/** The end that did not hear of a cut stays open this long. */
const SILENT_END_MS = 15_000

interface Impairments {
  readonly stalled: Set<Direction>
  latencyMs: number
  bytesPerSecond: number
  /** A cut that waits for its place in the stream. */
  cut: Cut | undefined
}

interface PairEvents extends Pick<ProxyEvents, 'frame'> {
  readonly onCut: (cut: Cut, isInPlace: boolean) => void
  readonly onGreeted: () => void
}

/** One connection of an agent, with its connection to the relay. */
class Pair {
  readonly agent: Socket
  readonly relay: Socket
  /** The object of its share that the link leads to. */
  lane = 0
  readonly #impairments: Impairments
  readonly #onCut: (cut: Cut, isInPlace: boolean) => void
  readonly #wake = new Set<() => void>()
  readonly #swallowed = new Set<Direction>()
  readonly #onGreeted: () => void
  /** Neither end hears of the other any more. */
  #isSevered = false
  /** There is a hello in what is about to be written. */
  #isGreeting = false

  constructor(agent: Socket, relay: Socket, impairments: Impairments, { frame, onCut, onGreeted }: PairEvents) {
    this.agent = agent
    this.relay = relay
    this.#impairments = impairments
    this.#onCut = onCut
    this.#onGreeted = onGreeted
    for (const socket of [agent, relay]) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
    }
    const up = new LinkReader((seen) => {
      this.#isGreeting ||= seen.header.startsWith('{"type":"hello"')
      frame('up', seen)
    })
    void this.#pump('up', agent, relay, up)
    void this.#pump('down', relay, agent, new LinkReader((seen) => frame('down', seen)))
  }

  get isOpen(): boolean {
    return !this.agent.destroyed && !this.relay.destroyed
  }

  /** The impairments have changed. */
  wake(): void {
    for (const wake of this.#wake) wake()
  }

  cut({ heardBy, abrupt }: Pick<Cut, 'heardBy' | 'abrupt'>): void {
    this.#isSevered = true
    if (heardBy !== 'relay') end(this.agent, abrupt)
    if (heardBy !== 'agent') end(this.relay, abrupt)
    // For the end that hears nothing the wire is open, and silent.
    setTimeout(() => this.destroy(), SILENT_END_MS).unref()
    this.wake()
  }

  /** What is sent in these directions is lost from now on, and the ends find out for themselves. */
  swallow(directions: Directions): void {
    this.#isSevered = true
    for (const direction of directionsOf(directions)) this.#swallowed.add(direction)
  }

  destroy(): void {
    this.agent.destroy()
    this.relay.destroy()
    this.wake()
  }

  async #pump(direction: Direction, from: Socket, to: Socket, reader: LinkReader): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) await this.#forward(direction, chunk, to, reader)
    } catch {
      // A socket that broke ends the pump as one that ended does.
    }
    await this.#untilFlowing(direction)
    if (!this.#isSevered) to.end()
  }

  async #forward(direction: Direction, chunk: Buffer, to: Socket, reader: LinkReader): Promise<void> {
    const { latencyMs } = this.#impairments
    if (latencyMs > 0) await delay(latencyMs)
    await this.#untilFlowing(direction)
    if (this.#swallowed.has(direction)) return
    if (direction === 'up' && reader.part === 'upgrade') this.lane = laneOf(chunk) ?? this.lane
    const stretches = reader.read(chunk)
    const place = this.#cutPlace(direction, stretches)
    if (place === undefined) {
      await this.#write(to, chunk)
      if (this.#isGreeting && !this.#isSevered && this.isOpen) this.#onGreeted()
      this.#isGreeting = false
    } else {
      const { cut } = this.#impairments
      this.#impairments.cut = undefined
      if (place > 0 && !to.destroyed) to.write(chunk.subarray(0, place))
      // What was written must not be overtaken by the reset.
      await delay(2)
      if (cut !== undefined) this.#onCut(cut, true)
    }
  }

  #cutPlace(direction: Direction, stretches: readonly Stretch[]): number | undefined {
    const { cut } = this.#impairments
    return cut === undefined || cut.direction !== direction ? undefined : cutPoint(stretches, cut.part)
  }

  async #write(to: Socket, chunk: Buffer): Promise<void> {
    const { bytesPerSecond } = this.#impairments
    const partBytes = bytesPerSecond === 0 ? chunk.length : Math.max(1, Math.floor(bytesPerSecond / 20))
    for (let at = 0; at < chunk.length && !to.destroyed; at += partBytes) {
      const isFull = !to.write(chunk.subarray(at, at + partBytes))
      if (isFull) await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => {})
      if (this.#impairments.bytesPerSecond > 0) await delay(50)
    }
  }

  async #untilFlowing(direction: Direction): Promise<void> {
    while (this.#impairments.stalled.has(direction) && this.isOpen) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake.add(resolve)
      this.agent.once('close', resolve)
      this.relay.once('close', resolve)
      await promise
      this.#wake.delete(resolve)
      this.agent.off('close', resolve)
      this.relay.off('close', resolve)
    }
  }
}

export class LinkProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #relayPort: () => number
  readonly #events: ProxyEvents
  readonly #pairs = new Set<Pair>()
  readonly #impairments: Impairments = { stalled: new Set(), latencyMs: 0, bytesPerSecond: 0, cut: undefined }
  #isPlugged = true
  /** Links that broke, by lane, until the next one's hello. */
  readonly #broken = new Map<number, Omit<Disturbance, 'where' | 'toMs'>>()

  private constructor(server: Server, relayPort: () => number, events: ProxyEvents) {
    this.#server = server
    this.#relayPort = relayPort
    this.#events = events
    server.on('connection', (socket) => this.#accept(socket))
  }

  static async start(relayPort: () => number, events: ProxyEvents): Promise<LinkProxy> {
    const server = createServer({ noDelay: true })
    const proxy = new LinkProxy(server, relayPort, events)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Cuts the link at the next byte that stands where the fault wants it; at the end of its time wherever it is. */
  async cut(cut: Cut): Promise<void> {
    if (cut.part === 'upgrade') this.#cutAll({ heardBy: 'both', abrupt: cut.abrupt })
    this.#impairments.cut = cut
    await delay(cut.ms)
    if (this.#impairments.cut === undefined) return
    this.#impairments.cut = undefined
    this.#onCut(cut, false)
  }

  /** Nothing passes in these directions for a while, and nobody is told. What was on its way arrives afterwards. */
  async stall(directions: Directions, ms: number): Promise<void> {
    const stalled = directionsOf(directions)
    for (const direction of stalled) this.#impairments.stalled.add(direction)
    await this.#disturb('stall', ms)
    for (const direction of stalled) this.#impairments.stalled.delete(direction)
    for (const pair of this.#pairs) pair.wake()
  }

  /** As `stall`, but what was on its way is lost, and the ends find out for themselves. New connections are as good as any. */
  async halfOpen(directions: Directions, ms: number): Promise<void> {
    const pairs = [...this.#pairs].filter((pair) => pair.isOpen)
    for (const pair of pairs) pair.swallow(directions)
    this.#note('half-open', pairs)
    await delay(ms)
    for (const pair of pairs) pair.destroy()
  }

  async delay(latencyMs: number, ms: number): Promise<void> {
    this.#impairments.latencyMs = latencyMs
    await this.#disturb('delay', ms, latencyMs)
    this.#impairments.latencyMs = 0
  }

  async throttle(bytesPerSecond: number, ms: number): Promise<void> {
    this.#impairments.bytesPerSecond = bytesPerSecond
    await this.#disturb('throttle', ms)
    this.#impairments.bytesPerSecond = 0
  }

  /** The link is cut, and there is no other for a while. */
  async unplug(ms: number): Promise<void> {
    this.#isPlugged = false
    this.#cutAll({ heardBy: 'both', abrupt: true })
    await this.#disturb('unplug', ms)
    this.#isPlugged = true
  }

  /** What broke the links was no fault of the wire, as when the relay has lost its object. */
  broke(kind: string, lane?: number): void {
    this.#note(
      kind,
      [...this.#pairs].filter((pair) => lane === undefined || pair.lane === lane),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const toMs = Date.now()
    for (const broken of this.#broken.values()) this.#events.disturbed({ ...broken, toMs })
    for (const pair of this.#pairs) pair.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(agent: Socket): void {
    if (!this.#isPlugged) {
      agent.on('error', () => {})
      agent.resetAndDestroy()
      return
    }
    const relay = connect({ port: this.#relayPort(), host: '127.0.0.1', noDelay: true })
    const pair: Pair = new Pair(agent, relay, this.#impairments, {
      frame: this.#events.frame,
      onCut: (cut, isInPlace) => this.#onCut(cut, isInPlace, pair),
      onGreeted: () => this.#greeted(pair.lane),
    })
    this.#pairs.add(pair)
    agent.once('close', () => {
      if (relay.destroyed) this.#pairs.delete(pair)
    })
    relay.once('close', () => {
      if (agent.destroyed) this.#pairs.delete(pair)
    })
  }

  #onCut(cut: Cut, isInPlace: boolean, pair?: Pair): void {
    this.#events.said(`cut ${isInPlace ? `within ${cut.part}` : 'in silence'}, ${cut.direction}, heard by ${cut.heardBy}`)
    if (pair === undefined) this.#cutAll(cut)
    else {
      pair.cut(cut)
      this.#note('cut', [pair])
    }
  }

  #cutAll(cut: Pick<Cut, 'heardBy' | 'abrupt'>): void {
    const pairs = [...this.#pairs].filter((pair) => pair.isOpen)
    for (const pair of pairs) pair.cut(cut)
    this.#note('cut', pairs)
  }

  #note(kind: string, pairs: Iterable<Pair>): void {
    for (const { lane } of pairs) if (!this.#broken.has(lane)) this.#broken.set(lane, { kind, lane, fromMs: Date.now() })
  }

  #greeted(lane: number): void {
    const broken = this.#broken.get(lane)
    this.#broken.delete(lane)
    const toMs = Date.now()
    if (broken !== undefined) this.#events.disturbed({ ...broken, toMs })
    this.#events.greeted(lane)
  }

  /** Lasts `ms`; what was on its way then is there `lateMs` later. */
  async #disturb(kind: string, ms: number, lateMs = 0): Promise<void> {
    const fromMs = Date.now()
    await delay(ms)
    this.#events.disturbed({ kind, fromMs, toMs: Date.now() + lateMs })
  }
}

function directionsOf(directions: Directions): readonly Direction[] {
  return directions === 'both' ? ['up', 'down'] : [directions]
}

/** From the first line of an agent's upgrade. */
function laneOf(upgrade: Uint8Array): number | undefined {
  const [line = ''] = Buffer.from(upgrade).toString('latin1').split('\r\n', 1)
  const lane = /[?&]lane=(\d+)/.exec(line)?.[1]
  return lane === undefined ? undefined : Number(lane)
}

function end(socket: Socket, abrupt: boolean): void {
  if (abrupt) socket.resetAndDestroy()
  else socket.destroy()
}
