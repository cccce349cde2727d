/**
 * A server whose tool, prompt and resource each ask for input, a model's answer and the roots at once, in the way of the
 * client's era, and answer with what they were given. In the eras with a handshake it asks outside calls, too: `later` as soon
 * as it is answered, and with `byTimer` by a timer after the handshake; `told` waits for what was said to that.
 */
import {
  fromJsonSchema,
  type InputRequest,
  inputRequired,
  type InputRequiredResult,
  inputResponse,
  McpServer,
  type McpRequestContext,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { say, stringArgument, text } from './answers.ts'

/** After the client has said that it is initialized. */
const TIMER_MS = 20

const QUESTION = {
  message: 'What is your name?',
  requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } }, required: ['name'] },
}
const PROMPT = { messages: [say('What is the capital of France?')], maxTokens: 100 }

const ASKS: Readonly<Record<string, InputRequest>> = {
  elicitation: inputRequired.elicit(QUESTION),
  sampling: inputRequired.createMessage(PROMPT),
  roots: inputRequired.listRoots(),
}

const NEVER_OUTSIDE = 'this era has no asks outside calls'

/** What a tool, a prompt or a resource says when it has been answered; else what it asks for. */
async function given(era: McpRequestContext['era'], { mcpReq }: ServerContext): Promise<string | InputRequiredResult> {
  if (era === 'legacy') {
    const answers = await Promise.all([
      mcpReq.send({ method: 'elicitation/create', params: { mode: 'form', ...QUESTION } }),
      mcpReq.send({ method: 'sampling/createMessage', params: PROMPT }),
      mcpReq.send({ method: 'roots/list' }),
    ])
    return tell(...answers)
  }
  const [elicited, sampled, listed] = Object.keys(ASKS).map((key) => inputResponse(mcpReq.inputResponses, key))
  if (elicited?.kind !== 'elicit' || sampled?.kind !== 'sampling' || listed?.kind !== 'roots') return inputRequired({ inputRequests: ASKS })
  return tell(elicited, sampled.result, listed)
}

function tell(
  elicited: { readonly content?: unknown },
  sampled: { readonly content: unknown },
  listed: { readonly roots: unknown },
): string {
  return JSON.stringify([elicited.content, sampled.content, listed.roots])
}

/** A fresh server; `byTimer` is what it asks for soon after the handshake. */
export function createAskingServer({ era }: Pick<McpRequestContext, 'era'>, byTimer?: string): McpServer {
  const mcp = new McpServer({ name: 'asking', version: '1.0.0' })
  const told = Promise.withResolvers<string>()
  const askOutside = async (kind: string): Promise<void> =>
    told.resolve(await ask(mcp, kind).catch((error: unknown) => `refused: ${error instanceof Error ? error.message : String(error)}`))
  mcp.registerTool('ask', { description: 'Asks for three things' }, async (ctx) => {
    const found = await given(era, ctx)
    return typeof found === 'string' ? text(found) : found
  })
  mcp.registerPrompt('ask', { description: 'Asks for three things' }, async (ctx) => {
    const found = await given(era, ctx)
    return typeof found === 'string' ? { messages: [say(found)] } : found
  })
  mcp.registerResource('ask', 'test://ask', { description: 'Asks for three things' }, async ({ href }, ctx) => {
    const found = await given(era, ctx)
    return typeof found === 'string' ? { contents: [{ uri: href, text: found }] } : found
  })
  const inputSchema = fromJsonSchema<{ kind: string }>(stringArgument('kind', 'elicitation or roots'))
  mcp.registerTool('later', { description: 'Answers, and asks behind the answer', inputSchema }, ({ kind }) => {
    if (era === 'legacy') setImmediate(() => void askOutside(kind))
    return text('later')
  })
  mcp.registerTool('told', { description: 'What was said to the ask outside calls' }, async () => text(await told.promise))
  if (era === 'modern') told.resolve(NEVER_OUTSIDE)
  if (byTimer !== undefined) mcp.server.oninitialized = () => void setTimeout(() => void askOutside(byTimer), TIMER_MS)
  return mcp
}

async function ask({ server }: McpServer, kind: string): Promise<string> {
  if (kind === 'roots') return JSON.stringify((await server.request({ method: 'roots/list' })).roots)
  const { content } = await server.request({ method: 'elicitation/create', params: { mode: 'form', ...QUESTION } })
  return JSON.stringify(content)
}
