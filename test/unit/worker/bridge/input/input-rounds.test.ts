import { expect, test } from 'vitest'
import { readCapabilities } from '../../../../../worker/bridge/capabilities.ts'
import {
  inputFailure,
  lackingFor,
  MAX_INPUT_ROUNDS,
  readClientAnswer,
  readInputRound,
  retryRequest,
  serverRequest,
} from '../../../../../worker/bridge/input/input-rounds.ts'
import { MAX_PARSED_VALUES } from '../../../../../worker/limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf, textOf } from '../bytes.ts'

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
  verifies('lifecycle.version.respected')
  const [form] = roundOf(answer(`{"f":${FORM}}`)).wanted
  expect(form && serverRequest(form, '1', 'e', '2025-06-18')).not.toContain('mode')
})

test('lackingFor() tells what the client has not declared', () => {
  verifies('lifecycle.capabilities.server-asks')
  const round = roundOf(answer(`{"f":${FORM},"u":${URL_ASK},"g":${FORM},"s":{"method":"sampling/createMessage","params":{"messages":[]}}}`))
  expect(lackingFor(round, readCapabilities({ elicitation: {} }))).toEqual(['elicitation.url', 'sampling'])
  expect(lackingFor(round, readCapabilities({ elicitation: { form: {}, url: {} }, sampling: {} }))).toEqual([])
})

test('readInputRound() takes null for absent', () => {
  verifies('promise.1.nulls-absent')
  const round = roundOf(answer('{"r":{"method":"roots/list","params":null}}', ',"requestState":null'))
  expect(round.requestState).toBeUndefined()
  const [roots] = round.wanted
  expect(roots === undefined ? '' : serverRequest(roots, '1', 'e', '2025-11-25')).toBe('{"jsonrpc":"2.0","id":1,"method":"roots/list"}')
  expect(readInputRound(answer('null', ',"requestState":null'), 1)).toMatchObject({ ok: false, error: { code: 'RESULT_UNMAPPABLE' } })
})

test.each(['{"x":{"method":"tools/call"}}', '{"x":7}', '{"x":{"method":"elicitation/create","params":[]}}'])(
  'readInputRound() refuses %s',
  (requests) => {
    expect(readInputRound(answer(requests), 1)).toMatchObject({ ok: false, error: { code: 'RESULT_UNMAPPABLE' } })
  },
)

test('readInputRound() refuses requests of more values than can be made of them', () => {
  verifies('promise.10.small-heap', 'promise.10.named')
  const many = `{"f":{"method":"elicitation/create","params":{"a":[${'{},'.repeat(MAX_PARSED_VALUES)}1]}}}`
  expect(readInputRound(answer(many), 1)).toMatchObject({ ok: false, error: { code: 'ANSWER_TOO_LARGE', at: 'inputRequests' } })
})

test('readInputRound() takes state alone, and refuses a round without anything', () => {
  verifies('modern.input.one-at-least')
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
  verifies('modern.input.exact-state')
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
