/** Charges calls to the limits of their share and links, before they are made and when they are over; with lanes, at the one that keeps these limits. */
import { type Charge, type Exhausted, isAddressCharge, isCharged, type MeterOrder, SHARE_CHARGE } from '../../contract/trust/metering.ts'
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import type { LaneKey } from '../../contract/lane-key.ts'
import { laneCount, laneOf, type Lane } from '../../lanes.ts'
import { BUSY_LIMIT_RETRY_MS, MAX_METERED_CALL_MS } from '../../trust-limits.ts'
import type { Streams } from '../clients/streams.ts'
import type { Meters } from './meters.ts'
import type { StreamAttachment } from '../clients/stream-attachment.ts'

interface Parts {
  /** Id of the share, and which of its lanes this is. */
  readonly share: string
  readonly lane: LaneKey
  readonly meters: Meters
  readonly streams: Streams
  /** Streams of charged calls from before the object slept. */
  readonly charged: readonly Pick<StreamAttachment, 'key' | 'charged'>[]
  /** Gives an order to another lane, as `ShareObject.meter` answers it. */
  readonly orderOf: (lane: Lane, order: MeterOrder) => Promise<string | undefined>
}

/** `session`: of a call whose answer comes on that session's stream (HTTP+SSE). */
interface RunningCall {
  readonly charges: readonly Charge[]
  readonly sinceMs: number
  readonly session?: string
}

/** Outcomes after which a call goes on. */
const GOES_ON: ReadonlySet<CallOutcome['kind']> = new Set(['stream', 'moved', 'accepted', 'unheard', 'replaced'])
/** Outcomes of a try that has run nothing. */
export const RAN_NOT: ReadonlySet<CallOutcome['kind']> = new Set([
  'again',
  'pending',
  'stale',
  'bridge',
  'spread',
  'join',
  'native',
  'away',
  'no_stream',
  'standby',
  'held',
])
const TRIES = 2
const UNREACHED: Exhausted = { kind: 'limited', retryAfterMs: BUSY_LIMIT_RETRY_MS, detail: 'what is used cannot be told for the moment' }

export class Spending {
  readonly #parts: Parts
  /** Charged calls under way in this lane, by key; the oldest first. */
  readonly #running = new Map<string, RunningCall>()

  constructor(parts: Parts) {
    this.#parts = parts
    for (const { key, charged } of parts.charged) {
      if (key === undefined || charged === undefined) continue
      this.#running.set(key, charged)
      if (this.#keeperOf(charged.charges) === undefined) parts.meters.begin(key, charged.charges, charged.sinceMs)
    }
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#running.clear()
    this.#parts.meters.forget()
  }

  /** Makes a call if all limits that it is charged to have room. One that an agent may have had was charged before, and so was one that goes on. */
  call(
    charges: readonly Charge[],
    request: CallRequest,
    make: () => CallOutcome | Promise<CallOutcome>,
  ): Exhausted | CallOutcome | Promise<Exhausted | CallOutcome> {
    const { key, method, size: bytes, isResend, wasHeld, chargedAs } = request
    if (!isCharged(method) || ('refusal' in request && request.refusal !== undefined)) return make()
    const wasCharged =
      isResend === true || wasHeld === true || chargedAs !== undefined || ('input' in request && request.input !== undefined)
    const told = this.order(wasCharged ? { op: 'begin', key, charges } : { op: 'spend', key, charges, bytes })
    if (chargedAs !== undefined && chargedAs !== key) this.#end(chargedAs, 0, false)
    const go = (exhausted: Exhausted | undefined): Exhausted | Promise<CallOutcome> =>
      wasCharged || exhausted === undefined ? this.#make(charges, request, make) : exhausted
    return told instanceof Promise ? told.then<Exhausted | CallOutcome>(go) : go(told)
  }

  /** Charges what is no call, and begins now, if all limits that it is charged to have room; it ends with `answered`. */
  async start(charges: readonly Charge[], key: string): Promise<Exhausted | undefined> {
    const exhausted = await this.order({ op: 'spend', key, charges, bytes: 0 })
    if (exhausted === undefined) this.#running.set(key, { charges, sinceMs: Date.now() })
    return exhausted
  }

  /** Whether a call would be let through now. */
  look(charges: readonly Charge[]): Exhausted | undefined | Promise<Exhausted | undefined> {
    return this.order({ op: 'look', charges })
  }

  /** The first of an answer of so many bytes has come. */
  answered(key: string, bytes: number): void {
    if (this.#running.size > 0) this.#end(key, bytes, true)
  }

  /** A call has failed. */
  failed(key: string): void {
    if (this.#running.size > 0) this.#end(key, 0, true)
  }

  /** A stream has closed: a call whose client has left is not waited for. */
  closed(socket: WebSocket): void {
    if (this.#running.size === 0) return
    const { streams } = this.#parts
    const { kind, key, session = '' } = streams.attachmentOf(socket) ?? {}
    if (kind === 'call' && key !== undefined && streams.call(key) === undefined) this.#end(key, 0, true)
    if (kind === 'session' && streams.listener(session) === undefined) this.#endWhere((running) => running.session === session)
  }

  /** No agent is left: nobody else would tell of calls whose answers come on their sessions' streams. */
  agentsGone(): void {
    this.#endWhere(({ session }) => session !== undefined)
  }

  /** The call's stream is open: with it the object may sleep. */
  streamed(key: string): void {
    const charged = this.#running.get(key)
    const socket = charged === undefined ? undefined : this.#parts.streams.call(key)
    if (charged !== undefined && socket !== undefined) this.#parts.streams.markCharged(socket, charged)
  }

  /** Does what this lane is told, or has the lane do it that keeps these limits. */
  order(order: MeterOrder): Exhausted | undefined | Promise<Exhausted | undefined> {
    const keeper = this.#keeperOf(order.charges)
    return keeper === undefined ? this.#parts.meters.order(order, Date.now()) : this.#ask(keeper, order)
  }

  async #ask(keeper: Lane, order: MeterOrder): Promise<Exhausted | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        const told = await this.#parts.orderOf(keeper, order)
        return told === undefined ? undefined : (JSON.parse(told) as Exhausted)
      } catch {
        // The key tells it whether it has charged the call.
        if (tries === TRIES) return UNREACHED
      }
    }
  }

  async #make(charges: readonly Charge[], request: CallRequest, make: () => CallOutcome | Promise<CallOutcome>): Promise<CallOutcome> {
    const { key } = request
    const nowMs = Date.now()
    const session = request.delivery === 'session' ? { session: request.session } : {}
    this.#running.set(key, { charges, sinceMs: nowMs, ...session })
    // An end that was never told, as of a call whose stream was never opened.
    const [oldest] = this.#running
    if (oldest !== undefined && nowMs - oldest[1].sinceMs > MAX_METERED_CALL_MS) this.#end(oldest[0], 0, false)
    let outcome: CallOutcome | undefined
    try {
      outcome = await make()
      return outcome
    } finally {
      if (outcome === undefined || !GOES_ON.has(outcome.kind)) this.#end(key, 0, outcome === undefined || !RAN_NOT.has(outcome.kind))
    }
  }

  #endWhere(isOver: (running: RunningCall) => boolean): void {
    for (const [key, running] of this.#running) if (isOver(running)) this.#end(key, 0, true)
  }

  #end(key: string, bytes: number, hasRun: boolean): void {
    const running = this.#running.get(key)
    if (running === undefined) return
    this.#running.delete(key)
    const ms = hasRun ? Math.max(0, Date.now() - running.sinceMs) : 0
    const { charges } = running
    // Without these there is nothing to tell.
    const isTold = charges.some(
      ({ limits }) => limits.concurrent !== undefined || limits.bytes !== undefined || limits.seconds !== undefined,
    )
    if (isTold) void this.order({ op: 'settle', key, charges, bytes, ms })
  }

  /** The lane that keeps these limits, unless it is this one: all that one call is charged to lie together. */
  #keeperOf([first]: readonly Charge[]): Lane | undefined {
    const { share, lane } = this.#parts
    if (first === undefined || share === '' || (lane === 0 && laneCount(share) === 1)) return undefined
    const keeper = laneOf(share, first.name === SHARE_CHARGE || isAddressCharge(first.name) ? share : first.name)
    return keeper.index === lane ? undefined : keeper
  }
}
