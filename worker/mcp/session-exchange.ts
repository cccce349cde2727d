/** Makes an exchange of a session's request, whichever revision its child speaks. */
import type { Caller } from '../share/contract.ts'
import { clientNames } from './frame-writer.ts'
import type { ClientMessage } from './message.ts'
import { EventIds } from './event-ids.ts'
import type { Exchange } from './respond.ts'
import { SessionCall } from './session-call.ts'
import type { ShareClient } from './share-client.ts'

interface NamedExchange extends Exchange {
  readonly key: string
}

/** Takes a request to the Share. `single`: its client can take nothing but the answer. */
export function exchange(share: ShareClient, caller: Caller, message: ClientMessage, delivery: 'stream' | 'single'): NamedExchange {
  const courier = new SessionCall(share, caller, message, delivery)
  const { method, revision = '' } = courier.request
  const names = clientNames(courier.request)
  const { key } = courier.request
  return method === 'initialize' ? { key, courier, names, revision } : { key, courier, names }
}

/** Names the events of an exchange, so that its client can come back to it. `quietMs` is for clients that take events without data. */
export function resumable(started: NamedExchange, session: string, quietMs: number | undefined): Exchange {
  const { key, names } = started
  const ids = EventIds.ofCall(session, { key, ...names })
  if (ids === undefined) return started
  return { ...started, events: quietMs === undefined ? { ids } : { ids, prime: { id: ids.first(), quietMs } } }
}
