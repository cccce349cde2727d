/**
 * The dialect of ContextForge's reverse proxies, `mcpgateway.reverse_proxy` and its successor `mcp-reverse-proxy`: JSON-RPC in envelopes.
 * A heartbeat is never answered: the older client answers each, so that two who do never come to an end.
 */
import { findMember } from '../../../../protocol/json/json-scan.ts'
import type { Dialect, Heard } from './dialect.ts'

const OPEN_OBJECT = 0x7b
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** `session`: names the link for its agent. What it calls itself (`X-Session-ID`, `sessionId`) is its own word, by which nothing is found. */
export class ContextForge implements Dialect {
  readonly takesNotifications = true
  readonly #session: string
  /** The older client says what becomes of its registration in one word less. */
  #isOlder = false

  constructor(session: string) {
    this.#session = session
  }

  get registered(): string {
    return JSON.stringify({ type: 'register_ack', sessionId: this.#session, status: this.#isOlder ? 'success' : 'processing' })
  }

  get ready(): string | undefined {
    return this.#isOlder ? undefined : JSON.stringify({ type: 'register_complete', sessionId: this.#session, status: 'success' })
  }

  get failed(): string | undefined {
    const outcome = { status: 'error', message: 'registration failed' }
    return this.#isOlder ? undefined : JSON.stringify({ type: 'register_complete', sessionId: this.#session, ...outcome })
  }

  /** Either client writes any payload of this type to its server, and drops all others. */
  outgoing(message: string): string {
    return `{"type":"request","sessionId":${JSON.stringify(this.#session)},"payload":${message}}`
  }

  incoming(text: string): Heard {
    const bytes = encoder.encode(text)
    const start = bytes.indexOf(OPEN_OBJECT)
    const type = start === -1 ? undefined : findMember(bytes, start, 'type')
    if (type === undefined) return { kind: 'asks', reply: JSON.stringify({ type: 'error', message: 'Invalid JSON format' }) }
    switch (decoder.decode(bytes.subarray(...type))) {
      case '"register"':
        return this.#register(text)
      case '"response"':
      case '"notification"': {
        // What is in it tells what it is: requests of a server come as responses.
        const payload = findMember(bytes, start, 'payload')
        return payload === undefined ? { kind: 'nothing' } : { kind: 'message', body: bytes.subarray(...payload) }
      }
      case '"unregister"':
        return { kind: 'leaves' }
      default:
        return { kind: 'nothing' }
    }
  }

  /** The description is not looked at: the older client's holds its whole command line. */
  #register(text: string): Heard {
    try {
      const { server, sessionId } = JSON.parse(text) as { server?: { name?: unknown; protocol?: unknown }; sessionId?: unknown }
      // It begins with its server by itself, and cannot be given a name. Others say `stdio` as well, and leave that to the relay.
      this.#isOlder = server?.protocol === 'stdio' && server.name === `reverse-proxy-${String(sessionId).slice(0, 8)}`
      return { kind: 'registers', name: typeof server?.name === 'string' ? server.name : '', isBegun: this.#isOlder }
    } catch {
      const reply = JSON.stringify({ type: 'error', sessionId: this.#session, message: 'Invalid message format' })
      return { kind: 'breaks', reply, code: 1008, reason: 'invalid registration' }
    }
  }
}
