/** A request to an upstream as the share's object watches it: it is let in and charged there before it goes, and what is let in no more is cut off here at once. */
import type { ErrorCode, Failure } from '../../../protocol/errors.ts'
import { randomKey } from '../../call-key.ts'
import { takeRefusals } from '../../carry/refusal-tally.ts'
import { PassRefused, type Renewed } from '../../carry/pass-refused.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { StreamControl, UpstreamAsk, UpstreamControl } from '../../contract/streams.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import { MAX_REATTACHES, REATTACH_MS } from '../../limits.ts'
import { pause } from '../../within.ts'
import { noteCall } from '../call/call-log.ts'

/** What is asked for. */
type Watched = Omit<UpstreamAsk, 'x' | 'sinceMs'>

export class WatchedRequest {
  readonly #share: ShareClient
  readonly #ask: UpstreamAsk
  readonly #sinceMs = Date.now()
  readonly #controller = new AbortController()
  #socket: WebSocket
  #isOver = false
  #failure: Failure | undefined

  private constructor(share: ShareClient, ask: UpstreamAsk, socket: WebSocket) {
    this.#share = share
    this.#ask = ask
    this.#socket = socket
    this.#attach(socket)
  }

  /** Rejects with PassRefused. */
  static async begin(share: ShareClient, watched: Watched, renewed: Renewed): Promise<WatchedRequest | Failure> {
    const ask = { x: randomKey(), ...watched }
    const socket = await share.begin({ kind: 'upstream', ...ask }, renewed)
    if ('code' in socket) return { code: socket.code === 'SHARE_NOT_FOUND' ? 'SHARE_NOT_FOUND' : 'SHARE_BUSY', executed: 'no' }
    const request = new WatchedRequest(share, ask, socket)
    const refused = takeRefusals(share.id)
    if (refused !== undefined) request.#tell({ type: 'upstream_refused', ...refused })
    return request
  }

  /** Aborts when nobody waits for the answer any more, or may have it. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Why its client may not have the answer any more. */
  get failure(): Failure | undefined {
    return this.#failure
  }

  /** It is over. `outcome`: as the audit tells of it. */
  end(outcome: 'ok' | 'error' | ErrorCode, bytes: number): void {
    if (this.#isOver) return
    this.#tell({ type: 'upstream_ended', outcome, bytes })
    this.#leave(outcome)
  }

  /** Its client has left, or it is over. */
  leave(): void {
    this.#leave('left')
  }

  #leave(outcome: string): void {
    if (this.#isOver) return
    this.#isOver = true
    // A stream that only listens is no call.
    if (this.#ask.method !== '') noteCall(this.#share.id, this.#ask, this.#sinceMs, outcome)
    this.#controller.abort()
    this.#socket.close(1000)
  }

  #attach(socket: WebSocket): void {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const control = JSON.parse(data as string) as StreamControl
      if (control.type === 'grant') this.#share.learn(control.facts)
    })
    socket.addEventListener('close', ({ code }) => void this.#lost(socket, code))
    // A peer that fails may be told of by this alone.
    socket.addEventListener('error', () => void this.#lost(socket, 1006))
    socket.accept()
  }

  /** The Share has closed the socket, or is gone: while nobody watches nothing may go on for long. */
  async #lost(socket: WebSocket, code: number): Promise<void> {
    if (this.#isOver || socket !== this.#socket || this.#failure !== undefined) return
    const cut = this.#share.cutBy(code)
    if (cut !== undefined) return this.#cutOff(cut)
    if (code === STREAM_CLOSE.ENDED) return this.#cutOff({ code: 'SHARE_NOT_FOUND', executed: 'unknown' })
    for (let tries = 0; tries < MAX_REATTACHES && !this.#isOver; tries++) {
      await pause(REATTACH_MS * (1 + Math.random()))
      if (this.#isOver || (await this.#reattached())) return
    }
    this.#cutOff({ code: 'INTERNAL', executed: 'unknown' })
  }

  async #reattached(): Promise<boolean> {
    this.#share.renew()
    try {
      const again = { kind: 'upstream', ...this.#ask, sinceMs: String(this.#sinceMs) } as const
      const socket = await this.#share.begin(again, () => undefined)
      if ('code' in socket) return false
      this.#attach(socket)
      if (this.#isOver) socket.close(1000)
      return true
    } catch (error) {
      if (error instanceof PassRefused) this.#cutOff(error.failure)
      return this.#failure !== undefined
    }
  }

  #cutOff(failure: Failure): void {
    if (this.#isOver) return
    this.#failure = failure
    this.#leave(failure.code)
  }

  #tell(control: UpstreamControl): void {
    try {
      this.#socket.send(JSON.stringify(control))
    } catch {
      // It is closing: the Share notes what it knows.
    }
  }
}
