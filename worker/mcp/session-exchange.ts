/** Makes an exchange of a session's request, whichever revision its child speaks. */
import type { Caller } from '../share/contract.ts'
import { clientNames } from './frame-writer.ts'
import type { ClientMessage } from './message.ts'
import type { Exchange } from './respond.ts'
import { SessionCall } from './session-call.ts'
import type { ShareClient } from './share-client.ts'

/** Takes a request to the Share. `single`: its client can take nothing but the answer. */
export function exchange(share: ShareClient, caller: Caller, message: ClientMessage, delivery: 'stream' | 'single'): Exchange {
  const courier = new SessionCall(share, caller, message, delivery)
  const { method, revision = '' } = courier.request
  const names = clientNames(courier.request)
  return method === 'initialize' ? { courier, names, revision } : { courier, names }
}
