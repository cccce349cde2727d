/** Owns the `test_*` tools that the official suite calls in the revisions with a handshake. */
import { setTimeout as delay } from 'node:timers/promises'
import type { CallToolResult, ClientCapabilities, ElicitRequestFormParams, Tool } from '@modelcontextprotocol/sdk/types.js'
import { ASKING_TOOLS, elicit, type Extra, sampleText } from './legacy-asks.ts'
import { AUDIO_BASE64, DEFAULTS_FORM, ENUMS_FORM, IMAGE_BASE64, JSON_SCHEMA_2020_12 } from './samples.ts'

type Args = Readonly<Record<string, unknown>>

interface ToolEntry {
  readonly description: string
  readonly inputSchema?: Tool['inputSchema']
  readonly run: (args: Args, extra: Extra, capabilities: ClientCapabilities) => CallToolResult | Promise<CallToolResult>
}

/** Space between two notifications of one call, so that the suite can see them arrive one by one. */
const STEP_MS = 50

/** An annotation of 2026-07-28, which a server of any revision may list. */
const IN_HEADER = { type: 'string' as const, 'x-mcp-header': 'Region' }

/** Long enough for the relay to open a stream (5 s), to end it while it is quiet, and for the client to come back. */
const RECONNECT_MS = 9_500

const image = { type: 'image' as const, data: IMAGE_BASE64, mimeType: 'image/png' }

function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] }
}

function stringArgument(name: string, description: string): Tool['inputSchema'] {
  return { type: 'object', properties: { [name]: { type: 'string', description } }, required: [name] }
}

async function logThrice(_args: Args, extra: Extra): Promise<CallToolResult> {
  for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } })
    await delay(STEP_MS)
  }
  return text('Tool with logging executed successfully')
}

async function reportProgress(_args: Args, extra: Extra): Promise<CallToolResult> {
  const progressToken = extra._meta?.progressToken
  if (progressToken === undefined) return text('no progress token was sent')
  for (const progress of [0, 50, 100]) {
    await extra.sendNotification({
      method: 'notifications/progress',
      params: { progressToken, progress, total: 100, message: `Completed step ${progress} of 100` },
    })
    if (progress < 100) await delay(STEP_MS)
  }
  return text(String(progressToken))
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
  return elicitForm('User response', String(args['message']), { type: 'object', properties: { response }, required: ['response'] }, extra)
}

const TOOLS: Readonly<Record<string, ToolEntry>> = {
  test_simple_text: {
    description: 'Answers with text',
    run: () => text('This is a simple text response for testing.'),
  },
  test_image_content: { description: 'Answers with an image', run: () => ({ content: [image] }) },
  test_audio_content: {
    description: 'Answers with a sound',
    run: () => ({ content: [{ type: 'audio', data: AUDIO_BASE64, mimeType: 'audio/wav' }] }),
  },
  test_embedded_resource: {
    description: 'Answers with an embedded resource',
    run: () => ({
      content: [
        {
          type: 'resource',
          resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' },
        },
      ],
    }),
  },
  test_multiple_content_types: {
    description: 'Answers with text, an image and a resource',
    run: () => ({
      content: [
        { type: 'text', text: 'Multiple content types test:' },
        image,
        {
          type: 'resource',
          resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' },
        },
      ],
    }),
  },
  test_tool_with_logging: { description: 'Sends three log messages', run: logThrice },
  test_logging_tool: { description: 'Sends log messages to who asked for them', run: logThrice },
  test_x_mcp_header: {
    description: 'Wants its region in a header as well',
    inputSchema: { type: 'object', properties: { region: IN_HEADER }, required: ['region'] },
    run: (args) => text(`region ${String(args['region'])}`),
  },
  test_tool_with_progress: { description: 'Reports progress at 0, 50 and 100', run: reportProgress },
  test_error_handling: {
    description: 'Fails',
    run: () => ({ isError: true, ...text('This tool intentionally returns an error for testing') }),
  },
  test_reconnection: {
    description: 'Answers late enough for a client to reconnect in between',
    run: async () => {
      await delay(RECONNECT_MS)
      return text('Reconnection test completed successfully.')
    },
  },
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
  json_schema_2020_12_tool: {
    description: 'Has an input schema with keywords of JSON Schema 2020-12',
    inputSchema: JSON_SCHEMA_2020_12,
    run: (args) => text(`JSON Schema 2020-12 tool called with: ${JSON.stringify(args)}`),
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
