/** What the channels of one lane have in common. Types only. */
import type { AgentFrame } from '../../protocol/frame.ts'
import type { Log } from '../log.ts'
import type { Child, ChildHandlers } from '../server/child.ts'
import type { GivenUpStarts } from '../server/given-up-starts.ts'
import type { CallLog } from './calls/call-log.ts'
import type { CallMemory } from './calls/call-memory.ts'

/** What a link offers to the channels. */
export interface LinkPort {
  /** Whether the link is up and its socket takes more. */
  readonly writable: boolean
  send(frame: AgentFrame, body?: Uint8Array): void
}

export interface ChannelContext {
  readonly memory: CallMemory
  readonly log: Log
  readonly callLog: CallLog
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly startChild: (handlers: ChildHandlers) => Child
  /** Where processes are kept whose clients gave up on their start; without it they end. */
  readonly starts?: GivenUpStarts | undefined
  /** Whether clients are told what a child that has failed them wrote to stderr, and why it could not be started. */
  readonly tellsStderr: boolean
  /** Whether the server is told who calls. */
  readonly tellsPrincipal?: boolean
  /** The lane's link while it is up. What is sent without one, other than from an outbox, is lost: the relay asks again. */
  readonly link: LinkPort | undefined
  /** A call has ended or a frame was sent: whoever waits for quiet looks again. */
  readonly changed: () => void
  /** The child of a channel has given its first answer. */
  readonly answered?: (() => void) | undefined
}
