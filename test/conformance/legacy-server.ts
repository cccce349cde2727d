/** The stdio server that the official suite meets behind a share, for revisions up to 2025-11-25. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
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
  type PromptMessage,
  ReadResourceRequestSchema,
  type ReadResourceResult,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { elicit, type Extra } from './legacy-asks.ts'
import { callTool, listTools } from './legacy-tools.ts'
import { IMAGE_BASE64, PROMPTS, RESOURCES, TEMPLATE } from './samples.ts'

function readResource(uri: string): ReadResourceResult {
  const fixed = RESOURCES.find((resource) => resource.uri === uri)
  if (fixed) {
    const body = fixed.blob === undefined ? { text: fixed.text ?? '' } : { blob: fixed.blob }
    return { contents: [{ uri, mimeType: fixed.mimeType, ...body }] }
  }
  const id = TEMPLATE.exec(uri)?.[1]
  if (id === undefined) throw new McpError(-32002, `Resource not found: ${uri}`)
  const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` })
  return { contents: [{ uri, mimeType: 'application/json', text }] }
}

function say(text: string): PromptMessage {
  return { role: 'user', content: { type: 'text', text } }
}

const ASKING_PROMPT = { name: 'test_input_required_result_prompt', description: 'A prompt that asks for its context' }

async function askForContext(extra: Extra): Promise<GetPromptResult> {
  const requestedSchema = { type: 'object' as const, properties: { context: { type: 'string' as const } }, required: ['context'] }
  const given = await elicit(extra, 'What context should the prompt use?', requestedSchema)
  return { messages: [say(`Context: ${String(given.content?.['context'])}`)] }
}

function getPrompt(name: string, args: Readonly<Record<string, string>>): GetPromptResult {
  switch (name) {
    case 'test_simple_prompt':
      return { messages: [say('This is a simple prompt for testing.')] }
    case 'test_prompt_with_arguments':
      return { messages: [say(`Prompt with arguments: arg1='${args['arg1']}', arg2='${args['arg2']}'`)] }
    case 'test_prompt_with_embedded_resource': {
      const resource = { uri: args['resourceUri'] ?? '', mimeType: 'text/plain', text: 'Embedded resource content for testing.' }
      return { messages: [{ role: 'user', content: { type: 'resource', resource } }, say('Please process the embedded resource above.')] }
    }
    case 'test_prompt_with_image': {
      const content = { type: 'image' as const, data: IMAGE_BASE64, mimeType: 'image/png' }
      return { messages: [{ role: 'user', content }, say('Please analyze the image above.')] }
    }
    default:
      throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${name}`)
  }
}

const server = new Server(
  { name: 'mcp-edge-conformance-legacy', version: '1.0.0' },
  {
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      prompts: { listChanged: true },
      logging: {},
      completions: {},
    },
  },
)

server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listTools() }))
server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) =>
  callTool(params.name, params.arguments ?? {}, extra, server.getClientCapabilities() ?? {}),
)
server.setRequestHandler(ListResourcesRequestSchema, () => ({
  resources: RESOURCES.map(({ uri, name, mimeType }) => ({ uri, name, mimeType })),
}))
server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
  resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', mimeType: 'application/json' }],
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

await server.connect(new StdioServerTransport())
