/** What a scripted model has to know of one vendor's API: how a client asks there, and how the model speaks. Types only. */
import type { JsonObject } from '../../harness/json.ts'

/** What a client hands the model and expects it to go on from. */
export interface Asked {
  /** Tools of the share that the model may call, by the names that the server gave them. */
  readonly tools: readonly string[]
  /** The text that came back of the call that the model made last; empty before the first. */
  readonly result: string
}

/** What the model does in its turn. */
export type Speech = { readonly tool: string; readonly arguments: JsonObject } | { readonly text: string }

export interface ModelAnswer {
  readonly contentType: 'application/json' | 'text/event-stream'
  readonly body: string
}

export interface ModelApi {
  /** Undefined for a request that is no turn of the conversation: it gets `aside`. */
  readonly read: (path: string, body: JsonObject) => Asked | undefined
  readonly speak: (body: JsonObject, speech: Speech) => ModelAnswer
  /** What the model has to say before it may say `speech`, in a turn of its own; undefined when it may. */
  readonly prepare?: (body: JsonObject, speech: Speech) => ModelAnswer | undefined
  readonly aside: (path: string) => JsonObject
}

/** The name under which clients know the share. */
export const SERVER_NAME = 'edge'

/** Events of a stream, each with its name in the data too, as these APIs have them. */
export function namedEvents(events: readonly (readonly [name: string, data: JsonObject])[]): ModelAnswer {
  const body = events.map(([type, data]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`).join('')
  return { contentType: 'text/event-stream', body }
}
