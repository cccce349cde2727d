/** A Worker's client of one Share, the object of a share or of one of its lanes: RPC, stream sockets, a new stub after a reset. */
import type {
  AskAnswer,
  CallOutcome,
  Caller,
  CallRequest,
  CancelRequest,
  KeepOrder,
  KeptFacts,
  ParkOrder,
  SendOutcome,
  SendRequest,
  SubscribeOrder,
  ParkedRow,
} from '../contract/share-rpc.ts'
import type { StreamTarget } from '../contract/streams.ts'
import type { ListingOrder } from '../contract/listings.ts'
import { type Env, settingsOf } from '../env.ts'
import { type Lane, laneName } from '../lanes.ts'
import { laneStub } from './share-stub.ts'
import type { ShareObject } from '../contract/objects.ts'

export class ShareClient {
  readonly #env: Env
  readonly #lane: Lane
  /** Name of the object, by which an isolate keeps what it knows of a share's server: each lane counts its versions for itself. */
  readonly id: string
  #stub: DurableObjectStub<ShareObject>

  constructor(env: Env, lane: Lane) {
    this.#env = env
    this.#lane = lane
    this.id = laneName(lane)
    this.#stub = laneStub(env, lane)
  }

  /** How long what a client sends waits for an agent that is away, in milliseconds. */
  get awayWaitMs(): number {
    return settingsOf(this.#env).awayWaitMs
  }

  /** How long a client may think about a question of its server, in milliseconds. */
  get inputWaitMs(): number {
    return settingsOf(this.#env).inputWaitMs
  }

  call(request: CallRequest): Promise<CallOutcome> {
    return this.#stub.call(request)
  }

  send(request: SendRequest | CancelRequest | AskAnswer): Promise<SendOutcome> {
    return this.#stub.send(request)
  }

  /** Resolves when it is worth asking again for an agent that was away, and after `maxMs` in any case. */
  async agentNews(mark: number, maxMs: number, isResend: boolean): Promise<boolean> {
    return await this.#stub.agentNews(mark, maxMs, isResend)
  }

  /** Keeps a call whose client is to give input; false when it cannot wait. */
  async park(order: ParkOrder): Promise<boolean> {
    return await this.#stub.park(order)
  }

  /** What a principal's parked call waits for. */
  async parked(handle: string, principal: string): Promise<ParkedRow | undefined> {
    return await this.#stub.parked(handle, principal)
  }

  /** Keeps a call whose client is asked, or has left. */
  async keepCall(order: KeepOrder): Promise<void> {
    await this.#stub.keepCall(order)
  }

  /** What is known of a call that a client has come back for. */
  async keptCall(caller: Caller, key: string): Promise<KeptFacts | undefined> {
    return await this.#stub.keptCall(caller, key)
  }

  /** Keeps what a server has answered, for the time when no agent is there. */
  async noteListing(order: ListingOrder): Promise<void> {
    await this.#stub.noteListing(order)
  }

  async subscribe(order: SubscribeOrder): Promise<boolean> {
    return await this.#stub.subscribe(order)
  }

  chunk(key: string, offset: number, part: Uint8Array): Promise<boolean | undefined> {
    return this.#stub.chunk(key, offset, part)
  }

  async end(caller: Caller): Promise<boolean> {
    return await this.#stub.end(caller)
  }

  /** Opens a stream's socket; undefined when the caller has no such session. */
  async open(target: StreamTarget): Promise<WebSocket | undefined> {
    const query = new URLSearchParams({ ...target })
    const response = await this.#stub.fetch(`https://share/stream?${query.toString()}`, { headers: { upgrade: 'websocket' } })
    const socket = response.webSocket
    if (socket === null) return undefined
    socket.binaryType = 'arraybuffer'
    return socket
  }

  /** Hands an agent's upgrade over. */
  agent(): Promise<Response> {
    return this.#stub.fetch('https://share/agent', { headers: { upgrade: 'websocket' } })
  }

  /** After an exception a stub may be broken. Otherwise one is kept, since only its calls arrive in order. */
  renew(): void {
    this.#stub = laneStub(this.#env, this.#lane)
  }
}

/** What the platform says of an object that another has taken the place of, or that was cut off: often nothing else marks the error. */
const RESET_TEXTS = /reset because its code was updated|script has been upgraded|network connection lost|no longer active/i

/** Whether calling again can help: the object was reset, or was never reached (Durable Objects, error handling). */
export function isRetryable(error: unknown): boolean {
  const facts = error as { retryable?: unknown; overloaded?: unknown; durableObjectReset?: unknown; message?: unknown } | null
  if (facts?.overloaded === true) return false
  const { message } = facts ?? {}
  return facts?.retryable === true || facts?.durableObjectReset === true || (typeof message === 'string' && RESET_TEXTS.test(message))
}
