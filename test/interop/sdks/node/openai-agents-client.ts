/** OpenAI's Agents SDK for JavaScript as a foreign client: its MCP server object, as an agent's run uses it. */
import { BEARER_HEADERS, loadPackage, serveCommands, TRANSPORT, URL_OF_SHARE } from './commands.ts'
import { toolText } from '../../../harness/json.ts'

interface AgentsServer {
  connect(): Promise<void>
  listTools(): Promise<{ readonly name: string }[]>
  callTool(name: string, args: unknown): Promise<unknown>
  close(): Promise<void>
}

interface AgentsSdk {
  readonly MCPServerStreamableHttp: new (options: unknown) => AgentsServer
  readonly MCPServerSSE: new (options: unknown) => AgentsServer
}

const TIMEOUT_SECONDS = 60

const { MCPServerSSE, MCPServerStreamableHttp } = loadPackage('@openai/agents') as AgentsSdk
const Server = TRANSPORT === 'sse' ? MCPServerSSE : MCPServerStreamableHttp
const requestInit = { headers: BEARER_HEADERS }
const eventSourceInit = {
  fetch: (url: string | URL, init?: RequestInit) => fetch(url, { ...init, headers: { ...BEARER_HEADERS, accept: 'text/event-stream' } }),
}
const server = new Server({
  url: URL_OF_SHARE,
  requestInit,
  eventSourceInit,
  clientSessionTimeoutSeconds: TIMEOUT_SECONDS,
  timeout: TIMEOUT_SECONDS * 1000,
})

await serveCommands(
  {
    connect: async () => {
      await server.connect()
      return 'connected'
    },
    list: async () => (await server.listTools()).map(({ name }) => name),
    call: async (name, args) => toolText({ content: await server.callTool(name, args) }),
    close: () => server.close(),
  },
  [],
)
