import { describe, expect, test } from 'vitest'
import {
  askKey,
  capabilityFailure,
  inputRequiredResult,
  judgeAsk,
  readInputResponses,
  refusalText,
  resultIn,
  resultText,
  readRequestState,
} from '../../../../../worker/bridge/input/asks.ts'
import { type Capability, readCapabilities } from '../../../../../worker/bridge/capabilities.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf } from '../bytes.ts'

const ALL = readCapabilities({ elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: {} })
const NONE = readCapabilities({})

describe('judgeAsk()', () => {
  test('puts a form to the client as the child wrote it, without what only the legacy era has', () => {
    const ask =
      '{"jsonrpc":"2.0","id":"a1","method":"elicitation/create","params":{"elicitationId":"e","_meta":{"progressToken":1},"message":"\\u0436","requestedSchema":{"maximum":9007199254740993}}}'
    expect(judgeAsk(bytesOf(ask), '"a1"', 'elicitation/create', ALL)).toEqual({
      kind: 'ask',
      request: '{"method":"elicitation/create","params":{"message":"\\u0436","requestedSchema":{"maximum":9007199254740993}}}',
    })
  })

  test('gives roots/list empty params', () => {
    expect(judgeAsk(bytesOf('{"id":1,"method":"roots/list","params":{"_meta":{}}}'), '1', 'roots/list', ALL)).toEqual({
      kind: 'ask',
      request: '{"method":"roots/list","params":{}}',
    })
  })

  test('answers a ping', () => {
    expect(judgeAsk(bytesOf('{"id":3,"method":"ping"}'), '3', 'ping', NONE)).toEqual({
      kind: 'answer',
      response: '{"jsonrpc":"2.0","id":3,"result":{}}',
    })
  })

  test.each<[string, object, Capability[], object]>([
    ['elicitation/create', {}, ['elicitation'], { elicitation: {} }],
    ['elicitation/create', { mode: 'url' }, ['elicitation.url'], { elicitation: { url: {} } }],
    ['sampling/createMessage', {}, ['sampling'], { sampling: {} }],
    ['sampling/createMessage', { tools: [] }, ['sampling', 'sampling.tools'], { sampling: { tools: {} } }],
    ['roots/list', {}, ['roots'], { roots: {} }],
  ])('refuses %s with params %j to a client that declares nothing, naming %j', (method, params, lacking, requiredCapabilities) => {
    const verdict = judgeAsk(bytesOf(JSON.stringify({ id: 5, method, params })), '5', method, NONE)
    expect(verdict).toMatchObject({ kind: 'refuse', lacking })
    expect(verdict.kind === 'refuse' && JSON.parse(verdict.response)).toMatchObject({ id: 5, error: { code: -32601 } })
    expect(capabilityFailure(lacking)).toEqual({ code: 'CAPABILITY_REQUIRED', requiredCapabilities })
  })

  test.each([
    ['tasks/get', {}],
    ['sampling/createMessage', { task: {} }],
  ])('refuses %s with params %j to any client', (method, params) => {
    expect(judgeAsk(bytesOf(JSON.stringify({ id: 5, method, params })), '5', method, ALL)).toMatchObject({ kind: 'refuse', lacking: [] })
  })
})

test('refusalText() refuses whatever was asked, roots too: an empty list would be untrue', () => {
  for (const method of ['roots/list', 'elicitation/create'])
    expect(JSON.parse(refusalText('"x"', method))).toMatchObject({ id: 'x', error: { code: -32601 } })
})

test('resultIn() is the result of a response as it stands there, and undefined for an error', () => {
  expect(resultIn(resultText('"x"', '{"roots":[{"uri":"file:///a","n":1.0}]}'))).toBe('{"roots":[{"uri":"file:///a","n":1.0}]}')
  expect(resultIn(refusalText('1', 'roots/list'))).toBeUndefined()
})

test('inputRequiredResult() has requests, state and server, each when given', () => {
  verifies('modern.input.one-at-least')
  const requests = new Map([[askKey(1), '{"method":"roots/list"}']])
  expect(inputRequiredResult(requests, 'st', '{"name":"s"}')).toBe(
    '{"resultType":"input_required","inputRequests":{"ask-1":{"method":"roots/list"}},"requestState":"st","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}}',
  )
  expect(inputRequiredResult(new Map(), 'st')).toBe('{"resultType":"input_required","requestState":"st"}')
})

describe('readInputResponses()', () => {
  const asks = [
    { key: 'ask-1', rawId: '7', method: 'elicitation/create' },
    { key: 'ask-2', rawId: '"r"', method: 'roots/list' },
    { key: 'ask-3', rawId: '0', method: 'sampling/createMessage' },
  ]
  const retry = (responses: string): ReturnType<typeof readInputResponses> =>
    readInputResponses(bytesOf(`{"id":2,"params":{"inputResponses":${responses}}}`), asks)

  test('gives the child its answers, in its ids and as the client wrote them', () => {
    const given = retry(
      '{"ask-3":{"role":"assistant","content":{},"model":"m"},"other":1,"ask-1":{"action":"accept","content":{"n":9007199254740993},"resultType":"complete"},"ask-2":{"roots":[]}}',
    )
    expect(given.missing).toEqual([])
    expect([...given.responses.values()]).toEqual([
      '{"jsonrpc":"2.0","id":7,"result":{"action":"accept","content":{"n":9007199254740993}}}',
      '{"jsonrpc":"2.0","id":"r","result":{"roots":[]}}',
      '{"jsonrpc":"2.0","id":0,"result":{"role":"assistant","content":{},"model":"m"}}',
    ])
  })

  test.each([
    '{}',
    'null',
    '[]',
    '{"ask-1":{"method":"elicitation/create","result":{"action":"accept"}},"ask-2":{},"ask-3":7}',
    '{"ask-1":{"action":["accept"]},"ask-2":{"roots":null},"ask-3":{"role":{},"content":1}}',
    '{"ask-1":["action"],"ask-2":null,"ask-3":"role"}',
    '{"ask-1":{"action":"maybe"},"ask-2":{"roots":{}},"ask-3":{"role":"user"}}',
  ])('counts as missing what is no answer: %s', (responses) => {
    expect(retry(responses).missing).toEqual(['ask-1', 'ask-2', 'ask-3'])
  })
})

test('readRequestState() takes text only', () => {
  expect(readRequestState({ requestState: 's' })).toBe('s')
  expect(readRequestState({ requestState: 1 })).toBeUndefined()
  expect(readRequestState({})).toBeUndefined()
})
