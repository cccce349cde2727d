/** The `failed` frame, in bytes, with which the Share tells the stream on which a call would be answered that it has failed. Pure. */
import type { Failure } from '../../protocol/errors.ts'
import { failedFrame } from '../../protocol/failed-frame.ts'
import { encodeFrame } from '../../protocol/frame-codec.ts'
import { encodeReturnAddress } from './return-address.ts'
import type { SessionCallRequest } from './share-rpc.ts'

/** What the stream of a call is told when the relay itself has found that the call has failed. `key`: of the call. */
export function failureFrame(key: string, failure: Failure): Uint8Array {
  return encodeFrame(failedFrame({ ch: '', key, ra: encodeReturnAddress({ to: 'call', key }) }, failure))
}

/** What the stream of an HTTP+SSE session is told of a call of its. */
export function sessionFailureFrame(
  { session, key, rawId }: Pick<SessionCallRequest, 'session' | 'key' | 'rawId'>,
  failure: Failure,
): Uint8Array {
  return encodeFrame(failedFrame({ ch: '', key, ra: encodeReturnAddress({ to: 'session', session, rawId }) }, failure))
}
