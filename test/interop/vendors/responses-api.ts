/** OpenAI's Responses API, as far as Codex needs it of a scripted model. No I/O. */
import { asArray, asObject, type JsonObject } from '../../harness/json.ts'
import { type ModelApi, namedEvents, SERVER_NAME } from './model-api.ts'

const NAMESPACE = `mcp__${SERVER_NAME}`

let lastId = 0

/** Tools of the share: they stand in a namespace of their own. */
function toolsOf(body: JsonObject): string[] {
  const namespaces = asArray(body['tools'] ?? []).map((tool) => asObject(tool))
  const own = namespaces.find(({ type, name }) => type === 'namespace' && name === NAMESPACE)
  return asArray(own?.['tools'] ?? []).map((tool) => String(asObject(tool)['name']))
}

/** The client puts a line on how long the call took before what the server said. */
function outputText(output: unknown): string {
  const texts = Array.isArray(output) ? output.map((part) => String(asObject(part)['text'])) : [String(output ?? '')]
  return texts.filter((text) => !text.startsWith('Wall time')).join('\n')
}

export const responsesApi: ModelApi = {
  read: (path, body) => {
    if (!path.endsWith('/responses')) return undefined
    const items = asArray(body['input'] ?? []).map((item) => asObject(item))
    const output = items.findLast(({ type }) => type === 'function_call_output')?.['output']
    return { tools: toolsOf(body), result: outputText(output) }
  },
  speak: (_body, speech) => {
    const id = String(++lastId)
    const item =
      'tool' in speech
        ? { type: 'function_call', call_id: id, namespace: NAMESPACE, name: speech.tool, arguments: JSON.stringify(speech.arguments) }
        : { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: speech.text }] }
    const usage = { input_tokens: 1, input_tokens_details: null, output_tokens: 1, output_tokens_details: null, total_tokens: 2 }
    return namedEvents([
      ['response.created', { response: { id } }],
      ['response.output_item.done', { item: { id, ...item } }],
      ['response.completed', { response: { id, usage } }],
    ])
  },
  aside: () => ({}),
}
