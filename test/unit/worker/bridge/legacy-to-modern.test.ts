import { describe, expect, test } from 'vitest'
import { readCapabilities } from '../../../../worker/bridge/capabilities.ts'
import { envelopeMembers, initializeResult, readDiscoverResult, readInitializeRequest } from '../../../../worker/bridge/discover.ts'
import {
  inputFailure,
  lackingFor,
  MAX_INPUT_ROUNDS,
  readClientAnswer,
  readInputRound,
  retryRequest,
  serverRequest,
} from '../../../../worker/bridge/input-rounds.ts'
import {
  childNotificationVerdict,
  legacyNotificationEdits,
  legacyNotificationVerdict,
  legacyResultEdits,
  legacyVerdict,
  modernRequest,
  resultKind,
  toLegacyError,
  toModernRequest,
} from '../../../../worker/bridge/legacy-to-modern.ts'
import { bytesOf, editedBy, textOf } from './bytes.ts'

test.each([
  ['initialize', 'discover'],
  ['ping', 'empty'],
  ['logging/setLevel', 'level'],
  ['resources/subscribe', 'subscriptions'],
  ['resources/unsubscribe', 'subscriptions'],
  ...['tools/list', 'tools/call', 'prompts/get', 'resources/read', 'completion/complete', 'vendor/extension', 'constructor'].map(
    (method) => [method, 'forward'],
  ),
  ...['tasks/get', 'tasks/result', 'tasks/list', 'tasks/cancel', 'subscriptions/listen', 'server/discover'].map((method) => [
    method,
    'unknown',
  ]),
])('legacyVerdict() of %s is %s', (method, verdict) => {
  expect(legacyVerdict(method)).toBe(verdict)
})

test('notification verdicts let through what the other era knows', () => {
  expect(legacyNotificationVerdict('notifications/cancelled')).toBe('forward')
  for (const method of ['notifications/initialized', 'notifications/roots/list_changed', 'notifications/progress'])
    expect(legacyNotificationVerdict(method), method).toBe('drop')
  for (const method of [
    'notifications/progress',
    'notifications/message',
    'notifications/tools/list_changed',
    'notifications/resources/updated',
  ])
    expect(childNotificationVerdict(method), method).toBe('forward')
  for (const method of ['notifications/subscriptions/acknowledged', 'notifications/tasks'])
    expect(childNotificationVerdict(method), method).toBe('drop')
})

describe('initialize and server/discover', () => {
  const discover =
    '{"id":0,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"resources":{"listChanged":true},"extensions":{"io.modelcontextprotocol/tasks":{}}},"instructions":"i","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}'

  test.each([
    ['2025-03-26', '2025-03-26'],
    ['2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('initializeResult() answers a client of %s in %s', (requested, revision) => {
    const facts = readDiscoverResult(bytesOf(discover))
    expect(facts && JSON.parse(initializeResult(facts, requested))).toEqual({
      protocolVersion: revision,
      capabilities: { tools: {}, resources: { listChanged: true, subscribe: true }, logging: {} },
      serverInfo: { name: 's', version: '1' },
      instructions: 'i',
    })
  })

  test('initializeResult() names a server that does not', () => {
    expect(JSON.parse(initializeResult({ capabilities: {} }, ''))).toMatchObject({ serverInfo: { name: 'unknown' } })
  })

  test('envelopeMembers() carries what the client said of itself, as far as the child may know', () => {
    const client = readInitializeRequest(
      bytesOf(
        '{"id":0,"params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{"listChanged":true},"sampling":{},"tasks":{},"experimental":{"x":{}}},"clientInfo":{"name":"c","v":1.0}}}',
      ),
    )
    expect(client.revision).toBe('2025-06-18')
    expect(envelopeMembers(client, true, 'info')).toEqual({
      'io.modelcontextprotocol/protocolVersion': '"2026-07-28"',
      'io.modelcontextprotocol/clientCapabilities': '{"roots":{},"sampling":{},"experimental":{"x":{}}}',
      'io.modelcontextprotocol/clientInfo': '{"name":"c","v":1.0}',
      'io.modelcontextprotocol/logLevel': '"info"',
    })
    expect(envelopeMembers({ revision: '', capabilities: { sampling: {} } }, false, undefined)).toEqual({
      'io.modelcontextprotocol/protocolVersion': '"2026-07-28"',
      'io.modelcontextprotocol/clientCapabilities': '{}',
    })
  })
})

describe('toModernRequest()', () => {
  test.each([
    ['{"id":1,"method":"tools/list"}', '{"params":{"_meta":{"io.modelcontextprotocol/x":1}},"id":1,"method":"tools/list"}'],
    ['{"id":1,"params":{}}', '{"id":1,"params":{"_meta":{"io.modelcontextprotocol/x":1}}}'],
    [
      '{"id":1,"params":{"arguments":{"n":1e2},"task":{"ttl":1}}}',
      '{"id":1,"params":{"_meta":{"io.modelcontextprotocol/x":1},"arguments":{"n":1e2}}}',
    ],
    [
      '{"id":1,"params":{"_meta":{"progressToken":9007199254740993,"io.modelcontextprotocol/related-task":{}}}}',
      '{"id":1,"params":{"_meta":{"io.modelcontextprotocol/x":1,"progressToken":9007199254740993}}}',
    ],
  ])('puts the envelope into %s', (given, expected) => {
    expect(textOf(toModernRequest(bytesOf(given), { 'io.modelcontextprotocol/x': '1' }))).toBe(expected)
  })
})

test('modernRequest() makes a request of the relay', () => {
  expect(modernRequest('"l"', 'subscriptions/listen', { a: '1' }, { notifications: '{"toolsListChanged":true}' })).toBe(
    '{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{"a":1}}}',
  )
})

test.each([
  ['{"result":{}}', 'complete'],
  ['{"result":{"resultType":"complete"}}', 'complete'],
  ['{"result":{"resultType":"input_required"}}', 'input_required'],
  ['{"result":{"resultType":"task"}}', 'other'],
  ['{"result":{"resultType":null}}', 'other'],
  ['{"result":{"content":[{"resultType":"task"}]}}', 'complete'],
])('resultKind() of %s is %s', (answer, kind) => {
  expect(resultKind(bytesOf(answer))).toBe(kind)
})

describe('legacyResultEdits()', () => {
  const edited = (text: string, method: string, isSchemaWrapped = false): string =>
    editedBy(text, (bytes) => legacyResultEdits(bytes, { method, isSchemaWrapped }))

  test.each([
    [
      'tools/list',
      '{"result":{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{}}}}',
      '{"result":{"tools":[]}}',
    ],
    [
      'tools/call',
      '{"result":{"content":[],"ttlMs":1,"structuredContent":{"n":1.0},"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{},"k":1}}}',
      '{"result":{"content":[],"ttlMs":1,"structuredContent":{"n":1.0},"_meta":{"k":1}}}',
    ],
    [
      'resources/read',
      '{"result":{"contents":[{"text":"resultType"}],"resultType":"complete","ttlMs":0}}',
      '{"result":{"contents":[{"text":"resultType"}]}}',
    ],
    ['tools/call', '{"error":{"code":1}}', '{"error":{"code":1}}'],
  ])('of %s takes off %s what only the modern era has', (method, given, expected) => {
    expect(edited(given, method)).toBe(expected)
  })

  test('wraps output schemas that are not of an object, and moves their pointers along', () => {
    const schema =
      '{"$schema":"http://json-schema.org/draft-07/schema#","type":"array","maxItems":9007199254740993,"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"$ref":"#"},"b":{"$id":"x","$ref":"#/c"},"$ref":{"enum":[{"$ref":"#/kept"}],"$ref":"#name"}}}'
    const text = edited(`{"result":{"tools":[{"outputSchema":${schema}},{"outputSchema":{"type":"object"}},{}]}}`, 'tools/list')
    expect(text).toContain('9007199254740993')
    expect(JSON.parse(text)).toMatchObject({
      result: {
        tools: [
          {
            outputSchema: {
              $schema: 'http://json-schema.org/draft-07/schema#',
              type: 'object',
              properties: {
                result: {
                  type: 'array',
                  items: { $ref: '#/properties/result/$defs/a' },
                  $defs: {
                    a: { $ref: '#/properties/result' },
                    b: { $id: 'x', $ref: '#/c' },
                    $ref: { enum: [{ $ref: '#/kept' }], $ref: '#name' },
                  },
                },
              },
              required: ['result'],
            },
          },
          { outputSchema: { type: 'object' } },
          {},
        ],
      },
    })
  })

  test('leaves the pointers of a schema that has a base of its own', () => {
    const text = edited('{"result":{"tools":[{"outputSchema":{"$id":"https://x","$ref":"#/a"}}]}}', 'tools/list')
    expect(text).toContain('{"$id":"https://x","$ref":"#/a"}')
  })

  test.each([
    ['[1.0]', false, '{"result":{"content":[{"type":"text","text":"[1.0]"}],"structuredContent":{"result":[1.0]}}}'],
    ['5', false, '{"result":{"content":[{"type":"text","text":"5"}],"structuredContent":{"result":5}}}'],
    ['null', false, '{"result":{"content":[{"type":"text","text":"null"}],"structuredContent":{"result":null}}}'],
    ['{"a":1e2}', true, '{"result":{"content":[],"structuredContent":{"result":{"a":1e2}}}}'],
    ['{"a":1e2}', false, '{"result":{"content":[],"structuredContent":{"a":1e2}}}'],
  ])('gives the structured content %s, schema wrapped: %s, as %s', (content, isWrapped, expected) => {
    expect(edited(`{"result":{"resultType":"complete","content":[],"structuredContent":${content}}}`, 'tools/call', isWrapped)).toBe(
      expected,
    )
  })

  test('adds no text beside one that is there', () => {
    const text = edited('{"result":{"content":[{"type":"text","text":"t"}],"structuredContent":[1]}}', 'tools/call')
    expect(text).toBe('{"result":{"content":[{"type":"text","text":"t"}],"structuredContent":{"result":[1]}}}')
  })
})

test('legacyNotificationEdits() takes the mark of a listen off, and nothing else', () => {
  const given = '{"method":"m","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1},"uri":"a:1"}}'
  expect(editedBy(given, legacyNotificationEdits)).toBe('{"method":"m","params":{"uri":"a:1"}}')
  expect(editedBy('{"method":"m"}', legacyNotificationEdits)).toBe('{"method":"m"}')
})

test.each([
  ['tools/call', -32020, {}, -32603],
  ['tools/call', -32021, {}, -32603],
  ['tools/call', -32022, {}, -32603],
  ['tools/call', -32602, { uri: 'a:1' }, -32602],
  ['resources/read', -32602, { uri: 'a:1' }, -32002],
  ['resources/read', -32602, {}, -32602],
  ['resources/read', -32000, {}, -32000],
])('toLegacyError() of %s maps %d with data %j to %d', (method, code, data, mapped) => {
  const error = (value: number): string => JSON.stringify({ id: 1, error: { code: value, message: 'm', data } })
  expect(textOf(toLegacyError(bytesOf(error(code)), method))).toBe(error(mapped))
})

describe('input rounds', () => {
  const FORM = '{"method":"elicitation/create","params":{"mode":"form","message":"\\u0436","requestedSchema":{"maximum":9007199254740993}}}'
  const URL_ASK = '{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://x"}}'
  const answer = (requests: string, state = ',"requestState":"s\\u0041"'): Uint8Array =>
    bytesOf(`{"id":1,"result":{"resultType":"input_required","inputRequests":${requests}${state}}}`)

  function roundOf(bytes: Uint8Array): Extract<ReturnType<typeof readInputRound>, { ok: true }>['value'] {
    const round = readInputRound(bytes, 1)
    if (!round.ok) throw new Error(round.error.code)
    return round.value
  }

  test('readInputRound() and serverRequest() ask the client as the child wrote it', () => {
    const { wanted, requestState } = roundOf(answer(`{"f":${FORM},"u":${URL_ASK},"r":{"method":"roots/list"}}`))
    expect(requestState).toBe('"s\\u0041"')
    const texts = wanted.map((input) => serverRequest(input, '"mcp-edge:1"', 'el-1', '2025-11-25'))
    expect(texts).toEqual([
      '{"jsonrpc":"2.0","id":"mcp-edge:1","method":"elicitation/create","params":{"mode":"form","message":"\\u0436","requestedSchema":{"maximum":9007199254740993}}}',
      '{"jsonrpc":"2.0","id":"mcp-edge:1","method":"elicitation/create","params":{"elicitationId":"el-1","mode":"url","message":"m","url":"https://x"}}',
      '{"jsonrpc":"2.0","id":"mcp-edge:1","method":"roots/list"}',
    ])
  })

  test('serverRequest() names no mode to a client that knows of none', () => {
    const [form] = roundOf(answer(`{"f":${FORM}}`)).wanted
    expect(form && serverRequest(form, '1', 'e', '2025-06-18')).not.toContain('mode')
  })

  test('lackingFor() tells what the client has not declared', () => {
    const round = roundOf(
      answer(`{"f":${FORM},"u":${URL_ASK},"g":${FORM},"s":{"method":"sampling/createMessage","params":{"messages":[]}}}`),
    )
    expect(lackingFor(round, readCapabilities({ elicitation: {} }))).toEqual(['elicitation.url', 'sampling'])
    expect(lackingFor(round, readCapabilities({ elicitation: { form: {}, url: {} }, sampling: {} }))).toEqual([])
  })

  test.each(['{"x":{"method":"tools/call"}}', '{"x":7}', '{"x":{"method":"elicitation/create","params":[]}}'])(
    'readInputRound() refuses %s',
    (requests) => {
      expect(readInputRound(answer(requests), 1)).toMatchObject({ ok: false, error: { code: 'RESULT_UNMAPPABLE' } })
    },
  )

  test('readInputRound() takes state alone, and refuses a round without anything', () => {
    expect(roundOf(answer('{}')).wanted).toEqual([])
    expect(readInputRound(answer('{}', ''), 1).ok).toBe(false)
  })

  test('readInputRound() ends a call that goes on asking', () => {
    expect(readInputRound(answer(`{"f":${FORM}}`), MAX_INPUT_ROUNDS).ok).toBe(true)
    expect(readInputRound(answer(`{"f":${FORM}}`), MAX_INPUT_ROUNDS + 1)).toMatchObject({ ok: false, error: { code: 'TOO_MANY_ROUNDS' } })
    const many = Array.from({ length: 33 }, (_, at) => `"${at}":${FORM}`)
    expect(readInputRound(answer(`{${many.join(',')}}`), 1)).toMatchObject({ ok: false, error: { code: 'TOO_MANY_ROUNDS' } })
  })

  test('retryRequest() repeats the request with state and answers as they came, and with those only', () => {
    const round = roundOf(answer(`{"f":${FORM}}`))
    const request = bytesOf('{"id":1,"params":{"inputResponses":{"old":1},"requestState":"old","name":"t","arguments":{"n":1.0}}}')
    const result = readClientAnswer(bytesOf('{"id":"mcp-edge:1","result":{"action":"accept","content":{"n":9007199254740993}}}')) ?? ''
    expect(textOf(retryRequest(request, round, new Map([['f', result]])))).toBe(
      '{"id":1,"params":{"inputResponses":{"f":{"action":"accept","content":{"n":9007199254740993}}},"requestState":"s\\u0041","name":"t","arguments":{"n":1.0}}}',
    )
    expect(textOf(retryRequest(request, { wanted: [] }, new Map()))).toBe('{"id":1,"params":{"name":"t","arguments":{"n":1.0}}}')
  })

  test('readClientAnswer() gives nothing for an error', () => {
    expect(readClientAnswer(bytesOf('{"id":1,"error":{"code":-1,"message":"no"}}'))).toBeUndefined()
  })

  test('inputFailure() is a result that a model can read for tools, and an error for all else', () => {
    expect(JSON.parse(inputFailure('7', 'tools/call', { code: 'INPUT_IMPOSSIBLE', at: 'sampling' }))).toMatchObject({
      id: 7,
      result: { isError: true },
    })
    expect(JSON.parse(inputFailure('"7"', 'prompts/get', { code: 'TOO_MANY_ROUNDS' }))).toMatchObject({ id: '7', error: { code: -32603 } })
  })
})
