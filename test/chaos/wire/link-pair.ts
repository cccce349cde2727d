/** Owns one connection of an agent with its connection to the relay, and what befalls what is on it. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { cutPoint, LinkReader, type SeenFrame, type Stretch } from './link-parts.ts'
import type { Direction, Directions, Fault } from '../plan-faults.ts'

export type Cut = Extract<Fault, { kind: 'cut' }>

/** The end that did not hear of a cut stays open this long. */
const SILENT_END_MS = 15_000

/** What the wire suffers, all its connections alike. */
export interface Impairments {
  readonly stalled: Set<Direction>
  latencyMs: number
  bytesPerSecond: number
  /** A cut that waits for its place in the stream. */
  cut: Cut | undefined
}

interface PairEvents {
  readonly frame: (direction: Direction, frame: SeenFrame) => void
  readonly onCut: (cut: Cut, isInPlace: boolean) => void
  readonly onGreeted: () => void
}

/** One connection of an agent, with its connection to the relay. */
export class LinkPair {
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
      if (direction === 'up' && this.#isGreeting) {
        this.#isGreeting = false
        if (!this.#isSevered && this.isOpen) this.#onGreeted()
      }
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
      if (isFull) await drained(to)
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

export function directionsOf(directions: Directions): readonly Direction[] {
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

/** Resolves when the socket takes more, or never will. */
async function drained(socket: Socket): Promise<void> {
  const either = new AbortController()
  const { signal } = either
  await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).catch(() => {})
  either.abort()
}
