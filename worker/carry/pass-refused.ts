/** How a request ends that the Share does not let in with its holder's pass, and by what it is judged once more before that. */
import type { Failure } from '../../protocol/errors.ts'
import type { Exhausted } from '../contract/trust/metering.ts'
import type { CallRequest } from '../contract/share-rpc.ts'
import type { KnownGrant } from './known-grants.ts'

/** Judges a request once more by what its holder may do now; how it fails, if it may not be made. */
export type Renewed = (grant: KnownGrant) => Failure | undefined

/** The same of a call, of which another state of things may have to be named, by which it is checked. */
export type CallRenewed = (
  grant: KnownGrant,
) => Failure | Pick<CallRequest, 'toolsVersion' | 'bridge' | 'isForOwnAgent' | 'awaitsJudgement' | 'hold' | 'runsOnce'>

/** What is made of a refusal: its failure, and the code with which the Share would have closed a stream. */
export type Refused<T> = (failure: Failure, close: number) => T

/** The Share does not let the holder's pass in, or `Renewed` has found that the request may not be made. */
export class PassRefused extends Error {
  readonly failure: Failure
  /** The code with which the Share would have closed a stream of this client. */
  readonly close: number

  constructor(failure: Failure, close: number) {
    super(failure.code)
    this.name = 'PassRefused'
    this.failure = failure
    this.close = close
  }
}

export function refuse(failure: Failure, close: number): never {
  throw new PassRefused(failure, close)
}

/** What comes of an order whose refusal nobody is told. */
export function nothing(): undefined {
  return undefined
}

export function limitFailure({ retryAfterMs, detail }: Exhausted): Failure {
  return { code: 'RATE_LIMIT_EXCEEDED', executed: 'no', retryAfterMs, detail }
}
