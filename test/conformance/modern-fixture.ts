/** The server that the official suite meets in revision 2026-07-28, for whatever transport serves it. */
import {
  acceptedContent,
  fromJsonSchema,
  type GetPromptResult,
  inputRequired,
  type InputRequiredResult,
  type JsonSchemaType,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { contentsOf, listResources, messagesOf, objectOf, say } from './answers.ts'
import { states } from './modern-asks.ts'
import { TOOLS } from './modern-tools.ts'
import { ASKING_PROMPT, CAPABILITIES, PROMPTS, RESOURCE_TEMPLATE } from './samples.ts'

const NO_ARGUMENTS: JsonSchemaType = { type: 'object', properties: {} }

function readResource(uri: string): ReadResourceResult {
  const contents = contentsOf(uri)
  if (contents === undefined) throw new ResourceNotFoundError(uri)
  return { contents }
}

function askForContext({ mcpReq }: ServerContext): GetPromptResult | InputRequiredResult {
  const given = acceptedContent<{ context: string }>(mcpReq.inputResponses, 'user_context')
  if (given !== undefined) return { messages: [say(`Context: ${given.context}`)] }
  const requestedSchema = objectOf('context', { type: 'string' as const })
  return inputRequired({
    inputRequests: { user_context: inputRequired.elicit({ message: 'What context should the prompt use?', requestedSchema }) },
  })
}

function getPrompt(name: string, args: Readonly<Record<string, string>>, ctx: ServerContext): GetPromptResult | InputRequiredResult {
  if (name === ASKING_PROMPT.name) return askForContext(ctx)
  const messages = messagesOf(name, args)
  if (messages === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown prompt: ${name}`)
  return { messages }
}

/** A fresh server. Tools come from their table; the rest needs no more than a handler a method. */
export function createModernServer(): McpServer {
  const mcp = new McpServer(
    { name: 'mcp-edge-conformance-modern', version: '1.0.0' },
    {
      capabilities: CAPABILITIES,
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
  server.setRequestHandler('resources/list', () => ({ resources: listResources() }))
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [RESOURCE_TEMPLATE],
  }))
  server.setRequestHandler('resources/read', ({ params }) => readResource(params.uri))
  server.setRequestHandler('prompts/list', () => ({ prompts: [...PROMPTS, ASKING_PROMPT] }))
  server.setRequestHandler('prompts/get', ({ params }, ctx) => getPrompt(params.name, params.arguments ?? {}, ctx))
  server.setRequestHandler('completion/complete', () => ({ completion: { values: [], total: 0, hasMore: false } }))
  return mcp
}
