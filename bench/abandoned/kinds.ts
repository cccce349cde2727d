/** What clients leave behind, each by what it asks for before it goes. */
import { setTimeout as delay } from 'node:timers/promises'
import { LEFT_SESSION_MS } from '../../worker/limits.ts'

/** How long a request is under way before its client leaves: its server has it by then. */
const UNDER_WAY_MS = 500

/** Bounds what a client waits for: a call that hangs fails the measure by its name. */
const ANSWER_MS = 60_000

export interface Kind {
  readonly name: string
  readonly leave: (client: LeavingClient) => Promise<unknown>
  /** The agent has left before. */
  readonly isAway?: true
  /** The object has itself woken so long after it was let go, and is idle anew from then. */
  readonly alarmMs?: number
}

/** Makes requests that it does not wait for. */
export class LeavingClient {
  readonly #url: string
  #session: Record<string, string> = {}

  constructor(url: string) {
    this.#url = url
  }

  async open(name = 'cost'): Promise<void> {
    const response = await this.#fetch(initializeBody(name))
    if (response.status !== 200) throw new Error(`initialize: ${response.status} ${await response.text()}`)
    await response.text()
    this.#session = { 'mcp-session-id': response.headers.get('mcp-session-id') ?? '' }
    await (await this.#fetch({ method: 'notifications/initialized' })).text()
  }

  async call(name: string): Promise<string> {
    return (await this.#fetch(toolCall(name))).text()
  }

  /** Posts, and is gone a little later. */
  async leave(body: object, headers: Record<string, string> = {}): Promise<void> {
    const leaving = new AbortController()
    const left = this.#fetch(body, headers, leaving.signal).then((response) => response.text())
    await delay(UNDER_WAY_MS)
    leaving.abort()
    await left.catch(() => undefined)
  }

  /** Opens a stream by GET, and is gone a little later. */
  async leaveStream(url = this.#url): Promise<void> {
    const leaving = new AbortController()
    const response = await fetch(url, { headers: { accept: 'text/event-stream', ...this.#session }, signal: leaving.signal })
    if (response.status !== 200) throw new Error(`GET: ${response.status}`)
    await delay(UNDER_WAY_MS)
    leaving.abort()
  }

  leaveSession(): Promise<void> {
    return this.leaveStream(this.#url.replace(/\/mcp$/, '/sse'))
  }

  #fetch(body: object, headers: Record<string, string> = {}, signal = AbortSignal.timeout(ANSWER_MS)): Promise<Response> {
    const message = Array.isArray(body) ? body : { jsonrpc: '2.0', ...body }
    const own = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
    return fetch(this.#url, { method: 'POST', headers: { ...own, ...this.#session, ...headers }, body: JSON.stringify(message), signal })
  }
}

function initializeBody(name: string): object {
  const params = { protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo: { name, version: '1' } }
  return { id: 0, method: 'initialize', params }
}

function toolCall(name: string): object {
  return { id: 7, method: 'tools/call', params: { name, arguments: {} } }
}

const LIST = { id: 8, method: 'prompts/list' }
const BATCH = [toolCall('hang'), LIST].map((message) => ({ jsonrpc: '2.0', ...message }))
const META = 'io.modelcontextprotocol'
const MODERN = { _meta: { [`${META}/protocolVersion`]: '2026-07-28', [`${META}/clientCapabilities`]: {} } }
const MODERN_HEADERS = { 'mcp-protocol-version': '2026-07-28' }

function opened(leave: (client: LeavingClient) => Promise<unknown>): Kind['leave'] {
  return async (client) => {
    await client.open()
    await leave(client)
  }
}

export const KINDS: readonly Kind[] = [
  { name: 'initialize', leave: (client) => client.leave(initializeBody('slow')) },
  { name: 'tools/call', leave: opened((client) => client.leave(toolCall('hang'))) },
  { name: 'list', leave: opened((client) => client.leave(LIST)) },
  { name: 'batch', leave: opened((client) => client.leave(BATCH, { 'mcp-protocol-version': '2025-03-26' })) },
  { name: 'GET stream', leave: opened((client) => client.leaveStream()) },
  { name: 'HTTP+SSE stream', leave: (client) => client.leaveSession(), alarmMs: LEFT_SESSION_MS },
  {
    name: 'listen',
    leave: (client) =>
      client.leave(
        { id: 9, method: 'subscriptions/listen', params: { ...MODERN, notifications: { resourceSubscriptions: ['x:1'] } } },
        { ...MODERN_HEADERS, 'mcp-method': 'subscriptions/listen' },
      ),
  },
  {
    name: 'call of 2026-07-28',
    leave: (client) =>
      client.leave(
        { id: 9, method: 'tools/call', params: { ...MODERN, name: 'hang', arguments: {} } },
        { ...MODERN_HEADERS, 'mcp-method': 'tools/call', 'mcp-name': 'hang' },
      ),
  },
  { name: 'POST stream in the middle', leave: opened((client) => client.leave(toolCall('streams'))) },
  { name: 'call that waits for an agent', leave: (client) => client.leave(toolCall('echo')), isAway: true },
  {
    name: 'start of a child',
    leave: async (client) => {
      await client.open('restarts')
      await client.call('dies')
      await client.leave(toolCall('echo'))
    },
  },
  { name: 'ask', leave: opened((client) => client.leave(toolCall('asks'))) },
]
