/** Owns the `test_*` tools that the official suite calls in the revisions with a handshake. */
import type { CallToolResult, ClientCapabilities, ElicitRequestFormParams, Tool } from '@modelcontextprotocol/sdk/types.js'
import { logThrice, objectOf, PLAIN_TOOLS, reportProgress, stringArgument, text } from './answers.ts'
import { ASKING_TOOLS, elicit, type Extra, sampleText } from './legacy-asks.ts'
import { DEFAULTS_FORM, ENUMS_FORM } from './samples.ts'

type Args = Readonly<Record<string, unknown>>

interface ToolEntry {
  readonly description: string
  readonly inputSchema?: Tool['inputSchema']
  readonly run: (args: Args, extra: Extra, capabilities: ClientCapabilities) => CallToolResult | Promise<CallToolResult>
}

function logInfo(_args: Args, extra: Extra): Promise<CallToolResult> {
  return logThrice((data) => extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } }))
}

function report(_args: Args, extra: Extra): Promise<CallToolResult> {
  return reportProgress(extra._meta?.progressToken, (params) => extra.sendNotification({ method: 'notifications/progress', params }))
}

async function elicitForm(
  label: string,
  message: string,
  form: ElicitRequestFormParams['requestedSchema'],
  extra: Extra,
): Promise<CallToolResult> {
  const result = await elicit(extra, message, form)
  return text(`${label}: action=${result.action}, content=${JSON.stringify(result.content ?? {})}`)
}

function elicitResponse(args: Args, extra: Extra): Promise<CallToolResult> {
  const response = { type: 'string' as const, description: "User's response" }
  return elicitForm('User response', String(args['message']), objectOf('response', response), extra)
}

const TOOLS: Readonly<Record<string, ToolEntry>> = {
  ...PLAIN_TOOLS,
  test_tool_with_logging: { description: 'Sends three log messages', run: logInfo },
  test_logging_tool: { description: 'Sends log messages to who asked for them', run: logInfo },
  test_tool_with_progress: { description: 'Reports progress at 0, 50 and 100', run: report },
  test_sampling: {
    description: 'Asks the client for a completion',
    inputSchema: stringArgument('prompt', 'The prompt for the model'),
    run: async (args, extra) => text(`LLM response: ${await sampleText(extra, String(args['prompt']))}`),
  },
  test_elicitation: {
    description: 'Asks the user for a response',
    inputSchema: stringArgument('message', 'The message to show'),
    run: elicitResponse,
  },
  test_elicitation_sep1034_defaults: {
    description: 'Asks with a default of each primitive type',
    run: (_args, extra) => elicitForm('Elicitation completed', 'Please review the defaults', DEFAULTS_FORM, extra),
  },
  test_elicitation_sep1330_enums: {
    description: 'Asks with each kind of enum',
    run: (_args, extra) => elicitForm('Elicitation completed', 'Please select options', ENUMS_FORM, extra),
  },
}

const ALL_TOOLS: Readonly<Record<string, ToolEntry>> = {
  ...TOOLS,
  ...Object.fromEntries(
    Object.entries(ASKING_TOOLS).map(([name, { description, run }]) => [
      name,
      { description, run: (_args: Args, extra: Extra, capabilities: ClientCapabilities) => run(extra, capabilities) },
    ]),
  ),
}

export function listTools(): Tool[] {
  return Object.entries(ALL_TOOLS).map(([name, { description, inputSchema }]) => ({
    name,
    description,
    inputSchema: inputSchema ?? { type: 'object', properties: {} },
  }))
}

/** Runs a tool; a failure, an unknown name among them, is a result with `isError` as tools report it. */
export async function callTool(name: string, args: Args, extra: Extra, capabilities: ClientCapabilities): Promise<CallToolResult> {
  const entry = ALL_TOOLS[name]
  if (!entry) return { isError: true, ...text(`no tool ${name}`) }
  try {
    return await entry.run(args, extra, capabilities)
  } catch (error) {
    return { isError: true, ...text(error instanceof Error ? error.message : String(error)) }
  }
}
