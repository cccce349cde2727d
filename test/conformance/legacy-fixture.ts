/** The server that the official suite meets in revisions up to 2025-11-25, for whatever transport serves it. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  type GetPromptResult,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type ReadResourceResult,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { contentsOf, listResources, messagesOf, objectOf, say } from './answers.ts'
import { elicit, type Extra } from './legacy-asks.ts'
import { callTool, listTools } from './legacy-tools.ts'
import { ASKING_PROMPT, CAPABILITIES, PROMPTS, RESOURCE_TEMPLATE } from './samples.ts'

function readResource(uri: string): ReadResourceResult {
  const contents = contentsOf(uri)
  if (contents === undefined) throw new McpError(-32002, `Resource not found: ${uri}`)
  return { contents }
}

async function askForContext(extra: Extra): Promise<GetPromptResult> {
  const requestedSchema = objectOf('context', { type: 'string' as const })
  const given = await elicit(extra, 'What context should the prompt use?', requestedSchema)
  return { messages: [say(`Context: ${String(given.content?.['context'])}`)] }
}

function getPrompt(name: string, args: Readonly<Record<string, string>>): GetPromptResult {
  const messages = messagesOf(name, args)
  if (messages === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${name}`)
  return { messages }
}

/** A fresh server. */
export function createLegacyServer(): Server {
  const server = new Server(
    { name: 'mcp-edge-conformance-legacy', version: '1.0.0' },
    {
      capabilities: CAPABILITIES,
    },
  )

  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listTools() }))
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) =>
    callTool(params.name, params.arguments ?? {}, extra, server.getClientCapabilities() ?? {}),
  )
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: listResources(),
  }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [RESOURCE_TEMPLATE],
  }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => readResource(params.uri))
  server.setRequestHandler(SubscribeRequestSchema, () => ({}))
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}))
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: [...PROMPTS, ASKING_PROMPT] }))
  server.setRequestHandler(GetPromptRequestSchema, ({ params }, extra) =>
    params.name === ASKING_PROMPT.name ? askForContext(extra) : getPrompt(params.name, params.arguments ?? {}),
  )
  server.setRequestHandler(SetLevelRequestSchema, () => ({}))
  server.setRequestHandler(CompleteRequestSchema, () => ({ completion: { values: [], total: 0, hasMore: false } }))

  return server
}
