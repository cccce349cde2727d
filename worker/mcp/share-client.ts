/** A Worker's way to one Share: RPC and stream sockets, with a new stub after a reset. */
import type { CallOutcome, Caller, CallRequest, CancelRequest, SendOutcome, SendRequest, StreamTarget } from '../share/contract.ts'
import type { Env } from '../env.ts'
import type { Share } from '../share/share.ts'

export class ShareClient {
  readonly #env: Env
  /** Id of the share. */
  readonly id: string
  #stub: DurableObjectStub<Share>

  constructor(env: Env, id: string) {
    this.#env = env
    this.id = id
    this.#stub = env.SHARE.getByName(id)
  }

  call(request: CallRequest): Promise<CallOutcome> {
    return this.#stub.call(request)
  }

  send(request: SendRequest | CancelRequest): Promise<SendOutcome> {
    return this.#stub.send(request)
  }

  chunk(key: string, offset: number, part: Uint8Array): Promise<boolean> {
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
    this.#stub = this.#env.SHARE.getByName(this.id)
  }
}

/** Whether calling again can help: the object was reset, or was never reached (Durable Objects, error handling). */
export function isRetryable(error: unknown): boolean {
  const facts = error as { retryable?: unknown; overloaded?: unknown; durableObjectReset?: unknown } | null
  return facts?.overloaded !== true && (facts?.retryable === true || facts?.durableObjectReset === true)
}
