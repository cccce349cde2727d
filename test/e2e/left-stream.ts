/** Owns how a test calls for a stream, leaves it after so many events, and comes back for the rest. */
import type { Share } from './harness.ts'
import { asObject, type JsonObject } from './json.ts'
import { Listener, type RawClient } from './raw-client.ts'
import type { SseEvent } from './sse-events.ts'

/** Posts a tool call whose answer must come as a stream. */
export async function call(
  share: Share,
  client: RawClient,
  id: unknown,
  name: string,
  args: JsonObject,
  progressToken?: string,
): Promise<Listener> {
  const meta = progressToken === undefined ? {} : { _meta: { progressToken } }
  const abort = new AbortController()
  const response = await fetch(share.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${share.clientToken}`,
      'mcp-session-id': client.sessionId ?? '',
      'mcp-protocol-version': client.protocolVersion ?? '',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, ...meta } }),
    signal: abort.signal,
  })
  return new Listener(response, abort)
}

/** Comes back for a stream. */
export function resume(client: RawClient, lastEventId: string): Promise<Listener> {
  return client.listen({ 'last-event-id': lastEventId })
}

/** Reads up to so many events, then leaves. */
export async function read(stream: Listener, limit = Infinity): Promise<SseEvent[]> {
  const events: SseEvent[] = []
  while (events.length < limit) {
    const event = await stream.nextEvent()
    if (event === undefined) break
    events.push(event)
  }
  await stream[Symbol.asyncDispose]()
  return events
}

/** What a client comes back with that has read these. */
export function lastId(events: readonly SseEvent[]): string {
  return events.findLast(({ id }) => id !== undefined)?.id ?? ''
}

/** The messages of events, those without data left out. */
export function messages(events: readonly SseEvent[]): JsonObject[] {
  return events.filter(({ data }) => data.length > 0).map(({ data }) => asObject(JSON.parse(data.toString('utf8'))))
}
