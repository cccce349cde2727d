import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scanMessage } from '../../../../protocol/json/json-scan.ts'
import { scanWithoutNulls } from '../../../../protocol/members/null-members.ts'
import { verifies } from '../../../requirements/verifies.ts'

function scan(text: string): { readonly kind: string; readonly text: string } {
  const { bytes, scanned } = scanWithoutNulls(Buffer.from(text))
  return { kind: scanned.ok ? scanned.value.kind : scanned.error, text: Buffer.from(bytes).toString() }
}

test.each([
  [
    '{"jsonrpc":"2.0","id":1,"method":null,"params":null,"result":{"a":null},"error":null}',
    'result',
    '{"jsonrpc":"2.0","id":1,"result":{"a":null}}',
  ],
  ['{"id":1,"result":null,"error":{"code":1,"message":""}}', 'error', '{"id":1,"error":{"code":1,"message":""}}'],
  ['{"id":null,"method":"notifications/x","params":{"b":1}}', 'notification', '{"method":"notifications/x","params":{"b":1}}'],
  ['{"id":1,"method":"ping","params":null,"result":null,"error":null}', 'request', '{"id":1,"method":"ping"}'],
  [' { "id" : 1 , "method" : null , "result" : 1.0 } ', 'result', '{"id" : 1,"result" : 1.0}'],
  ['{"id":1,"result":null,"error":null}', 'result', '{"id":1,"result":null}'],
  ['{"id":null,"result":null,"error":null,"method":null}', 'not_a_message', '{"result":null}'],
])('scanWithoutNulls() reads %s as %s', (line, kind, text) => {
  verifies('promise.1.odd-servers')
  expect(scan(line)).toEqual({ kind, text })
})

test.each([
  '{"id":1,"result":null}',
  '{"id":null,"error":{"code":-32700,"message":""}}',
  '{"id":1,"result":{},"error":{}}',
  '{"method":"m","id":null,"id":2}',
  '{"id":1,"method":"m","result":2}',
  '{"id":1,"method":null',
])('scanWithoutNulls() leaves %s as it is', (line) => {
  const { bytes, scanned } = scanWithoutNulls(Buffer.from(line))
  expect(Buffer.from(bytes).toString()).toBe(line)
  expect(scanned).toEqual(scanMessage(Buffer.from(line)))
})

test('scanWithoutNulls() never throws, whatever the bytes are', () => {
  const bytes = fc.oneof(
    fc.uint8Array(),
    fc.stringMatching(/^[[\]{}:,"nulmethodi1 ]*$/).map((text) => Buffer.from(`{${text}`)),
  )
  fc.assert(
    fc.property(bytes, (line) => {
      expect(() => scanWithoutNulls(line)).not.toThrow()
    }),
  )
})
