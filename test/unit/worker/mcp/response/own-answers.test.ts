import { expect, test } from 'vitest'
import { initializeResponse, resultResponse } from '../../../../../worker/mcp/response/own-answers.ts'
import { bytesOf } from './recorded-body.ts'

test.each([
  ['2024-11-05', '2024-11-05'],
  ['2099-01-01', '2025-11-25'],
  ['2026-07-28', '2025-11-25'],
  [undefined, '2025-11-25'],
])('initializeResponse() agrees with a client of revision %s on %s, and changes nothing else', (revision, expected) => {
  const answer = bytesOf('{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}}}}')
  expect(JSON.parse(initializeResponse(answer, '"a"', revision))).toEqual({
    jsonrpc: '2.0',
    id: 'a',
    result: { protocolVersion: expected, capabilities: { tools: {} } },
  })
})

test('resultResponse() writes id and result as they are', () => {
  expect(resultResponse('1.0', '{"a":1.0}')).toBe('{"jsonrpc":"2.0","id":1.0,"result":{"a":1.0}}')
})
