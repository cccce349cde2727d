import { describe, expect, test } from 'vitest'
import { failureResponse, jsonResponse, jsonStreamResponse, serverErrorResponse } from '../../../../../worker/mcp/response/responses.ts'
import { bytesOf } from '../../bridge/bytes.ts'

describe('failureResponse()', () => {
  test.each([
    ['SESSION_NOT_FOUND', 404],
    ['UNSUPPORTED_VERSION', 400],
    ['AGENT_LOST', 200],
  ] as const)('of %s is a JSON-RPC error with status %d, which no cache keeps', async (code, status) => {
    const response = failureResponse({ code }, '"x"')
    expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([
      status,
      'application/json',
      'no-store',
    ])
    expect(await response.json()).toMatchObject({ jsonrpc: '2.0', id: 'x', error: { data: { code } } })
  })

  test('says in whole seconds when to try again', () => {
    expect(failureResponse({ code: 'SHARE_BUSY', retryAfterMs: 1001 }).headers.get('retry-after')).toBe('2')
    expect(failureResponse({ code: 'SHARE_BUSY' }).headers.has('retry-after')).toBe(false)
  })

  test('has the challenge that a 401 must carry, and the headers it was given', () => {
    expect(failureResponse({ code: 'UNAUTHORIZED' }).headers.get('www-authenticate')).toBe('Bearer')
    const { headers } = failureResponse({ code: 'METHOD_NOT_ALLOWED' }, 'null', { allow: 'POST' })
    expect([headers.get('allow'), headers.has('www-authenticate')]).toEqual(['POST', false])
  })
})

test.each([
  [-32601, 404],
  [-32020, 400],
  [-32021, 400],
  [-32022, 400],
  [-32602, 200],
  ['-32601', 200],
])("serverErrorResponse() of a server's error %j has status %d", async (code, status) => {
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code, message: 'm' } })
  const response = serverErrorResponse(bytesOf(text))
  expect([response.status, await response.text()]).toEqual([status, text])
})

test('jsonResponse() is never kept by a cache unless its headers say so', () => {
  expect(jsonResponse('{}').headers.get('cache-control')).toBe('no-store')
  expect(jsonStreamResponse(new Response('{}').body ?? expect.unreachable()).headers.get('cache-control')).toBe('no-store, no-transform')
  expect(jsonResponse('{}', { 'cache-control': 'max-age=1' }).headers.get('cache-control')).toBe('max-age=1')
})
