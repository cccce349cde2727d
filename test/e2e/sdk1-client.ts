/** Owns the test client made of `@modelcontextprotocol/sdk` 1.x, over any transport. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import type { Command } from './harness.ts'
import { asObject } from './json.ts'
import { CAPABILITIES, CLIENT_INFO, ELICITED, NotificationLog, ROOTS, SAMPLED, type TestClient } from './test-client.ts'

async function connect(transport: Transport): Promise<TestClient> {
  const client = new Client(CLIENT_INFO, { capabilities: CAPABILITIES })
  const notifications = new NotificationLog()
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLED)
  client.setRequestHandler(ElicitRequestSchema, () => ELICITED)
  client.setRequestHandler(ListRootsRequestSchema, () => ROOTS)
  client.fallbackNotificationHandler = async ({ method, params }) => notifications.add(method, asObject(params ?? {}))
  await client.connect(transport)
  return {
    notifications,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    callTool: async (name, args = {}, { onProgress, signal } = {}) => {
      const options = {
        ...(onProgress ? { onprogress: ({ progress }: { progress: number }) => onProgress(progress) } : {}),
        ...(signal ? { signal } : {}),
      }
      return asObject(await client.callTool({ name, arguments: { ...args } }, undefined, options))
    },
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
    watch: async ({ resourceSubscriptions = [] }) => {
      for (const uri of resourceSubscriptions) await client.subscribeResource({ uri })
    },
    [Symbol.asyncDispose]: () => client.close(),
  }
}

function bearer(token: string | undefined): { requestInit: RequestInit } {
  return { requestInit: token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } } }
}

export async function connectSdk1Http(url: string, token?: string): Promise<TestClient> {
  return await connect(new StreamableHTTPClientTransport(new URL(url), bearer(token)))
}

export async function connectSdk1Sse(url: string, token?: string): Promise<TestClient> {
  return await connect(new SSEClientTransport(new URL(url), bearer(token)))
}

/** Speaks stdio to a program, which may itself be a client of ours. */
export async function connectSdk1Stdio([command, ...args]: Command, env: Record<string, string> = {}): Promise<TestClient> {
  return await connect(new StdioClientTransport({ command, args, env, stderr: 'ignore' }))
}
