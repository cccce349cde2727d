/** A client's message as a POST brings it. */
import { type ClientMessage, readPosted } from '../../../../worker/mcp/message.ts'

/** The one message of a body. */
export function messageOf(message: Readonly<Record<string, unknown>> | string): ClientMessage {
  const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })
  const posted = readPosted(new TextEncoder().encode(text))
  const [only] = posted.ok ? posted.value.messages : []
  if (only === undefined) throw new Error('this is no message')
  return only
}
