/** What a `test_*` tool of the 2026-07-28 fixture is. */
import type { CallToolResult, InputRequiredResult, JsonSchemaType, ServerContext } from '@modelcontextprotocol/server'

export type Args = Readonly<Record<string, unknown>>
export type ToolResult = CallToolResult | InputRequiredResult

/** Tells all listeners that a list, or a resource, has changed. */
export interface Changes {
  readonly resource: (uri: string) => Promise<void>
  readonly tools: () => Promise<void>
  readonly prompts: () => Promise<void>
}

export interface ModernTool {
  readonly description: string
  readonly inputSchema?: JsonSchemaType
  readonly run: (args: Args, ctx: ServerContext, changes: Changes) => ToolResult | Promise<ToolResult>
}
