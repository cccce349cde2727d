/** Owns how a test calls for a stream, leaves it after so many events, and comes back for the rest; and whom it calls. */
import { type Command, createServedShare, type Share, startRelay } from './selfhost.ts'
import { asObject, type JsonObject } from './json.ts'
import { Listener, type RawClient } from './raw-client.ts'
import type { SseEvent } from './sse-events.ts'

export interface Shares {
  readonly own: Share
  readonly shared: Share
}

/** A share with a child for each session and one with a child for all, on a relay that soon ends quiet streams of clients that can come back. */
export async function createShares(stack: AsyncDisposableStack, command: Command): Promise<Shares> {
  const relay = stack.use(await startRelay([], { POLL_AFTER_SECONDS: '1' }))
  return {
    own: await createServedShare(stack, relay, { command }),
    shared: await createServedShare(stack, relay, { command, args: ['--isolate', 'share'] }),
  }
}

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
