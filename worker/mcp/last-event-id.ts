/** GET with `Last-Event-ID`: goes on with a stream that its client has left (MCP 2025-11-25, basic/transports, resumability). */
import type { Caller } from '../contract/share-rpc.ts'
import { readEventId } from './response/event-ids.ts'
import { clientNames } from './response/frame-writer.ts'
import { Listener } from './legacy-client/listener.ts'
import { eventStreamResponse, failureResponse } from './response/responses.ts'
import { respondAgain } from './response/respond.ts'
import { ResumedCall } from './legacy-client/resumed-call.ts'
import { SessionCall } from './legacy-client/call.ts'
import type { ShareClient } from '../carry/share-client.ts'
import { channelName, markedGroup } from '../contract/groups.ts'

interface Return {
  readonly lastEventId: string
  /** For a client that takes events without data: how long the stream may be quiet. */
  readonly quietMs: number | undefined
}

/**
 * The rest of the stream that an event id names. 204 when nothing can follow, which is how an event source is told not to
 * come back (HTML, server-sent events); 400 for an id that is not ours, 404 for a session that the caller does not have.
 */
export async function continueStream(
  share: ShareClient,
  caller: Caller,
  { lastEventId, quietMs }: Return,
  signal: AbortSignal,
): Promise<Response> {
  const place = readEventId(lastEventId)
  if (place === undefined) return failureResponse({ code: 'EVENT_ID_UNKNOWN' })
  if (place.stream === 'session') {
    const listener = new Listener(share, caller, 'listen', signal, place.mark)
    if (!(await listener.open())) return failureResponse({ code: 'SESSION_NOT_FOUND' })
    return eventStreamResponse(listener.messages.body.readable)
  }
  const { key, rawId, rawToken, what, mark, isOver } = place
  if (isOver) return new Response(null, { status: 204 })
  const rest = new ResumedCall(share, caller, { key, tool: what.tool }, mark)
  if (!(await rest.open())) return failureResponse({ code: 'SESSION_NOT_FOUND' })
  const seen = mark === undefined ? undefined : { ch: channelName(markedGroup(mark, caller.session), mark.generation), n: mark.n }
  // The same id again: a client that sees nothing else still knows where it was.
  const prime = quietMs === undefined ? {} : { prime: { id: () => lastEventId, quietMs } }
  const names = clientNames(rawToken === undefined ? { rawId } : { rawId, rawToken })
  const call = SessionCall.goOn(share, caller, { key, what, names, events: { goesOn: { seen }, ...prime } }, rest)
  return respondAgain(call, signal)
}
