/** Owns the `test_*` tools that the official suite calls in revision 2026-07-28. */
import { setTimeout as delay } from 'node:timers/promises'
import type { CallToolResult, ServerContext } from '@modelcontextprotocol/server'
import { ASKING_TOOLS } from './modern-asks.ts'
import { GATED_TOOLS } from './modern-gates.ts'
import { type Args, type ModernTool, text } from './modern-tool.ts'
import { AUDIO_BASE64, IMAGE_BASE64, JSON_SCHEMA_2020_12 } from './samples.ts'

/** Space between two notifications of one call, so that the suite can see them arrive one by one. */
const STEP_MS = 50

/** Long enough for the relay to open a stream (5 s), to end it while it is quiet, and for the client to come back. */
const RECONNECT_MS = 9_500

/** A resource that changes on demand. */
const WATCHED_URI = 'test://watched-resource'

/** An annotation of 2026-07-28 that JSON Schema knows nothing of. */
const IN_HEADER = { type: 'string' as const, 'x-mcp-header': 'Region' }

const image = { type: 'image' as const, data: IMAGE_BASE64, mimeType: 'image/png' }

async function logThrice(_args: Args, { mcpReq }: ServerContext): Promise<CallToolResult> {
  for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await mcpReq.log('info', data)
    await delay(STEP_MS)
  }
  return text('Tool with logging executed successfully')
}

async function reportProgress(_args: Args, { mcpReq }: ServerContext): Promise<CallToolResult> {
  const progressToken = mcpReq._meta?.progressToken
  if (progressToken === undefined) return text('no progress token was sent')
  for (const progress of [0, 50, 100]) {
    const message = `Completed step ${progress} of 100`
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100, message } })
    if (progress < 100) await delay(STEP_MS)
  }
  return text(String(progressToken))
}

const CONTENT_TOOLS: Readonly<Record<string, ModernTool>> = {
  test_simple_text: { description: 'Answers with text', run: () => text('This is a simple text response for testing.') },
  test_image_content: { description: 'Answers with an image', run: () => ({ content: [image] }) },
  test_audio_content: {
    description: 'Answers with a sound',
    run: () => ({ content: [{ type: 'audio', data: AUDIO_BASE64, mimeType: 'audio/wav' }] }),
  },
  test_embedded_resource: {
    description: 'Answers with an embedded resource',
    run: () => {
      const resource = { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' }
      return { content: [{ type: 'resource', resource }] }
    },
  },
  test_multiple_content_types: {
    description: 'Answers with text, an image and a resource',
    run: () => {
      const resource = { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' }
      return { content: [{ type: 'text', text: 'Multiple content types test:' }, image, { type: 'resource', resource }] }
    },
  },
  test_error_handling: {
    description: 'Fails',
    run: () => ({ isError: true, ...text('This tool intentionally returns an error for testing') }),
  },
  test_tool_with_logging: { description: 'Sends three log messages', run: logThrice },
  test_logging_tool: { description: 'Sends log messages to who asked for them', run: logThrice },
  test_tool_with_progress: { description: 'Reports progress at 0, 50 and 100', run: reportProgress },
  test_reconnection: {
    description: 'Answers late enough for a client to reconnect in between',
    run: async () => {
      await delay(RECONNECT_MS)
      return text('Reconnection test completed successfully.')
    },
  },
  json_schema_2020_12_tool: {
    description: 'Has an input schema with keywords of JSON Schema 2020-12',
    inputSchema: JSON_SCHEMA_2020_12,
    run: (args) => text(`JSON Schema 2020-12 tool called with: ${JSON.stringify(args)}`),
  },
  test_x_mcp_header: {
    description: 'Wants its region in a header as well',
    inputSchema: { type: 'object', properties: { region: IN_HEADER }, required: ['region'] },
    run: (args) => text(`region ${String(args['region'])}`),
  },
  test_trigger_tool_change: {
    description: 'Says that the list of tools has changed',
    run: async (_args, _ctx, changes) => {
      await changes.tools()
      return text('tools changed')
    },
  },
  test_big_answer: {
    description: 'Answers with so many bytes of text',
    run: (args) => text('x'.repeat(Number(args['bytes']))),
  },
  test_update_resource: {
    description: 'Says that the watched resource has changed',
    run: async (_args, _ctx, changes) => {
      await changes.resource(WATCHED_URI)
      return text('resource updated')
    },
  },
  test_trigger_prompt_change: {
    description: 'Says that the list of prompts has changed',
    run: async (_args, _ctx, changes) => {
      await changes.prompts()
      return text('prompts changed')
    },
  },
}

export const TOOLS: Readonly<Record<string, ModernTool>> = { ...CONTENT_TOOLS, ...ASKING_TOOLS, ...GATED_TOOLS }
