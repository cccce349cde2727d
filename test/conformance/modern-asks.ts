/** Owns the `test_*` tools that need something of their client: in revision 2026-07-28 they ask by returning `input_required`. */
import { randomBytes } from 'node:crypto'
import {
  acceptedContent,
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  type ElicitRequestFormParams,
  type InputRequest,
  inputRequired,
  inputResponse,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { objectOf, stringArgument, text } from './answers.ts'
import type { Args, ModernTool, ToolResult } from './modern-tool.ts'
import { DEFAULTS_FORM, ENUMS_FORM } from './samples.ts'

type Form = ElicitRequestFormParams['requestedSchema']

/** What a call has to remember while its client is asked. */
interface State {
  readonly step: string
  readonly name?: string
}

const TEXT = { type: 'string' as const }
const YES_OR_NO = { type: 'boolean' as const }

/** Of this process only: a state is worth nothing to another. */
export const states = createRequestStateCodec<State>({ key: randomBytes(32) })

function formOf(name: string, property: Form['properties'][string]): Form {
  return objectOf(name, property)
}

function elicit(message: string, requestedSchema: Form): InputRequest {
  return inputRequired.elicit({ message, requestedSchema })
}

function sample(prompt: string): InputRequest {
  return inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens: 100 })
}

/** The inputs that the client has not given yet. */
function missing(inputs: Readonly<Record<string, InputRequest>>, { mcpReq }: ServerContext): Record<string, InputRequest> {
  return Object.fromEntries(Object.entries(inputs).filter(([key]) => inputResponse(mcpReq.inputResponses, key).kind === 'missing'))
}

/** Asks for what is missing, and answers once nothing is. */
function ask(inputs: Readonly<Record<string, InputRequest>>, ctx: ServerContext, answer: () => CallToolResult): ToolResult {
  const open = missing(inputs, ctx)
  return Object.keys(open).length === 0 ? answer() : inputRequired({ inputRequests: open })
}

/** As `ask`, with a state that must come back as it was given. */
async function askWithState(
  inputs: Readonly<Record<string, InputRequest>>,
  step: string,
  ctx: ServerContext,
  answer: () => CallToolResult,
): Promise<ToolResult> {
  const open = missing(inputs, ctx)
  const isKnown = ctx.mcpReq.requestState<State>()?.step === step
  if (isKnown && Object.keys(open).length === 0) return answer()
  return inputRequired({ inputRequests: isKnown ? open : { ...inputs }, requestState: await states.mint({ step }) })
}

function elicitForm(label: string, message: string, form: Form, ctx: ServerContext): ToolResult {
  return ask({ response: elicit(message, form) }, ctx, () => {
    const response = inputResponse(ctx.mcpReq.inputResponses, 'response')
    return response.kind === 'elicit'
      ? text(`${label}: action=${response.action}, content=${JSON.stringify(response.content ?? {})}`)
      : { isError: true, ...text('the client sent no answer of an elicitation') }
  })
}

function sampleText(key: string, ctx: ServerContext): string {
  const response = inputResponse(ctx.mcpReq.inputResponses, key)
  const content = response.kind === 'sampling' ? response.result.content : undefined
  return content !== undefined && !Array.isArray(content) && content.type === 'text' ? content.text : 'no text'
}

/** Two questions, one after the other; the second state carries the first answer. */
async function askTwice(_args: Args, ctx: ServerContext): Promise<ToolResult> {
  const { inputResponses, requestState } = ctx.mcpReq
  const state = requestState<State>()
  if (state?.step === 'color') {
    const color = acceptedContent<{ color: string }>(inputResponses, 'step2')?.color
    if (color !== undefined) return text(`${state.name} likes ${color}`)
    return inputRequired({ inputRequests: { step2: colorQuestion }, requestState: await states.mint(state) })
  }
  const name = acceptedContent<{ name: string }>(inputResponses, 'step1')?.name
  if (state?.step === 'name' && name !== undefined)
    return inputRequired({ inputRequests: { step2: colorQuestion }, requestState: await states.mint({ step: 'color', name }) })
  return inputRequired({
    inputRequests: { step1: elicit('Step 1: What is your name?', formOf('name', TEXT)) },
    requestState: await states.mint({ step: 'name' }),
  })
}

const colorQuestion = elicit('Step 2: What is your favorite color?', formOf('color', TEXT))

function declares(capability: string, { mcpReq }: ServerContext): boolean {
  const envelope: Readonly<Record<string, unknown>> = { ...mcpReq.envelope }
  const declared = envelope[CLIENT_CAPABILITIES_META_KEY]
  return typeof declared === 'object' && declared !== null && capability in declared
}

/** Asks by whatever the client has declared for this call. */
function askByCapability(_args: Args, ctx: ServerContext): ToolResult {
  const inputs = {
    ...(declares('sampling', ctx) && { sampled: sample('What is the capital of France?') }),
    ...(declares('elicitation', ctx) && { elicited: elicit('What is your name?', formOf('name', TEXT)) }),
  }
  return ask(inputs, ctx, () => text(`Asked by ${Object.keys(inputs).join(' and ') || 'nothing'}`))
}

export const ASKING_TOOLS: Readonly<Record<string, ModernTool>> = {
  test_sampling: {
    description: 'Asks the client for a completion',
    inputSchema: stringArgument('prompt', 'The prompt for the model'),
    run: (args, ctx) =>
      ask({ completion: sample(String(args['prompt'])) }, ctx, () => text(`LLM response: ${sampleText('completion', ctx)}`)),
  },
  test_elicitation: {
    description: 'Asks the user for a response',
    inputSchema: stringArgument('message', 'The message to show'),
    run: (args, ctx) => elicitForm('User response', String(args['message']), formOf('response', TEXT), ctx),
  },
  test_elicitation_sep1034_defaults: {
    description: 'Asks with a default of each primitive type',
    run: (_args, ctx) => elicitForm('Elicitation completed', 'Please review the defaults', DEFAULTS_FORM, ctx),
  },
  test_elicitation_sep1330_enums: {
    description: 'Asks with each kind of enum',
    run: (_args, ctx) => elicitForm('Elicitation completed', 'Please select options', ENUMS_FORM, ctx),
  },
  test_streaming_elicitation: {
    description: 'Reports progress, then asks',
    run: async (_args, ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken
      if (progressToken !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
      return elicitForm('User response', 'Please respond', formOf('response', TEXT), ctx)
    },
  },
  test_asks_for_ever: {
    description: 'Asks again whatever is answered',
    run: () => inputRequired({ inputRequests: { again: elicit('And now?', formOf('response', TEXT)) } }),
  },
  test_missing_capability: {
    description: 'Cannot do without sampling',
    run: (_args, ctx) => ask({ completion: sample('Say hello') }, ctx, () => text(`LLM response: ${sampleText('completion', ctx)}`)),
  },
  test_input_required_result_elicitation: {
    description: 'Asks for a name',
    run: (_args, ctx) =>
      ask({ user_name: elicit('What is your name?', formOf('name', TEXT)) }, ctx, () =>
        text(`Hello, ${acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, 'user_name')?.name ?? 'stranger'}!`),
      ),
  },
  test_input_required_result_sampling: {
    description: 'Asks a model',
    run: (_args, ctx) =>
      ask({ capital_question: sample('What is the capital of France?') }, ctx, () => text(sampleText('capital_question', ctx))),
  },
  test_input_required_result_list_roots: {
    description: 'Asks for the roots',
    run: (_args, ctx) =>
      ask({ client_roots: inputRequired.listRoots() }, ctx, () => {
        const response = inputResponse(ctx.mcpReq.inputResponses, 'client_roots')
        return text(response.kind === 'roots' ? response.roots.map(({ uri }) => uri).join('\n') : 'no roots')
      }),
  },
  test_input_required_result_request_state: {
    description: 'Asks, and wants its state back',
    run: (_args, ctx) =>
      askWithState({ confirm: elicit('Please confirm', formOf('ok', YES_OR_NO)) }, 'confirm', ctx, () => text('state-ok')),
  },
  test_input_required_result_tampered_state: {
    description: 'Asks, and wants its state back unchanged',
    run: (_args, ctx) =>
      askWithState({ confirm: elicit('Please confirm', formOf('ok', YES_OR_NO)) }, 'untampered', ctx, () => text('state-ok')),
  },
  test_input_required_result_multiple_inputs: {
    description: 'Asks for three things at once',
    run: (_args, ctx) => {
      const inputs = {
        user_name: elicit('What is your name?', formOf('name', TEXT)),
        greeting: sample('Generate a greeting'),
        client_roots: inputRequired.listRoots(),
      }
      return askWithState(inputs, 'multiple', ctx, () => text(`All given: ${Object.keys(inputs).join(', ')}`))
    },
  },
  test_input_required_result_multi_round: { description: 'Asks twice, one after the other', run: askTwice },
  test_input_required_result_capabilities: { description: 'Asks only for what the client can', run: askByCapability },
}
