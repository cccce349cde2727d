/** LangChain's MCP adapter for JavaScript as a foreign client: tools as an agent's graph invokes them. */
import { asObject, textField } from '../../../harness/json.ts'
import { BEARER_HEADERS, loadPackage, serveCommands, TRANSPORT, URL_OF_SHARE } from './commands.ts'

interface LangChainTool {
  readonly name: string
  invoke(input: unknown): Promise<unknown>
}

interface LangChainClient {
  getTools(): Promise<LangChainTool[]>
  close(): Promise<void>
}

interface LangChainAdapter {
  readonly MultiServerMCPClient: new (config: unknown) => LangChainClient
}

const { MultiServerMCPClient } = loadPackage('@langchain/mcp-adapters') as LangChainAdapter

const connection = { transport: TRANSPORT, url: URL_OF_SHARE, headers: BEARER_HEADERS, automaticSSEFallback: false }
const client = new MultiServerMCPClient({ mcpServers: { share: connection }, throwOnLoadError: true })
let tools: LangChainTool[] = []

await serveCommands(
  {
    connect: async () => {
      tools = await client.getTools()
      return 'connected'
    },
    list: async () => (await client.getTools()).map(({ name }) => name),
    call: async (name, args) => {
      const tool = tools.find((one) => one.name === name)
      if (tool === undefined) throw new Error(`no tool ${name}`)
      const content = await tool.invoke(args)
      // A result with _meta, as the first one after a restart, comes as its content block instead of as its text.
      return typeof content === 'string' ? content : textField(asObject(content), 'text')
    },
    close: () => client.close(),
  },
  [],
)
