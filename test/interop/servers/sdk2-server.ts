/**
 * A server of both eras as the TypeScript SDK 2 makes them: its tools ask the client in either of the ways that there are (see
 * both-eras.ts). `--journal FILE` writes down what it echoes.
 */
import { appendFileSync } from 'node:fs'
import {
  acceptedContent,
  type CallToolResult,
  fromJsonSchema,
  inputRequired,
  inputResponse,
  McpServer,
  type McpRequestContext,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

const journal = process.argv.includes('--journal') ? process.argv.at(process.argv.indexOf('--journal') + 1) : undefined
const ECHOED = fromJsonSchema<{ text: string }>({ type: 'object', properties: { text: { type: 'string' } }, required: ['text'] })

const FORM = { message: 'who', requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } } }
const PROMPT = { messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'hi' } }], maxTokens: 16 }

function text(value: unknown): CallToolResult {
  return { content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }] }
}

function createServer({ era }: McpRequestContext): McpServer {
  const mcp = new McpServer({ name: 'both-eras-sdk2', version: '1.0.0' })
  const tool = (name: string, run: (ctx: ServerContext) => unknown): void => {
    mcp.registerTool(name, {}, async (ctx) => (await run(ctx)) as CallToolResult)
  }
  mcp.registerTool('echo', { inputSchema: ECHOED }, (args) => {
    if (journal !== undefined) appendFileSync(journal, `${args.text}\n`)
    return text(args.text)
  })
  tool('era', () => text(era))
  tool('pid', () => text(String(process.pid)))

  // The way of 2026-07-28: the tool ends with what it needs, and runs again with the answers. In the handshake era the SDK asks.
  tool('elicit', ({ mcpReq }) => {
    const given = acceptedContent(mcpReq.inputResponses, 'who')
    return given === undefined ? inputRequired({ inputRequests: { who: inputRequired.elicit(FORM) } }) : text(given)
  })
  tool('sample', ({ mcpReq }) => {
    const given = inputResponse(mcpReq.inputResponses, 'said')
    return given.kind === 'missing' ? inputRequired({ inputRequests: { said: inputRequired.createMessage(PROMPT) } }) : text(given)
  })
  tool('roots', ({ mcpReq }) => {
    const given = inputResponse(mcpReq.inputResponses, 'where')
    return given.kind === 'missing' ? inputRequired({ inputRequests: { where: inputRequired.listRoots() } }) : text(given)
  })

  // The way of the handshake era: a request to the client in the middle of the tool.
  tool('push-elicit', async ({ mcpReq }) => text(await mcpReq.elicitInput({ mode: 'form', ...FORM })))
  tool('push-sample', async ({ mcpReq }) => text(await mcpReq.requestSampling(PROMPT)))
  tool('push-roots', async () => text(await mcp.server.listRoots()))
  return mcp
}

serveStdio(createServer)
