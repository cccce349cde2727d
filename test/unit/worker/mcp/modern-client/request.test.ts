import { describe, expect, test } from 'vitest'
import type { GroupCallRequest } from '../../../../../worker/contract/share-rpc.ts'
import { toLegacyRequest } from '../../../../../worker/bridge/modern-to-legacy.ts'
import { translatedRequest } from '../../../../../worker/mcp/modern-client/request.ts'
import { textOf } from '../../bridge/bytes.ts'
import { type Asked, modernCall } from './modern-request.ts'
import { ScriptedShare } from '../../scripted-share.ts'

function translated(asked: Asked, call = modernCall(new ScriptedShare(), asked)): GroupCallRequest {
  const request = translatedRequest(call, toLegacyRequest(call.message.bytes, call.message.facts.method), 'v1')
  if (request === undefined) throw new Error('not translated')
  return request
}

describe('translatedRequest()', () => {
  test('is the same call of the same group, translated by the version that it names', () => {
    const call = modernCall(new ScriptedShare(), { capabilities: { roots: {} } })
    expect(translated({}, call)).toMatchObject({ key: call.request.key, group: 'g', capabilities: ['roots'], bridge: 'v1' })
  })

  test('has the body without its envelope, and id and token where they stand in it now', () => {
    const request = translated({ params: { name: 'a', arguments: { n: 1 } }, token: 't' })
    const { body } = request
    expect(textOf(body)).toBe(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":1},"_meta":{"progressToken":"t"}}}',
    )
    expect([request.size, textOf(body.subarray(...request.id)), textOf(body.subarray(...(request.token ?? [0, 0])))]).toEqual([
      body.length,
      '1',
      '"t"',
    ])
  })

  test.each([
    ['tools/call', { name: 'a' }, 'tools/call a'],
    ['resources/read', { uri: 'a:1' }, 'resources/read a:1'],
    ['prompts/get', {}, 'prompts/get '],
    ['tools/call', { name: 'n'.repeat(256) }, `tools/call ${'n'.repeat(245)}`],
    ['tools/list', { name: 'a' }, undefined],
  ])('of %s with %j names %j as what may ask', (method, params, asker) => {
    expect(translated({ method, params }).asker).toBe(asker)
  })

  test('names the log level that is asked for, if any', () => {
    expect(translated({ logLevel: 'info' }).logLevel).toBe('info')
    expect(translated({})).not.toHaveProperty('logLevel')
  })
})
