/** Owns what both servers answer alike, whatever their revision: resources, prompts, and the tools that ask nobody. */
import { setTimeout as delay } from 'node:timers/promises'
import { AUDIO_BASE64, IMAGE_BASE64, JSON_SCHEMA_2020_12, RESOURCES, TEMPLATE } from './samples.ts'

/** Space between two notifications of one call, so that the suite can see them arrive one by one. */
const STEP_MS = 50

/** Long enough for the relay to open a stream (5 s), to end it while it is quiet, and for the client to come back. */
const RECONNECT_MS = 9_500

/** An annotation of 2026-07-28, which a server of any revision may list. */
const IN_HEADER = { type: 'string' as const, 'x-mcp-header': 'Region' }

const image = { type: 'image' as const, data: IMAGE_BASE64, mimeType: 'image/png' }

export function text(value: string) {
  return { content: [{ type: 'text' as const, text: value }] }
}

/** Schema of an object with one property, which is required. */
export function objectOf<T>(name: string, property: T) {
  return { type: 'object' as const, properties: { [name]: property }, required: [name] }
}

export function stringArgument(name: string, description: string) {
  return objectOf(name, { type: 'string' as const, description })
}

export function listResources() {
  return RESOURCES.map(({ uri, name, mimeType }) => ({ uri, name, mimeType }))
}

/** The contents of a resource; undefined when there is none. */
export function contentsOf(uri: string) {
  const fixed = RESOURCES.find((resource) => resource.uri === uri)
  if (fixed) {
    const body = fixed.blob === undefined ? { text: fixed.text ?? '' } : { blob: fixed.blob }
    return [{ uri, mimeType: fixed.mimeType, ...body }]
  }
  const id = TEMPLATE.exec(uri)?.[1]
  if (id === undefined) return undefined
  return [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }]
}

export function say(value: string) {
  return { role: 'user' as const, content: { type: 'text' as const, text: value } }
}

function embedded(uri: string, mimeType: string, value: string) {
  return { type: 'resource' as const, resource: { uri, mimeType, text: value } }
}

/** The messages of a prompt that asks nobody; undefined when there is none of that name. */
export function messagesOf(name: string, args: Readonly<Record<string, string>>) {
  switch (name) {
    case 'test_simple_prompt':
      return [say('This is a simple prompt for testing.')]
    case 'test_prompt_with_arguments':
      return [say(`Prompt with arguments: arg1='${args['arg1']}', arg2='${args['arg2']}'`)]
    case 'test_prompt_with_embedded_resource': {
      const content = embedded(args['resourceUri'] ?? '', 'text/plain', 'Embedded resource content for testing.')
      return [{ role: 'user' as const, content }, say('Please process the embedded resource above.')]
    }
    case 'test_prompt_with_image':
      return [{ role: 'user' as const, content: image }, say('Please analyze the image above.')]
    default:
      return undefined
  }
}

export const PLAIN_TOOLS = {
  test_simple_text: { description: 'Answers with text', run: () => text('This is a simple text response for testing.') },
  test_image_content: { description: 'Answers with an image', run: () => ({ content: [image] }) },
  test_audio_content: {
    description: 'Answers with a sound',
    run: () => ({ content: [{ type: 'audio' as const, data: AUDIO_BASE64, mimeType: 'audio/wav' }] }),
  },
  test_embedded_resource: {
    description: 'Answers with an embedded resource',
    run: () => ({ content: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')] }),
  },
  test_multiple_content_types: {
    description: 'Answers with text, an image and a resource',
    run: () => {
      const mixed = embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}')
      return { content: [...text('Multiple content types test:').content, image, mixed] }
    },
  },
  test_error_handling: {
    description: 'Fails',
    run: () => ({ isError: true, ...text('This tool intentionally returns an error for testing') }),
  },
  test_x_mcp_header: {
    description: 'Wants its region in a header as well',
    inputSchema: objectOf('region', IN_HEADER),
    run: (args: Readonly<Record<string, unknown>>) => text(`region ${String(args['region'])}`),
  },
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
    run: (args: Readonly<Record<string, unknown>>) => text(`JSON Schema 2020-12 tool called with: ${JSON.stringify(args)}`),
  },
}

/** Sends three log messages. */
export async function logThrice(log: (data: string) => Promise<void>) {
  for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await log(data)
    await delay(STEP_MS)
  }
  return text('Tool with logging executed successfully')
}

/** Reports progress at 0, 50 and 100, and answers with the token. */
export async function reportProgress<T extends string | number>(
  progressToken: T | undefined,
  notify: (params: { progressToken: T; progress: number; total: number; message: string }) => Promise<void>,
) {
  if (progressToken === undefined) return text('no progress token was sent')
  for (const progress of [0, 50, 100]) {
    await notify({ progressToken, progress, total: 100, message: `Completed step ${progress} of 100` })
    if (progress < 100) await delay(STEP_MS)
  }
  return text(String(progressToken))
}
