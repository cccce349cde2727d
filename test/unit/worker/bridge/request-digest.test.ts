import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../../worker/access/secrets/secret.ts'
import { requestDigest } from '../../../../worker/bridge/request-digest.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { bytesOf } from './bytes.ts'

describe('requestDigest()', () => {
  const digestOf = async (params: string, method = 'tools/call'): Promise<string> =>
    toHex(await requestDigest(bytesOf(`{"id":1,"method":"x","params":${params}}`), method))

  test.each([
    ['{"name":"a","arguments":{"x":1,"y":[2]}}', '{ "arguments" : {"y":[2] , "x":1.0}, "name":"\\u0061" }'],
    ['{"name":"a"}', '{"name":"a","_meta":{"progressToken":1},"inputResponses":{},"requestState":"s"}'],
    ['{"n":1e2}', '{"n":100}'],
    ['{}', '{"_meta":{}}'],
  ])('is the same for %s and %s', async (one, other) => {
    expect(await digestOf(one)).toBe(await digestOf(other))
  })

  test.each([
    ['{"n":9007199254740993}', '{"n":9007199254740992}'],
    ['{"n":1}', '{"n":"1"}'],
    ['{"a":{"requestState":1}}', '{"a":{"requestState":2}}'],
    ['{"a":[1,2]}', '{"a":[2,1]}'],
    ['{"a":null}', '{}'],
    [`{"${'k'.repeat(300)}1":1,"b":2}`, `{"${'k'.repeat(300)}2":1,"b":2}`],
    ['{"a":"b\\",\\"c"}', '{"a":"b","c":""}'],
  ])('differs for %s and %s', async (one, other) => {
    expect(await digestOf(one)).not.toBe(await digestOf(other))
  })

  test('differs between methods', async () => {
    expect(await digestOf('{"name":"a"}', 'tools/call')).not.toBe(await digestOf('{"name":"a"}', 'prompts/get'))
  })

  test('of any JSON is that of its value written anew, in another order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (params) => {
        const reversed = Object.fromEntries(Object.entries(params).toReversed())
        expect(await digestOf(JSON.stringify(params))).toBe(await digestOf(JSON.stringify(reversed, undefined, 1)))
      }),
    )
  })

  test('tells apart long values byte by byte', async () => {
    verifies('promise.10.small-heap')
    const list = (last: string): string => `{"a":[${'{},'.repeat(30_000)}${last}]}`
    expect(await digestOf(list('1'))).toBe(await digestOf(list('1').replace('{"a"', '{ "\\u0061"')))
    expect(await digestOf(list('1'))).not.toBe(await digestOf(list('2')))
    expect(await digestOf(list('1'))).not.toBe(await digestOf(list('1.0')))
  })

  test('takes params nested 100,000 deep', async () => {
    expect(await digestOf(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toHaveLength(64)
  })
})
