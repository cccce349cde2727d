import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splice } from '../../../../../protocol/splice.ts'
import { RESTARTED_KEY, restartedMark } from '../../../../../worker/mcp/response/restarted.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf } from './recorded-body.ts'

const decoder = new TextDecoder()

function mark(answer: string): string {
  const bytes = bytesOf(answer)
  return decoder.decode(splice(bytes, restartedMark(bytes)))
}

describe('restartedMark()', () => {
  test.each([
    ['{"id":1,"result":{}}', '{"id":1,"result":{"_meta":{"mcp-edge/restarted":true}}}'],
    ['{"id":1,"result":{ "a":1.0}}', '{"id":1,"result":{"_meta":{"mcp-edge/restarted":true}, "a":1.0}}'],
    ['{"id":1,"result":{"a":1,"_meta":{}}}', '{"id":1,"result":{"a":1,"_meta":{"mcp-edge/restarted":true}}}'],
    ['{"id":1,"result":{"_meta":{"b":2}}}', '{"id":1,"result":{"_meta":{"mcp-edge/restarted":true,"b":2}}}'],
    ['{"id":1,"result":{"_meta":null}}', '{"id":1,"result":{"_meta":{"mcp-edge/restarted":true}}}'],
    ['{"id":1,"result":{"a":1, "_meta" : null }}', '{"id":1,"result":{"a":1, "_meta" : {"mcp-edge/restarted":true} }}'],
    [' \t{"id":1,"result":{}}', ' \t{"id":1,"result":{"_meta":{"mcp-edge/restarted":true}}}'],
  ])('writes into %s', (answer, marked) => {
    expect(mark(answer)).toBe(marked)
  })

  test.each([
    '{"id":1,"error":{"code":1,"message":"_meta"}}',
    '{"id":1,"result":[]}',
    '{"id":1,"result":{"_meta":7}}',
    '{"id":1,"result":null}',
    '{"id":1,"result":',
  ])('leaves %s as it is', (answer) => {
    expect(mark(answer)).toBe(answer)
  })

  test('adds the mark to any result object and changes nothing else', () => {
    verifies('promise.4.restarted-mark')
    const result = fc.dictionary(fc.string(), fc.jsonValue()).map(({ _meta, ...others }) => others)
    fc.assert(
      fc.property(result, fc.option(fc.dictionary(fc.string(), fc.jsonValue())), (members, meta) => {
        const before = meta === null ? members : { ...members, _meta: meta }
        const answer = JSON.stringify({ jsonrpc: '2.0', id: 1, result: before })
        const after: unknown = JSON.parse(mark(answer))
        const expected: unknown = JSON.parse(answer)
        expect(after).toMatchObject({ result: { _meta: { [RESTARTED_KEY]: true } } })
        const { result: marked } = after as { result: { _meta: Record<string, unknown> } }
        Reflect.deleteProperty(marked._meta, RESTARTED_KEY)
        if (meta === null) Reflect.deleteProperty(marked, '_meta')
        expect(after).toEqual(expected)
      }),
    )
  })
})
