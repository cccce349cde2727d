/** Owns the wire between one agent and the relay, and everything that can go wrong on a wire. */
import { once } from 'node:events'
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Disturbance } from '../account.ts'
import { type Cut, directionsOf, type Impairments, LinkPair } from './link-pair.ts'
import type { SeenFrame } from './link-parts.ts'
import type { Direction, Directions } from '../plan-faults.ts'

export interface ProxyEvents {
  readonly frame: (direction: Direction, frame: SeenFrame) => void
  readonly said: (text: string) => void
  /** A hello has gone to the relay, whole. */
  readonly greeted: (lane: number) => void
  /** Told when it is over. Of a link that broke: when the next one's hello has gone to the relay. */
  readonly disturbed: (disturbance: Omit<Disturbance, 'where'>) => void
}

export class LinkProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #relayPort: () => number
  readonly #events: ProxyEvents
  readonly #pairs = new Set<LinkPair>()
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
    const pair: LinkPair = new LinkPair(agent, relay, this.#impairments, {
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

  #onCut(cut: Cut, isInPlace: boolean, pair?: LinkPair): void {
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

  #note(kind: string, pairs: Iterable<LinkPair>): void {
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
