/** Vercel's AI SDK as a foreign client: tools as `generateText` executes them. */
import { BEARER_HEADERS, ELICIT, loadPackage, serveCommands, TRANSPORT, URL_OF_SHARE } from './commands.ts'
import { asObject, toolText } from '../../../harness/json.ts'

interface AiMcpClient {
  readonly initializeResult: { readonly protocolVersion: string }
  tools(): Promise<Record<string, { execute(input: unknown, options: unknown): Promise<unknown> }>>
  onElicitationRequest(schema: unknown, handler: () => Promise<unknown>): void
  close(): Promise<void>
}

interface AiSdk {
  readonly ElicitationRequestSchema: unknown
  readonly createMCPClient: (config: unknown) => Promise<AiMcpClient>
}

const { createMCPClient, ElicitationRequestSchema } = loadPackage('@ai-sdk/mcp') as AiSdk

let client: AiMcpClient | undefined

function connected(): AiMcpClient {
  if (client === undefined) throw new Error('not connected')
  return client
}

await serveCommands(
  {
    connect: async () => {
      const transport = { type: TRANSPORT, url: URL_OF_SHARE, headers: BEARER_HEADERS }
      client = await createMCPClient({ transport, capabilities: { elicitation: {} } })
      client.onElicitationRequest(ElicitationRequestSchema, async () => ({ action: 'accept', content: { name: 'Grace' } }))
      return client.initializeResult.protocolVersion
    },
    list: async () => Object.keys(await connected().tools()),
    call: async (name, args) => {
      const tool = (await connected().tools())[name]
      if (tool === undefined) throw new Error(`no tool ${name}`)
      const result = asObject(await tool.execute(args, { toolCallId: '1', messages: [] }))
      if (result['isError'] === true) throw new Error(toolText(result))
      return toolText(result)
    },
    close: () => connected().close(),
  },
  [ELICIT],
)
