/** Owns the `test_*` tools that the official suite calls in revision 2026-07-28. */
import type { CallToolResult, ServerContext } from '@modelcontextprotocol/server'
import { logThrice, PLAIN_TOOLS, reportProgress, text } from './answers.ts'
import { ASKING_TOOLS } from './modern-asks.ts'
import { GATED_TOOLS } from './modern-gates.ts'
import type { Args, ModernTool } from './modern-tool.ts'

/** A resource that changes on demand. */
const WATCHED_URI = 'test://watched-resource'

function logInfo(_args: Args, { mcpReq }: ServerContext): Promise<CallToolResult> {
  return logThrice((data) => mcpReq.log('info', data))
}

function report(_args: Args, { mcpReq }: ServerContext): Promise<CallToolResult> {
  return reportProgress(mcpReq._meta?.progressToken, (params) => mcpReq.notify({ method: 'notifications/progress', params }))
}

const CONTENT_TOOLS: Readonly<Record<string, ModernTool>> = {
  ...PLAIN_TOOLS,
  test_tool_with_logging: { description: 'Sends three log messages', run: logInfo },
  test_logging_tool: { description: 'Sends log messages to who asked for them', run: logInfo },
  test_tool_with_progress: { description: 'Reports progress at 0, 50 and 100', run: report },
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
