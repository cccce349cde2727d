import { expect, test } from 'vitest'
import { claimedRevision, metaIn, modernHeaders, nameIn } from '../../../../../agent/server/http/modern-headers.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const META = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, progressToken: 1 }
const bytes = (params: unknown): Uint8Array => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'm', params }))

test('claimedRevision() is what the envelope says, and nothing of a message without one', () => {
  expect(claimedRevision(bytes({ _meta: META }))).toBe('2026-07-28')
  expect(claimedRevision(bytes({ _meta: { progressToken: 1 } }))).toBeUndefined()
  expect(claimedRevision(bytes({}))).toBeUndefined()
  expect(claimedRevision(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}'))).toBeUndefined()
})

test('metaIn() is the _meta of a request, and undefined where there is none', () => {
  expect(metaIn(bytes({ _meta: META }))).toEqual(META)
  expect(metaIn(bytes({}))).toBeUndefined()
  expect(metaIn(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}'))).toBeUndefined()
})

test.each([
  ['tools/call', { name: 'a' }, 'a'],
  ['prompts/get', { name: 'a' }, 'a'],
  ['resources/read', { uri: 'u' }, 'u'],
  ['tasks/get', { taskId: 't' }, 't'],
  ['tools/list', { name: 'a' }, undefined],
  ['tools/call', { name: 7 }, undefined],
  ['toString', { name: 'a' }, undefined],
])('nameIn() of %s with %j is %s', (method, params, name) => {
  expect(nameIn(method, bytes(params))).toBe(name)
})

test('modernHeaders() mirrors scalars alone, by their path, in words that a header can carry', () => {
  verifies('promise.http.modern-headers')
  const request = bytes({ name: 'x', arguments: { s: ' grüße', deep: { n: 42.0, b: false }, gone: null, list: [1] } })
  const mirrored = [
    { name: 'Text', path: ['s'] },
    { name: 'Num', path: ['deep', 'n'] },
    { name: 'Bool', path: ['deep', 'b'] },
    { name: 'Gone', path: ['gone'] },
    { name: 'List', path: ['list'] },
    { name: 'Not', path: ['deep', 'missing', 'more'] },
  ]
  expect(modernHeaders({ method: 'tools/call', revision: '2026-07-28', request }, mirrored)).toEqual({
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'x',
    'mcp-param-text': `=?base64?${Buffer.from(' grüße').toString('base64')}?=`,
    'mcp-param-num': '42',
    'mcp-param-bool': 'false',
  })
})
