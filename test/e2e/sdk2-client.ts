/** Owns the test client made of `@modelcontextprotocol/client` 2.x in any of its modes. */
import { Client, SSEClientTransport, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client'
import { asObject } from './json.ts'
import { CAPABILITIES, CLIENT_INFO, ELICITED, NotificationLog, ROOTS, SAMPLED, type TestClient } from './test-client.ts'

const MODERN = '2026-07-28'

/** How a client finds its server's era: `pinned` is for 2026-07-28 and nothing else. */
export type Mode = 'legacy' | 'auto' | 'pinned'

async function connect(transport: Transport, mode: Mode = 'legacy'): Promise<TestClient> {
  const versionNegotiation = { mode: mode === 'pinned' ? { pin: MODERN } : mode }
  const client = new Client(CLIENT_INFO, { capabilities: CAPABILITIES, versionNegotiation })
  const notifications = new NotificationLog()
  client.setRequestHandler('sampling/createMessage', () => SAMPLED)
  client.setRequestHandler('elicitation/create', () => ELICITED)
  client.setRequestHandler('roots/list', () => ROOTS)
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
      return asObject(await client.callTool({ name, arguments: { ...args } }, options))
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
    watch: async ({ toolsListChanged, resourceSubscriptions = [] }) => {
      if (client.getNegotiatedProtocolVersion() === MODERN) {
        const filter = { ...(toolsListChanged ? { toolsListChanged } : {}), resourceSubscriptions: [...resourceSubscriptions] }
        await client.listen(filter)
      } else for (const uri of resourceSubscriptions) await client.subscribeResource({ uri })
    },
    [Symbol.asyncDispose]: () => client.close(),
  }
}

function bearer(token: string | undefined): { requestInit: RequestInit } {
  return { requestInit: token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } } }
}

export async function connectSdk2Http(url: string, token?: string, mode?: Mode): Promise<TestClient> {
  return await connect(new StreamableHTTPClientTransport(new URL(url), bearer(token)), mode)
}

export async function connectSdk2Sse(url: string, token?: string): Promise<TestClient> {
  return await connect(new SSEClientTransport(new URL(url), bearer(token)))
}
