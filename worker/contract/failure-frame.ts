/** The `failed` frame, in bytes, with which the Share tells the stream of a call that the call has failed. Pure. */
import type { Failure } from '../../protocol/errors.ts'
import { failedFrame } from '../../protocol/failed-frame.ts'
import { encodeFrame } from '../../protocol/frame-codec.ts'
import { encodeReturnAddress } from './return-address.ts'

/** What the stream of a call is told when the relay itself has found that the call has failed. `key`: of the call. */
export function failureFrame(key: string, failure: Failure): Uint8Array {
  return encodeFrame(failedFrame({ ch: '', key, ra: encodeReturnAddress({ to: 'call', key }) }, failure))
}
