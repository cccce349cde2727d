import { expect, test } from 'vitest'
import { MERGED_INSTRUCTIONS_CHARS } from '../../../../../agent/limits.ts'
import { mergedHello, readHello, type ServerHello } from '../../../../../agent/server/merged/merged-hello.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const hello = (more: Partial<ServerHello> = {}): ServerHello => ({
  protocolVersion: '2025-11-25',
  capabilities: {},
  instructions: undefined,
  serverInfo: { name: 'n' },
  ...more,
})

test('mergedHello() has the capabilities of all, and of each what it says more than others', () => {
  verifies('promise.merged.handshake')
  const one = hello({
    capabilities: { tasks: { list: {}, requests: { tools: { call: {} } } }, logging: false, extensions: { 'a/b': { v: 1 } } },
  })
  const two = hello({ capabilities: { tasks: { cancel: {} }, logging: {}, extensions: { 'a/b': { v: 2 }, 'c/d': {} }, __proto__: null } })
  expect(
    mergedHello(
      new Map([
        ['a', one],
        ['b', two],
      ]),
      ['a', 'b', 'c'],
      '1',
    ),
  ).toEqual({
    protocolVersion: '2025-11-25',
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true },
      logging: {},
      tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
      extensions: { 'a/b': { v: 1 }, 'c/d': {} },
    },
    serverInfo: { name: 'mcp-edge-agent', title: 'a, b, c', version: '1' },
    _meta: { 'mcp-edge/servers': { a: { name: 'n' }, b: { name: 'n' } } },
  })
})

test('mergedHello() cuts instructions that no model would read', () => {
  const long = mergedHello(new Map([['a', hello({ instructions: 'x'.repeat(MERGED_INSTRUCTIONS_CHARS + 1) })]]), ['a'], '1')
  expect(String(long['instructions'])).toHaveLength(MERGED_INSTRUCTIONS_CHARS + '## a\n\n'.length)
})

test.each([
  ['{"result":{"protocolVersion":"v"}}', { capabilities: {}, instructions: undefined, serverInfo: {} }],
  [
    '{"result":{"protocolVersion":"v","capabilities":[],"instructions":" ","serverInfo":1},"error":null,"id":1}',
    { capabilities: {}, instructions: undefined },
  ],
])('readHello(%s) takes what is missing for nothing', (text, expected) => {
  expect(readHello(Buffer.from(text))).toMatchObject({ protocolVersion: 'v', ...expected })
})

test.each(['{"result":{}}', '{"result":[]}', '{"error":{}}', 'x', '{"result":{"protocolVersion":1}}'])(
  'readHello(%s) is no hello',
  (text) => {
    expect(readHello(Buffer.from(text))).toBeUndefined()
  },
)
