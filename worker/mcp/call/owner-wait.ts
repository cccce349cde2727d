/** Waits for the owner's decision about one call, by a socket with which the Share may sleep: HELD_WAIT_MS in all, however often it is asked for. */
import { waitUntil } from 'cloudflare:workers'
import type { Failure } from '../../../protocol/errors.ts'
import { isUnrun } from '../../../protocol/failed-frame.ts'
import type { AgentFrame } from '../../../protocol/frame.ts'
import { approvalResult } from '../../bridge/approval-result.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { ShareStream } from '../../carry/share-stream.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import type { ApprovalNote } from '../../contract/trust/approvals.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import { RETRY_MS } from '../../limits.ts'
import { HELD_WAIT_MS, MAX_HELD_RETRY_MS } from '../../trust-limits.ts'
import { within } from '../../within.ts'
import type { Item } from './item.ts'

/** How a wait ends: the call is to be made again, or this is what it comes to. */
type Ended = 'again' | Extract<Item, { readonly kind: 'failed' | 'result' }>

const LEFT: Ended = { kind: 'failed', failure: { code: 'APPROVAL_PENDING', executed: 'no' } }
const CANCELLED: Ended = { kind: 'failed', failure: { code: 'CANCELLED', executed: 'no' } }

export class OwnerWait {
  readonly #share: ShareClient
  readonly #endMs = Date.now() + HELD_WAIT_MS
  #ended = Promise.withResolvers<Ended>()
  #isLeft = false
  /** After how long the next call is made that could not wait. */
  #retryMs = RETRY_MS

  constructor(share: ShareClient) {
    this.#share = share
  }

  /** Waits until the owner has decided about the approval of this id, or nobody waits any more. */
  async wait(id: string, request: CallRequest): Promise<Ended> {
    const leftMs = this.#endMs - Date.now()
    const late: Ended = { kind: 'result', result: pendingResult(id, request), outcome: 'APPROVAL_PENDING' }
    if (this.#isLeft || leftMs <= 0) return this.#isLeft ? LEFT : late
    this.#ended = Promise.withResolvers<Ended>()
    const { principal, key } = request
    const ofSession = 'session' in request ? { session: request.session, call: request.rawId } : {}
    let isOver = false
    const stream = new ShareStream(
      this.#share,
      { kind: 'held', id, key, principal, ...ofSession },
      {
        onControl: ({ type }) => {
          if (type === 'cancelled') this.#ended.resolve(CANCELLED)
        },
        onEnd: (code) => this.#closed(code, isOver),
        retries: 0,
      },
    )
    try {
      // What is wrong shows when the call is made again: the Share was reset, or lets its client in no more.
      if (!(await stream.open().catch(() => false))) this.#againSoon()
      return (await within(leftMs, this.#ended.promise)) ?? late
    } finally {
      isOver = true
      stream.close()
    }
  }

  /** The client has left: what is decided it hears when it calls again. */
  close(): void {
    this.#isLeft = true
    this.#ended.resolve(LEFT)
  }

  /** `isOver`: by this Worker. */
  #closed(code: number, isOver: boolean): void {
    if (isOver) return
    const cut: Failure | undefined = this.#share.cutBy(code)
    if (cut !== undefined) this.#ended.resolve({ kind: 'failed', failure: { ...cut, executed: 'no' } })
    else if (code === STREAM_CLOSE.AGAIN) this.#ended.resolve('again')
    // Its client has come back elsewhere, and was told there.
    else if (code === STREAM_CLOSE.REPLACED) this.#ended.resolve(LEFT)
    // The Share was reset: whoever calls again is told what holds now.
    else this.#againSoon()
  }

  #againSoon(): void {
    const { resolve } = this.#ended
    // The stub of an object that was reset stays broken.
    this.#share.renew()
    setTimeout(() => resolve('again'), this.#retryMs)
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_HELD_RETRY_MS)
  }
}

/** An approval that was used for a call is as it was before, once that has failed without having run. `call`: as it was made at last. The Share may have slept since it let it through. */
export function releaseUnrun(share: ShareClient, { key, hold, isResend }: CallRequest, header: AgentFrame): void {
  if (hold === undefined || isResend === true || !isUnrun(header)) return
  const round = hold.further?.round
  waitUntil(noteApproval(share, { op: 'release', key, ...(round === undefined ? {} : { round }) }).catch(() => undefined))
}

function pendingResult(id: string, request: CallRequest): string {
  return approvalResult('APPROVAL_PENDING', 'session' in request ? 'legacy' : 'modern', id)
}

/** Says what has become of a held call that was let through. */
export function noteApproval(share: ShareClient, note: ApprovalNote): Promise<void> {
  return share.ask<void>(
    (stub, pass) => stub.noteApproval(pass, note),
    () => undefined,
  )
}
