import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withoutNulls } from '../../../../../worker/bridge/json/absent-members.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf, textOf } from '../bytes.ts'

const cleaned = (text: string): string => textOf(withoutNulls(bytesOf(text), JSON.parse(text)))

describe('withoutNulls()', () => {
  test.each([
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":null,"result":null,"error":null}', '{"jsonrpc":"2.0","id":1,"method":"ping"}'],
    ['{ "id":null, "method":"notifications/initialized" , "params":null}', '{ "method":"notifications/initialized"}'],
    ['{"id":7,"method":null,"params":null,"result":{"a":null},"error":null}', '{"id":7,"result":{"a":null}}'],
    ['{"result":null,"id":7,"error":{"code":1,"message":"m","data":null}}', '{"id":7,"error":{"code":1,"message":"m","data":null}}'],
    ['{"id":1,"method":"m","params":{"a":1.0,"_meta":null}}', '{"id":1,"method":"m","params":{"a":1.0}}'],
    [
      '{"error":null,"id":1,"method":"m","params":{"_meta":{"progressToken":null,"b":1e2}}}',
      '{"id":1,"method":"m","params":{"_meta":{"b":1e2}}}',
    ],
  ])('makes of %s what it means', (text, expected) => {
    verifies('promise.1.nulls-absent')
    expect(cleaned(text)).toBe(expected)
  })

  test.each([
    // No notification, and no valid request either.
    '{"id":null,"method":"ping"}',
    '{"id":null,"error":{"code":-32600,"message":"m"}}',
    '{"id":1,"result":null}',
    '{"id":1,"method":null,"result":null,"error":null}',
    '{"id":1,"method":"m","params":{"arguments":null,"cursor":null,"_meta":{"a":null}}}',
  ])('leaves %s as it is', (text) => {
    expect(cleaned(text)).toBe(text)
  })

  test('changes no byte of a message without nulls', () => {
    const members = fc.record(
      { id: fc.oneof(fc.integer(), fc.string()), method: fc.string(), params: fc.dictionary(fc.string(), fc.jsonValue()) },
      { requiredKeys: ['method'] },
    )
    fc.assert(
      fc.property(members, (message) => {
        const { _meta, ...params } = message.params ?? {}
        const text = JSON.stringify({ ...message, params })
        expect(cleaned(text)).toBe(text)
      }),
    )
  })
})
