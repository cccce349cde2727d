/** Owns the `test_*` tools of the legacy fixture that ask their client in the middle of a call, as revisions with a handshake do. */
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import {
  type CallToolResult,
  type ClientCapabilities,
  CreateMessageResultSchema,
  type ElicitRequestFormParams,
  type ElicitResult,
  ElicitResultSchema,
  ListRootsResultSchema,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js'
import { objectOf, text } from './answers.ts'

export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>
type Form = ElicitRequestFormParams['requestedSchema']

interface AskingTool {
  readonly description: string
  readonly run: (extra: Extra, capabilities: ClientCapabilities) => Promise<CallToolResult>
}

const TEXT = { type: 'string' as const }
const YES_OR_NO = { type: 'boolean' as const }

function formOf(name: string, property: Form['properties'][string] = TEXT): Form {
  return objectOf(name, property)
}

export async function elicit(extra: Extra, message: string, requestedSchema: Form): Promise<ElicitResult> {
  return await extra.sendRequest({ method: 'elicitation/create', params: { message, requestedSchema } }, ElicitResultSchema)
}

export async function sampleText(extra: Extra, prompt: string): Promise<string> {
  const message = { role: 'user' as const, content: { type: 'text' as const, text: prompt } }
  const params = { messages: [message], maxTokens: 100 }
  const { content } = await extra.sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema)
  return content.type === 'text' ? content.text : content.type
}

async function roots(extra: Extra): Promise<string> {
  const { roots: found } = await extra.sendRequest({ method: 'roots/list' }, ListRootsResultSchema)
  return found.map(({ uri }) => uri).join('\n')
}

async function confirm(extra: Extra): Promise<CallToolResult> {
  await elicit(extra, 'Please confirm', formOf('ok', YES_OR_NO))
  return text('state-ok')
}

export const ASKING_TOOLS: Readonly<Record<string, AskingTool>> = {
  test_streaming_elicitation: {
    description: 'Reports progress, then asks',
    run: async (extra) => {
      const progressToken = extra._meta?.progressToken
      if (progressToken !== undefined)
        await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
      return text(`User response: ${(await elicit(extra, 'Please respond', formOf('response'))).action}`)
    },
  },
  test_missing_capability: { description: 'Cannot do without sampling', run: async (extra) => text(await sampleText(extra, 'Say hello')) },
  test_input_required_result_elicitation: {
    description: 'Asks for a name',
    run: async (extra) =>
      text(`Hello, ${String((await elicit(extra, 'What is your name?', formOf('name'))).content?.['name'] ?? 'stranger')}!`),
  },
  test_input_required_result_sampling: {
    description: 'Asks a model',
    run: async (extra) => text(await sampleText(extra, 'What is the capital of France?')),
  },
  test_input_required_result_list_roots: { description: 'Asks for the roots', run: async (extra) => text(await roots(extra)) },
  test_input_required_result_request_state: { description: 'Asks, and goes on where it was', run: confirm },
  test_input_required_result_tampered_state: { description: 'Asks, and goes on where it was', run: confirm },
  test_input_required_result_multiple_inputs: {
    description: 'Asks for three things at once',
    run: async (extra) => {
      const given = await Promise.all([
        elicit(extra, 'What is your name?', formOf('name')),
        sampleText(extra, 'Generate a greeting'),
        roots(extra),
      ])
      return text(`All given: ${given.length}`)
    },
  },
  test_input_required_result_multi_round: {
    description: 'Asks twice, one after the other',
    run: async (extra) => {
      const name = await elicit(extra, 'Step 1: What is your name?', formOf('name'))
      const color = await elicit(extra, 'Step 2: What is your favorite color?', formOf('color'))
      return text(`${String(name.content?.['name'])} likes ${String(color.content?.['color'])}`)
    },
  },
  test_input_required_result_capabilities: {
    description: 'Asks only for what the client can',
    run: async (extra, { sampling, elicitation }) => {
      const asked = await Promise.all([
        ...(sampling === undefined ? [] : [sampleText(extra, 'What is the capital of France?')]),
        ...(elicitation === undefined ? [] : [elicit(extra, 'What is your name?', formOf('name'))]),
      ])
      return text(`Asked for ${asked.length}`)
    },
  },
  test_trigger_tool_change: {
    description: 'Says that the list of tools has changed',
    run: async (extra) => {
      await extra.sendNotification({ method: 'notifications/tools/list_changed' })
      return text('tools changed')
    },
  },
  test_trigger_prompt_change: {
    description: 'Says that the list of prompts has changed',
    run: async (extra) => {
      await extra.sendNotification({ method: 'notifications/prompts/list_changed' })
      return text('prompts changed')
    },
  },
}
