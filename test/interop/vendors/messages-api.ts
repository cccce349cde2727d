/** Anthropic's Messages API, as far as Claude Code needs it of a scripted model. No I/O. */
import { asArray, asObject, type JsonObject } from '../../harness/json.ts'
import { type ModelAnswer, type ModelApi, namedEvents, SERVER_NAME, type Speech } from './model-api.ts'

const PREFIX = `mcp__${SERVER_NAME}__`
/** The client's tool that loads the schemas of others, which it names but does not offer at once. */
const SEARCH = 'ToolSearch'

let lastId = 0

function offered(body: JsonObject): string[] {
  return asArray(body['tools'] ?? []).map((tool) => String(asObject(tool)['name']))
}

function blocks(content: unknown): readonly JsonObject[] {
  return Array.isArray(content) ? content.map((block) => asObject(block)) : []
}

function texts(content: unknown): string[] {
  return blocks(content).map(({ text }) => String(text))
}

/** Names of the share's tools that stand in a text, one a line. */
function named(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(PREFIX))
    .map((line) => line.trim())
}

function stream(body: JsonObject, block: JsonObject, delta: JsonObject, reason: string): ModelAnswer {
  const usage = { input_tokens: 1, output_tokens: 1 }
  const message = { id: `msg_${++lastId}`, type: 'message', role: 'assistant', model: body['model'], content: [], usage }
  return namedEvents([
    ['message_start', { message: { ...message, stop_reason: null, stop_sequence: null } }],
    ['content_block_start', { index: 0, content_block: block }],
    ['content_block_delta', { index: 0, delta }],
    ['content_block_stop', { index: 0 }],
    ['message_delta', { delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: 1 } }],
    ['message_stop', {}],
  ])
}

function toolUse(body: JsonObject, name: string, input: JsonObject): ModelAnswer {
  const block = { type: 'tool_use', id: `toolu_${++lastId}`, name, input: {} }
  return stream(body, block, { type: 'input_json_delta', partial_json: JSON.stringify(input) }, 'tool_use')
}

export const messagesApi: ModelApi = {
  read: (path, body) => {
    if (!/\/messages(\?|$)/.test(path)) return undefined
    const messages = asArray(body['messages'] ?? []).map((message) => asObject(message))
    const said = messages.flatMap(({ content }) => (typeof content === 'string' ? [content] : texts(content)))
    const tools = [...offered(body).filter((name) => name.startsWith(PREFIX)), ...said.flatMap(named)]
    const results = messages.map(({ content }) => blocks(content).filter(({ type }) => type === 'tool_result'))
    const last = results.findLast((found) => found.length > 0) ?? []
    const result = last.map(({ content }) => (typeof content === 'string' ? content : texts(content).join('\n'))).join('\n')
    return { tools: tools.map((name) => name.slice(PREFIX.length)), result }
  },
  prepare: (body, speech) => {
    if (!('tool' in speech)) return undefined
    const names = offered(body)
    const isLoaded = names.includes(PREFIX + speech.tool) || !names.includes(SEARCH)
    return isLoaded ? undefined : toolUse(body, SEARCH, { query: `select:${PREFIX}${speech.tool}` })
  },
  speak: (body: JsonObject, speech: Speech) => {
    if ('tool' in speech) return toolUse(body, PREFIX + speech.tool, speech.arguments)
    return stream(body, { type: 'text', text: '' }, { type: 'text_delta', text: speech.text }, 'end_turn')
  },
  aside: () => ({ input_tokens: 1 }),
}
