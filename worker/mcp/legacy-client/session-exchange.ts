/** Makes an exchange of a session's request, whichever revision its child speaks. */
import type { Caller } from '../../contract/rpc.ts'
import { EventIds } from '../response/event-ids.ts'
import { type ClientNames, clientNames } from '../response/frame-writer.ts'
import type { ClientMessage } from '../message.ts'
import { SessionCall } from './call.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { Exchange } from '../response/exchange.ts'

/** The exchange of a session's call. */
export interface SessionExchange extends Exchange {
  readonly courier: SessionCall
}

/** Takes a request to the Share. `single`: its client can take nothing but the answer. */
export function exchange(share: ShareClient, caller: Caller, message: ClientMessage, delivery: 'stream' | 'single'): SessionExchange {
  const courier = SessionCall.make(share, caller, message, delivery)
  const { id, method, requestToken } = message.facts
  const names = clientNames({ rawId: id?.raw ?? 'null', ...(requestToken === undefined ? {} : { rawToken: requestToken.raw }) })
  const { protocolVersion } = message.params
  return method === 'initialize' && typeof protocolVersion === 'string' ? { courier, names, revision: protocolVersion } : { courier, names }
}

/** Names the events of an exchange, so that its client can come back to it. `quietMs` is for clients that take events without data. */
export function resumable(started: SessionExchange, session: string, quietMs: number | undefined): Exchange {
  // Not made before they are asked for: most answers are the only thing in their response, and need none.
  const ids = eventIds(started.courier, session, started.names)
  started.courier.letReturn(() => ids() !== undefined)
  // Of the first attempt, though another may be under way when the stream opens: who comes back with it has seen nothing.
  const { key, what } = started.courier.attempt
  const first = (): string | undefined => EventIds.ofCall(session, { ...started.names, key, what })?.first()
  const prime = quietMs === undefined ? {} : { prime: { id: first, quietMs } }
  return { ...started, events: { ids, ...prime } }
}

/** Ids for the attempt that is under way whenever they are asked for. */
export function eventIds(call: SessionCall, session: string, { rawId, rawToken }: ClientNames): () => EventIds | undefined {
  let made: { readonly key: string; readonly ids: EventIds | undefined } | undefined
  return () => {
    const { key, what } = call.attempt
    if (made?.key !== key) made = { key, ids: EventIds.ofCall(session, { key, rawId, rawToken, what }) }
    return made.ids
  }
}
