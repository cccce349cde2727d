/** The server that the official suite meets in revision 2026-07-28, for whatever transport serves it. */
import {
  acceptedContent,
  fromJsonSchema,
  type GetPromptResult,
  inputRequired,
  type InputRequiredResult,
  type JsonSchemaType,
  McpServer,
  type Prompt,
  type PromptMessage,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { states } from './modern-asks.ts'
import { TOOLS } from './modern-tools.ts'
import { IMAGE_BASE64, PROMPTS, RESOURCES, TEMPLATE } from './samples.ts'

const ALL_PROMPTS: readonly Prompt[] = [
  ...PROMPTS,
  { name: 'test_input_required_result_prompt', description: 'A prompt that asks for its context' },
]

const NO_ARGUMENTS: JsonSchemaType = { type: 'object', properties: {} }

function readResource(uri: string): ReadResourceResult {
  const fixed = RESOURCES.find((resource) => resource.uri === uri)
  if (fixed) {
    const body = fixed.blob === undefined ? { text: fixed.text ?? '' } : { blob: fixed.blob }
    return { contents: [{ uri, mimeType: fixed.mimeType, ...body }] }
  }
  const id = TEMPLATE.exec(uri)?.[1]
  if (id === undefined) throw new ResourceNotFoundError(uri)
  const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` })
  return { contents: [{ uri, mimeType: 'application/json', text }] }
}

function say(text: string): PromptMessage {
  return { role: 'user', content: { type: 'text', text } }
}

function askForContext({ mcpReq }: ServerContext): GetPromptResult | InputRequiredResult {
  const given = acceptedContent<{ context: string }>(mcpReq.inputResponses, 'user_context')
  if (given !== undefined) return { messages: [say(`Context: ${given.context}`)] }
  const requestedSchema = { type: 'object' as const, properties: { context: { type: 'string' as const } }, required: ['context'] }
  return inputRequired({
    inputRequests: { user_context: inputRequired.elicit({ message: 'What context should the prompt use?', requestedSchema }) },
  })
}

function getPrompt(name: string, args: Readonly<Record<string, string>>, ctx: ServerContext): GetPromptResult | InputRequiredResult {
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
    case 'test_input_required_result_prompt':
      return askForContext(ctx)
    default:
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown prompt: ${name}`)
  }
}

/** A fresh server. Tools come from their table; the rest needs no more than a handler a method. */
export function createModernServer(): McpServer {
  const mcp = new McpServer(
    { name: 'mcp-edge-conformance-modern', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: { listChanged: true },
        logging: {},
        completions: {},
      },
      requestState: { verify: (state, ctx) => states.verify(state, ctx) },
    },
  )
  const { server } = mcp
  const changes = {
    tools: () => server.sendToolListChanged(),
    prompts: () => server.sendPromptListChanged(),
    resource: (uri: string) => server.sendResourceUpdated({ uri }),
  }
  for (const [name, { description, inputSchema, run }] of Object.entries(TOOLS)) {
    const schema = fromJsonSchema<Record<string, unknown>>(inputSchema ?? NO_ARGUMENTS)
    mcp.registerTool(name, { description, inputSchema: schema }, (args, ctx) => run(args, ctx, changes))
  }
  server.setRequestHandler('resources/list', () => ({ resources: RESOURCES.map(({ uri, name, mimeType }) => ({ uri, name, mimeType })) }))
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', mimeType: 'application/json' }],
  }))
  server.setRequestHandler('resources/read', ({ params }) => readResource(params.uri))
  server.setRequestHandler('prompts/list', () => ({ prompts: [...ALL_PROMPTS] }))
  server.setRequestHandler('prompts/get', ({ params }, ctx) => getPrompt(params.name, params.arguments ?? {}, ctx))
  server.setRequestHandler('completion/complete', () => ({ completion: { values: [], total: 0, hasMore: false } }))
  return mcp
}
