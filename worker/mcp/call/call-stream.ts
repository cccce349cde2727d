/** The stream on which the rest of one call's answer comes, from when it is asked for until it has ended. There is one at a time. */
import type { AgentFrame } from '../../../protocol/frame.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { ShareStream, type StreamReader } from '../../carry/share-stream.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import { releaseUnrun } from './owner-wait.ts'
import type { NextTry } from './tries.ts'

/** What a try came to. */
export type TryVerdict = 'done' | NextTry

interface Listener extends Pick<StreamReader, 'onControl' | 'onLag'> {
  readonly onFrame: (header: AgentFrame, body: Uint8Array) => void
  /** The call, as it was made at last. */
  readonly call: () => CallRequest
  /** It is open: whether its answer is still waited for, and if not, whether that is because it is there. */
  readonly opened: () => 'wanted' | 'left' | 'done'
  /** It was closed with this code. */
  readonly ended: (code: number) => TryVerdict
  /** There was none to open. */
  readonly missing: () => TryVerdict
}

export class CallStream {
  readonly #share: ShareClient
  readonly #listener: Listener
  #stream: ShareStream | undefined
  /** One that is still opening when the Share says `again` may serve the next try. */
  #reading: Promise<TryVerdict> | undefined
  #hasEnded = false

  constructor(share: ShareClient, listener: Listener) {
    this.#share = share
    this.#listener = listener
  }

  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  taken(bytes: number): void {
    this.#stream?.taken(bytes)
  }

  close(code: number | undefined): void {
    this.#stream?.close(code)
  }

  /** Another try begins, which needs another than one that has ended. */
  begin(): void {
    if (this.#hasEnded) this.#reading = undefined
  }

  /** Nothing waited for it: whatever is to stream after that needs another. */
  settle(): void {
    this.#reading = undefined
  }

  /** Reads it to its end. */
  read(): Promise<TryVerdict> {
    if (this.#reading === undefined) {
      this.#hasEnded = false
      const reading = this.#open().finally(() => {
        if (this.#reading === reading) this.#hasEnded = true
      })
      this.#reading = reading
    }
    return this.#reading
  }

  async #open(): Promise<TryVerdict> {
    const { promise, resolve } = Promise.withResolvers<TryVerdict>()
    const { call, onFrame, opened, ended, missing, ...reader } = this.#listener
    const onEnd = (code: number): void => resolve(ended(code))
    const heard = (header: AgentFrame, body: Uint8Array): void => {
      if (header.type === 'failed') releaseUnrun(this.#share, call(), header)
      onFrame(header, body)
    }
    const stream = new ShareStream(this.#share, { kind: 'call', key: call().key }, { ...reader, onFrame: heard, onEnd, retries: 0 })
    if (!(await stream.open())) return missing()
    const isWanted = opened()
    if (isWanted !== 'wanted') {
      stream.close(isWanted === 'done' ? undefined : STREAM_CLOSE.LEFT)
      return 'done'
    }
    this.#stream = stream
    return promise
  }
}
