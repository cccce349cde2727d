import { describe, expect, test } from 'vitest'
import { digestedEntries, digestsAt, toolDigest } from '../../../../worker/bridge/tool-digest.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { bytesOf } from './bytes.ts'

function digestOf(text: string): Promise<string | undefined> {
  const bytes = bytesOf(text)
  return toolDigest(bytes, [0, bytes.length])
}

describe('toolDigest()', () => {
  test('is the same for the same entry, however it is written, and differs with any member of it', async () => {
    verifies('promise.11.pinned')
    const digest = await digestOf('{"name":"look","description":"Looks.","annotations":{"readOnlyHint":true}}')
    expect(digest).toMatch(/^[\w-]{43}$/)
    expect(await digestOf('{ "annotations": {"readOnlyHint":true}, "description":"L\\u006foks.", "name":"look" }')).toBe(digest)
    for (const other of [
      '{"name":"look","description":"Looks. ","annotations":{"readOnlyHint":true}}',
      '{"name":"look","description":"Looks.","annotations":{"readOnlyHint":false}}',
      '{"name":"look","description":"Looks.","annotations":{"readOnlyHint":true},"inputSchema":{}}',
      '{"name":"look","description":"Looks.","annotations":{"readOnlyHint":1}}',
    ])
      expect(await digestOf(other)).not.toBe(digest)
  })

  test.each(['{"name":"a","name":"b"}', '{"name":"\\ud800"}'])('is none of %s, which could be read in two ways', async (text) => {
    verifies('promise.11.accepted')
    expect(await digestOf(text)).toBeUndefined()
  })
})

describe('digestedEntries()', () => {
  test('are all entries of an answer, with where each begins', async () => {
    const text = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{"name":"b","x":"\\udc00"}]}}'
    const entries = (await digestedEntries(bytesOf(text))) ?? []
    expect(entries.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['tools a', 'tools b'])
    expect(digestsAt(entries)).toEqual(new Map([[text.indexOf('{"name":"a"}'), await digestOf('{"name":"a"}')]]))
  })

  test.each([
    ['{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"a"}]}}', undefined],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}', []],
    ['{"jsonrpc":"2.0","id":1,"result":7}', []],
  ])('of %s are %j', async (text, entries) => {
    expect(await digestedEntries(bytesOf(text))).toEqual(entries)
  })
})
