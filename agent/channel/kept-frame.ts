/** What an outbox keeps so that it can be sent again: messages of the child, and reports of failures. Types, and what can be asked of them. */
import type { Answer, Ask, Died, Failed, Notification } from '../../protocol/frame.ts'

type Unnumbered<M> = M extends unknown ? Omit<M, 'ch' | 'n' | 'at' | 'size' | 'ack' | 'to'> : never

/** A message of the child, before it has its number. */
export type ChildMessage = Unnumbered<Answer> | Unnumbered<Notification> | Unnumbered<Ask>

/** A frame that reports a failure. It stands between the numbered messages without a number, and has no body. */
export type FailureFrame = Failed | Died

export interface KeptFrame {
  /** Position among all frames of the channel. */
  readonly order: number
  /** Its own number, or for a failure that of the message before it. */
  readonly n: number
  readonly frame: ChildMessage | FailureFrame
  readonly body: Uint8Array
  readonly bornMs: number
  /** Sent whole, on this link or one before. */
  sent: boolean
  receipted: boolean
}

export function isFailure(frame: ChildMessage | FailureFrame): frame is FailureFrame {
  return frame.type === 'failed' || frame.type === 'died'
}

/** Whether it is the message with this number. */
export function isMessage(kept: KeptFrame, n: number): boolean {
  return kept.n === n && !isFailure(kept.frame)
}

/** Whether a message goes to whatever stream the client has open: it belongs to no call, and is no answer. */
export function belongsToNoCall(frame: ChildMessage | FailureFrame): boolean {
  return (frame.type === 'notification' || frame.type === 'ask') && frame.ra === undefined
}

export function byOrder(a: KeptFrame, b: KeptFrame): number {
  return a.order - b.order
}
