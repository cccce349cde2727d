/** Google's generateContent API, as far as Gemini CLI needs it of a scripted model. No I/O. */
import { asArray, asObject, type JsonObject } from '../../harness/json.ts'
import { type ModelApi, SERVER_NAME } from './model-api.ts'

const PREFIX = `mcp_${SERVER_NAME}_`

function parts(body: JsonObject): JsonObject[] {
  const contents = asArray(body['contents'] ?? [])
  return contents.flatMap((content) => asArray(asObject(content)['parts'] ?? [])).map((part) => asObject(part))
}

/** The client wraps what comes from servers, so that a model takes it for no order. */
function unwrapped(response: JsonObject): string {
  const { output } = response
  return typeof output === 'string' ? output.replace(/^<untrusted_context>\n(.*)\n<\/untrusted_context>$/s, '$1') : JSON.stringify(response)
}

function candidate(part: JsonObject): JsonObject {
  const candidates = [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }]
  return { candidates, usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 } }
}

export const generateContentApi: ModelApi = {
  read: (path, body) => {
    if (!path.includes(':streamGenerateContent')) return undefined
    const declared = asArray(body['tools'] ?? []).flatMap((tool) => asArray(asObject(tool)['functionDeclarations'] ?? []))
    const names = declared.map((declaration) => String(asObject(declaration)['name']))
    const response = parts(body).findLast((part) => 'functionResponse' in part)?.['functionResponse']
    return {
      tools: names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)),
      result: response === undefined ? '' : unwrapped(asObject(asObject(response)['response'])),
    }
  },
  speak: (_body, speech) => {
    const part = 'tool' in speech ? { functionCall: { name: PREFIX + speech.tool, args: speech.arguments } } : speech
    return { contentType: 'text/event-stream', body: `data: ${JSON.stringify(candidate(part))}\r\n\r\n` }
  },
  aside: (path) => (path.includes(':countTokens') ? { totalTokens: 1 } : candidate({ text: '{}' })),
}
