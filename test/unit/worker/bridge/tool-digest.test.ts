import { expect, test } from 'vitest'
import { toolDigest } from '../../../../worker/bridge/tool-digest.ts'

function digestOf(json: string): Promise<string | undefined> {
  const bytes = new TextEncoder().encode(json)
  return toolDigest(bytes, [0, bytes.length])
}

const TOOL = '{"name":"t","description":"d","inputSchema":{"type":"object","properties":{"n":{"default":1.0}}}}'

test('toolDigest() is one for an entry, however its members are put', async () => {
  expect(await digestOf(TOOL)).toMatch(/^[\w-]{43}$/)
  const other = '{ "inputSchema": {"properties":{"n":{"default":1.0}},"type":"object"}, "description":"\\u0064", "name":"t"}'
  expect(await digestOf(other)).toBe(await digestOf(TOOL))
})

test.each([
  ['a word', TOOL.replace('"d"', '"D"')],
  ['a number in another spelling', TOOL.replace('1.0', '1')],
  ['one member more', TOOL.replace('{', '{"title":"T",')],
])('toolDigest() differs by %s', async (_, other) => {
  expect(await digestOf(other)).not.toBe(await digestOf(TOOL))
})

test('toolDigest() has none for what can be read in two ways', async () => {
  expect(await digestOf('{"name":"t","name":"u"}')).toBeUndefined()
})
