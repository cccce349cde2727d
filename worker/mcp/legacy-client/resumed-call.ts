/** Brings what is left of a call whose client has come back for it: what the agent kept, and what is still to come. */
import type { Failure } from '../../../protocol/errors.ts'
import { ItemQueue } from '../../carry/item-queue.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { ShareStream } from '../../carry/share-stream.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { STREAM_CLOSE, type StreamMark } from '../../contract/streams.ts'
import { MAX_CALL_TRIES } from '../../limits.ts'
import { isFinal, type Item, type ItemSource } from '../call/item.ts'

/** How the call fails when its stream is closed for good; undefined: the stream is another's now. */
const FAILURES: ReadonlyMap<number, Failure | undefined> = new Map([
  [STREAM_CLOSE.REPLACED, undefined],
  [STREAM_CLOSE.OVERDUE, undefined],
  [STREAM_CLOSE.ENDED, { code: 'CHANNEL_CLOSED', executed: 'unknown' }],
  [STREAM_CLOSE.AGAIN, { code: 'AGENT_LOST', executed: 'no' }],
])
/** The same when the Share was reset and not reached again. */
const UNREACHED: Failure = { code: 'INTERNAL', executed: 'unknown' }

/** `tool`: of a call of one, by whose name it may have gone. */
interface LeftCall {
  readonly key: string
  readonly tool?: string | undefined
}

export class ResumedCall implements ItemSource {
  readonly #share: ShareClient
  readonly #items = new ItemQueue<Item>()
  readonly #stream: ShareStream
  #isDone = false

  /** `mark`: what the client has seen. `isProbe`: the call may never have been made, and that is told at once. */
  constructor(share: ShareClient, caller: Caller, { key, tool }: LeftCall, mark: StreamMark | undefined, isProbe = false) {
    const probe = { ...(isProbe ? ({ isProbe: 'true' } as const) : {}), ...(tool === undefined ? {} : { tool }) }
    this.#share = share
    this.#stream = new ShareStream(
      share,
      { kind: 'resume', key, ...caller, ...probe },
      {
        onFrame: (header, body) => this.#put({ kind: 'frame', header, body, restarted: false }),
        onEnd: (code) => this.#ended(code),
        retries: MAX_CALL_TRIES,
        isUrgent: true,
      },
      mark,
    )
  }

  /** Attaches; false when the caller has no such session. Rejects as ShareClient.open does. */
  open(): Promise<boolean> {
    return this.#stream.open()
  }

  next(): Promise<Item | undefined> {
    return this.#items.next()
  }

  taken(bytes: number): void {
    this.#stream.taken(bytes)
  }

  close(): void {
    this.#items.end()
    this.#stream.close(this.#isDone ? undefined : STREAM_CLOSE.LEFT)
  }

  #put(item: Item): void {
    if (isFinal(item)) this.#isDone = true
    this.#items.put(item)
  }

  #ended(code: number): void {
    if (this.#items.isOver) return
    const failure = FAILURES.has(code) ? FAILURES.get(code) : (this.#share.cutBy(code) ?? UNREACHED)
    if (failure === undefined) this.#items.end()
    else this.#items.put({ kind: 'failed', failure })
  }
}
