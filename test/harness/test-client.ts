/** Owns what the client suite asks of any MCP client, whatever SDK or program is behind it. */
import type { Client as Client2 } from '@modelcontextprotocol/client'
import type { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { within } from './deadline.ts'
import type { JsonObject } from './json.ts'

export interface CallOptions {
  readonly onProgress?: (progress: number) => void
  readonly signal?: AbortSignal
}

/** What a client wants to hear of. */
export interface Changes {
  readonly toolsListChanged?: true
  readonly resourceSubscriptions?: readonly string[]
}

/** A request of the server; `params` without what belongs to the connection. */
export interface Ask {
  readonly method: string
  readonly params: JsonObject
}

/** The SDK's own client, for libraries that build on one. */
export type SdkClient = { readonly major: 1; readonly client: Client1 } | { readonly major: 2; readonly client: Client2 }

/** An MCP client that is connected and answers sampling, elicitation and roots with the constants below. */
export interface TestClient extends AsyncDisposable {
  readonly notifications: NotificationLog
  /** What its server has asked of it, in order. */
  readonly asked: readonly Ask[]
  readonly sdk: SdkClient
  /** What it declares of itself. */
  readonly declared: JsonObject
  /** A request of any method, of extensions too. */
  request(method: string, params?: JsonObject): Promise<JsonObject>
  notify(method: string, params?: JsonObject): Promise<void>
  listTools(): Promise<string[]>
  callTool(name: string, args?: JsonObject, options?: CallOptions): Promise<JsonObject>
  listResources(cursor?: string): Promise<{ uris: string[]; nextCursor: string | undefined }>
  listTemplates(): Promise<string[]>
  readResource(uri: string): Promise<JsonObject>
  listPrompts(): Promise<string[]>
  getPrompt(name: string, args?: Record<string, string>): Promise<JsonObject>
  completePrompt(name: string, argument: string, value: string): Promise<string[]>
  setLogLevel(level: 'debug' | 'error'): Promise<void>
  subscribe(uri: string): Promise<void>
  unsubscribe(uri: string): Promise<void>
  ping(): Promise<void>
  /** Has changes told: by a listen in revision 2026-07-28, else by subscriptions. */
  watch(changes: Changes): Promise<void>
}

export const CLIENT_INFO = { name: 'mcp-edge-tests', version: '1.0.0' }

export const CAPABILITIES = { sampling: {}, elicitation: {}, roots: { listChanged: true } }

export const SAMPLED = {
  role: 'assistant' as const,
  model: 'test-model',
  content: { type: 'text' as const, text: 'sampled by the test' },
}

export const ELICITED = { action: 'accept' as const, content: { name: 'Grace Hopper', color: 'blue' } }

export const ROOTS = { roots: [{ uri: 'file:///tmp/root-of-the-test', name: 'root of the test' }] }

interface Notification {
  readonly method: string
  readonly params: JsonObject
}

/** Notifications that came without being the answer to anything. */
export class NotificationLog {
  readonly all: Notification[] = []
  readonly #watchers = new Set<() => void>()

  add(method: string, params: JsonObject): void {
    this.all.push({ method, params })
    for (const watch of this.#watchers) watch()
  }

  /** The first notification of a method, past ones included, that fits. */
  async next(method: string, fits: (params: JsonObject) => boolean = () => true): Promise<JsonObject> {
    const look = (): JsonObject | undefined => this.all.find((one) => one.method === method && fits(one.params))?.params
    const found = Promise.withResolvers<JsonObject>()
    const watch = (): void => {
      const params = look()
      if (params) found.resolve(params)
    }
    this.#watchers.add(watch)
    watch()
    try {
      return await within(found.promise, `the notification ${method}`)
    } finally {
      this.#watchers.delete(watch)
    }
  }
}
