/** A call that waits for its client's input: what is kept of it, and which retry may go on with it. Pure. */
import { err, ok, type Result } from '../../../protocol/result.ts'
import type { GivenInput, ParkedAsk } from './asks.ts'

/** One row. The state text that the client got names it by `handle`. */
export interface ParkedCall {
  readonly handle: string
  readonly principal: string
  readonly channel: string
  /** Asks of the child that wait, with the child's own ids. */
  readonly asks: readonly ParkedAsk[]
  /** Asks put to the client so far, through all rounds: the next key is one higher. */
  readonly askCount: number
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number
  /** Call key of the retry that has taken it. */
  readonly takenBy?: string
}

export type ParkedFault =
  /** Never parked, ended with its child, or of another principal: the same answer for all. */
  | 'unknown'
  | 'expired'
  /** Another retry has taken it. */
  | 'replayed'

export type Taking =
  /** Send the responses to the child, and note that `callKey` has taken the call. */
  | { readonly kind: 'take'; readonly call: ParkedCall; readonly responses: readonly string[] }
  /** The same retry again, sent by a Worker whose Share was reset: the responses are on their way, only the answer is awaited. */
  | { readonly kind: 'attach' }
  /** Something is missing: ask the same again, with the same state. */
  | { readonly kind: 'ask_again'; readonly missing: readonly string[] }

/** What a retry may do with a parked call. Takes it for `callKey`, once and whole: `call` in the outcome is the row to be kept. */
export function takeParked(
  parked: ParkedCall | undefined,
  principal: string,
  callKey: string,
  input: GivenInput,
  nowMs: number,
): Result<Taking, ParkedFault> {
  if (parked === undefined || parked.principal !== principal) return err('unknown')
  if (parked.takenBy === callKey) return ok({ kind: 'attach' })
  if (parked.takenBy !== undefined) return err('replayed')
  if (parked.expiresAtMs <= nowMs) return err('expired')
  if (input.missing.length > 0) return ok({ kind: 'ask_again', missing: input.missing })
  return ok({ kind: 'take', call: { ...parked, takenBy: callKey }, responses: [...input.responses.values()] })
}
