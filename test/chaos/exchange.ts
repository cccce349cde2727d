/** Owns one request over HTTP as the transport's text has it: a stream that breaks off is taken up where it was left. */
import { setTimeout as delay } from 'node:timers/promises'
import { asObject, type JsonObject } from '../harness/json.ts'
import type { RawClient } from '../harness/raw-client.ts'
import { sseEvents } from '../harness/sse-events.ts'
import type { Interval } from './account.ts'

export interface Exchange {
  readonly status: number
  readonly headers: Headers
  /** In order of arrival, the answer last, if there was one. */
  readonly messages: readonly JsonObject[]
  /** How often the stream was taken up again. */
  readonly resumed: number
}

export interface ExchangeOptions {
  readonly boundMs: number
  readonly headers?: Readonly<Record<string, string>>
  /** The client goes away after its first event that has an id, and comes back. */
  readonly leaves?: boolean
  /** Told of each pause before it comes back. */
  readonly onAbsence?: (absence: Interval) => void
}

const RESUME_MS = 200
const SESSION_HEADER = 'mcp-session-id'

/**
 * @throws TypeError when the connection breaks before there is an event to resume from, and what the deadline throws.
 */
export async function ask(client: RawClient, body: string, options: ExchangeOptions): Promise<Exchange> {
  const { boundMs, headers = {}, leaves = false, onAbsence } = options
  const untilMs = Date.now() + boundMs
  const response = await client.post(body, { boundMs, headers })
  const first = { status: response.status, headers: response.headers }
  if (!isEvents(response)) return { ...first, messages: messagesOf(await response.text()), resumed: 0 }
  const reading = new Reading()
  let fault = await reading.read(response, leaves)
  let resumed = 0
  for (; !reading.isAnswered; resumed++) {
    const { lastEventId } = reading
    if (lastEventId === undefined) throw fault instanceof Error ? fault : new SyntaxError('the stream ended without an answer')
    if (Date.now() > untilMs) throw new Error('waited in vain for the rest of a stream')
    const fromMs = Date.now()
    await delay(RESUME_MS)
    onAbsence?.({ fromMs, toMs: Date.now() })
    const rest = await goOn(client, lastEventId, first.headers.get(SESSION_HEADER))
    if (rest === undefined) continue
    // Nothing can follow: what is still missing is missing for good.
    if (!isEvents(rest))
      return { ...first, status: rest.status, messages: [...reading.messages, ...messagesOf(await rest.text())], resumed }
    fault = await reading.read(rest, false)
  }
  return { ...first, messages: reading.messages, resumed }
}

/** Undefined while the relay cannot be reached. `session` is one that the stream itself has begun. */
async function goOn(client: RawClient, lastEventId: string, session: string | null): Promise<Response | undefined> {
  try {
    const begun = session === null ? {} : { [SESSION_HEADER]: session }
    const response = await client.raw('GET', { accept: 'text/event-stream', 'last-event-id': lastEventId, ...begun })
    if (response.status !== 503) return response
    await response.body?.cancel()
    return undefined
  } catch {
    return undefined
  }
}

/** What has come of one stream, over however many connections. */
class Reading {
  readonly messages: JsonObject[] = []
  lastEventId: string | undefined

  get isAnswered(): boolean {
    const last = this.messages.at(-1)
    return last !== undefined && last['method'] === undefined && ('result' in last || 'error' in last)
  }

  /** Reads to the end; returns what broke it off, if anything did. */
  async read(response: Response, leaves: boolean): Promise<unknown> {
    if (response.body === null) return undefined
    try {
      for await (const { event, id, data } of sseEvents(response.body)) {
        if (id !== undefined) this.lastEventId = id
        if (event === 'message' && data.length > 0) this.messages.push(...messagesOf(data.toString('utf8')))
        // Leaving the loop cancels the body, which closes the connection.
        if (this.isAnswered || (leaves && this.lastEventId !== undefined)) return undefined
      }
      return undefined
    } catch (error) {
      return error
    }
  }
}

function isEvents(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

function messagesOf(text: string): JsonObject[] {
  return text === '' ? [] : [asObject(JSON.parse(text))]
}
