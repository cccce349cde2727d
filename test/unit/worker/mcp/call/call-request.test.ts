import { describe, expect, test } from 'vitest'
import { INLINE_REQUEST_BYTES } from '../../../../../protocol/limits.ts'
import { callRequest, groupCallRequest } from '../../../../../worker/mcp/call/call-request.ts'
import { messageOf } from '../client-message.ts'

const CALLER = { principal: 'ann', session: 'sess' }

function requestOf(method: string, params: Record<string, unknown> = {}) {
  return callRequest(CALLER, messageOf({ id: 7, method, params }), 'stream')
}

describe('callRequest()', () => {
  test('names caller, id and progress token as the client wrote them, and where they stand', () => {
    const message = messageOf('{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p\\u0041"}}}')
    const request = callRequest(CALLER, message, 'single')
    const text = new TextDecoder().decode(message.bytes)
    expect(request).toMatchObject({ ...CALLER, method: 'tools/call', tool: 't', delivery: 'single', rawId: '1.0', rawToken: '"p\\u0041"' })
    expect(text.slice(...request.id)).toBe('1.0')
    expect(text.slice(...(request.token ?? [0, 0]))).toBe('"p\\u0041"')
    expect(request.key).toMatch(/^[0-9a-f]{32}$/)
    expect(callRequest(CALLER, message, 'single').key).not.toBe(request.key)
  })

  test('carries what one RPC can of the body, and how long it is', () => {
    const message = messageOf({ id: 7, method: 'm', params: { text: 'x'.repeat(INLINE_REQUEST_BYTES) } })
    const request = callRequest(CALLER, message, 'stream')
    expect(request.body.length).toBe(INLINE_REQUEST_BYTES)
    expect(request.size).toBe(message.bytes.length)
  })

  test.each([
    ['tools/call', { name: 'n'.repeat(257) }, 'tool'],
    ['prompts/get', { name: 'n' }, 'tool'],
    ['tools/call', { name: 1 }, 'tool'],
    ['tools/call', { protocolVersion: '2025-11-25' }, 'revision'],
    ['tools/call', { cursor: 'c' }, 'cursor'],
    ['tools/list', { cursor: 'c'.repeat(513) }, 'canStandBy'],
    ['server/discover', {}, 'canStandBy'],
    ['logging/setLevel', { level: 3 }, 'level'],
  ])('of %s with %j has no %s', (method, params, member) => {
    expect(requestOf(method, params)).not.toHaveProperty(member)
  })

  test.each([
    ['initialize', { protocolVersion: '2025-11-25' }, { revision: '2025-11-25', canStandBy: true }],
    ['tools/list', { cursor: 'c' }, { cursor: 'c', canStandBy: true }],
    ['tools/list', { cursor: '' }, { cursor: '', canStandBy: true }],
    ['ping', {}, { canStandBy: true }],
    ['logging/setLevel', { level: 'debug' }, { level: 'debug' }],
    ['resources/subscribe', { uri: 'file:///a' }, { uri: 'file:///a' }],
  ])('of %s with %j has %j', (method, params, members) => {
    expect(requestOf(method, params)).toMatchObject(members)
  })
})

test('groupCallRequest() of server/discover can stand by', () => {
  const client = { principal: 'ann', group: 'm-1', capabilities: [] }
  expect(groupCallRequest(client, messageOf({ id: 7, method: 'server/discover' }), 'stream')).toHaveProperty('canStandBy', true)
})

test('groupCallRequest() names the group and what its client declares, and no session', () => {
  const client = { principal: 'ann', group: 'm-1', capabilities: ['roots'] as const }
  const request = groupCallRequest(client, messageOf({ id: 7, method: 'tools/call', params: { name: 't' } }), 'stream')
  expect(request).toMatchObject({ ...client, method: 'tools/call', tool: 't', rawId: '7' })
  expect(request).not.toHaveProperty('session')
})
