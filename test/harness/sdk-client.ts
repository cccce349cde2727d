/** Owns what the test clients of both SDKs do alike. */
import type { Client as Client2 } from '@modelcontextprotocol/client'
import type { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { asObject } from './json.ts'
import { type Ask, type CallOptions, NotificationLog, type TestClient } from './test-client.ts'

/** All of a test client that does not depend on the SDK; hears the notifications of the client. */
export function commonOf(client: Client1 | Client2): Omit<TestClient, 'asked' | 'sdk' | 'declared' | 'request' | 'callTool' | 'watch'> {
  const notifications = new NotificationLog()
  client.fallbackNotificationHandler = async ({ method, params }) => notifications.add(method, asObject(params ?? {}))
  return {
    notifications,
    notify: async (method, params = {}) => client.notification({ method, params: { ...params } }),
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    listResources: async (cursor) => {
      const page = await client.listResources(cursor === undefined ? {} : { cursor })
      return { uris: page.resources.map(({ uri }) => uri), nextCursor: page.nextCursor }
    },
    listTemplates: async () => (await client.listResourceTemplates()).resourceTemplates.map((one) => one.uriTemplate),
    readResource: async (uri) => asObject(await client.readResource({ uri })),
    listPrompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    getPrompt: async (name, args = {}) => asObject(await client.getPrompt({ name, arguments: args })),
    completePrompt: async (name, argument, value) => {
      const params = { ref: { type: 'ref/prompt' as const, name }, argument: { name: argument, value } }
      return (await client.complete(params)).completion.values
    },
    setLogLevel: async (level) => void (await client.setLoggingLevel(level)),
    subscribe: async (uri) => void (await client.subscribeResource({ uri })),
    unsubscribe: async (uri) => void (await client.unsubscribeResource({ uri })),
    ping: async () => void (await client.ping()),
    [Symbol.asyncDispose]: () => client.close(),
  }
}

/** Answers a request of the server always alike, and notes what was asked. */
export function noting<T>(asked: Ask[], answer: T): (ask: { readonly method: string; readonly params?: object | undefined }) => T {
  return ({ method, params }) => {
    const { _meta, ...own } = asObject(params ?? {})
    asked.push({ method, params: own })
    return answer
  }
}

/** Options of a tool call, in the words of the SDKs. */
export function requestOptions({ onProgress, signal }: CallOptions) {
  return {
    ...(onProgress ? { onprogress: ({ progress }: { progress: number }) => onProgress(progress) } : {}),
    ...(signal ? { signal } : {}),
  }
}

export function bearer(token: string | undefined): { requestInit: RequestInit } {
  return { requestInit: token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } } }
}
