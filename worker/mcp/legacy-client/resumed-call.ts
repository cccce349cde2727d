/** Brings what is left of a call whose client has come back for it: what the agent kept, and what is still to come. */
import type { AgentFrame } from '../../../protocol/frame.ts'
import { decodeAgentFrame } from '../../../protocol/frame-codec.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { MAX_CALL_TRIES, REATTACH_MS } from '../../limits.ts'
import type { Caller } from '../../contract/rpc.ts'
import { markQuery, STREAM_CLOSE, type StreamControl, type StreamMark } from '../../contract/streams.ts'
import { pause } from '../../within.ts'
import { ItemQueue } from '../../carry/item-queue.ts'
import { markOf } from '../response/event-ids.ts'
import { isRetryable, type ShareClient } from '../../carry/share-client.ts'
import { TakenBytes } from '../../carry/taken-bytes.ts'
import type { Carrier, Item } from '../call/item.ts'

/** What a close of the stream means that is no reset of the Share; undefined: the stream is another's now. */
const OUTCOMES: ReadonlyMap<number, Failure | undefined> = new Map([
  [STREAM_CLOSE.REPLACED, undefined],
  [STREAM_CLOSE.ENDED, { code: 'CHANNEL_CLOSED', executed: 'unknown' }],
  [STREAM_CLOSE.AGAIN, { code: 'AGENT_LOST', executed: 'no' }],
])

export class ResumedCall implements Carrier {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #key: string
  readonly #isProbe: boolean
  readonly #items = new ItemQueue<Item>()
  /** The last message that has come whole or in part: where to go on when the Share is reset. */
  #mark: StreamMark | undefined
  #socket: WebSocket | undefined
  readonly #taken = new TakenBytes()

  /** `isProbe`: the call may never have been made, and that is told at once. */
  constructor(share: ShareClient, caller: Caller, key: string, mark: StreamMark | undefined, isProbe = false) {
    this.#isProbe = isProbe
    this.#share = share
    this.#caller = caller
    this.#key = key
    this.#mark = mark
  }

  /** Attaches, to a Share that is reset meanwhile as well; false when the caller has no such session. */
  async open(): Promise<boolean> {
    try {
      return await this.#attach()
    } catch (error) {
      if (!isRetryable(error)) throw error
      this.#share.renew()
      return await this.#attach()
    }
  }

  async #attach(): Promise<boolean> {
    const probe = this.#isProbe ? ({ isProbe: 'true' } as const) : {}
    const socket = await this.#share.open({ kind: 'resume', key: this.#key, ...this.#caller, ...markQuery(this.#mark), ...probe })
    if (socket === undefined) return false
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.#hear(data)
      else this.#receive(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener('close', ({ code }) => {
      if (this.#items.isOver || this.#socket !== socket) return
      this.#socket = undefined
      const failure = OUTCOMES.get(code)
      if (failure !== undefined) this.#items.put({ kind: 'failed', failure })
      else if (OUTCOMES.has(code)) this.close()
      else void this.#reattach()
    })
    socket.accept()
    this.#socket = socket
    return true
  }

  next(): Promise<Item | undefined> {
    return this.#items.next()
  }

  taken(bytes: number): void {
    this.#taken.add(bytes, this.#socket)
  }

  close(): void {
    this.#items.end()
    this.#socket?.close(1000)
    this.#socket = undefined
  }

  /** The Share was reset: goes on behind what has come. */
  async #reattach(): Promise<void> {
    for (let tries = 0; tries < MAX_CALL_TRIES && !this.#items.isOver; tries++) {
      if (tries > 0) await pause(REATTACH_MS)
      this.#share.renew()
      try {
        if (this.#items.isOver || (await this.#attach())) return
        break
      } catch {
        // Not there yet.
      }
    }
    this.#items.put({ kind: 'failed', failure: { code: 'INTERNAL', executed: 'unknown' } })
  }

  #receive(bytes: Uint8Array): void {
    const frame = decodeAgentFrame(bytes)
    if (!frame.ok) return
    this.#note(frame.value.header)
    this.#items.put({ kind: 'frame', ...frame.value, restarted: false })
  }

  /** A message is only passed by once the next one begins: until then its rest may have to be sent again. */
  #note(header: AgentFrame): void {
    const mark = markOf(header, this.#caller.session)
    if (mark === undefined) return
    const isNewer = this.#mark === undefined || this.#mark.generation !== mark.generation || mark.n - 1 > this.#mark.n
    if (isNewer) this.#mark = { ...mark, n: mark.n - 1 }
  }

  #hear(text: string): void {
    const control = JSON.parse(text) as StreamControl
    if (control.type === 'sync') this.#taken.sync(this.#socket)
  }
}
