import fc from 'fast-check'
import { expect, test } from 'vitest'
import { askTag, readAskId, taggedAskId } from '../../../protocol/ask-ids.ts'
import { verifies } from '../../requirements/verifies.ts'

const rawId = fc.oneof(
  fc.string({ maxLength: 40, unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.integer().map(String),
  fc.constantFrom('0', '1.0', '9007199254740993'),
)

test('readAskId() finds in a tagged id whose it is, and the id as its server wrote it', () => {
  verifies('promise.serves.once')
  fc.assert(
    fc.property(rawId, (id) => {
      expect(readAskId(taggedAskId(askTag('~+1a2b'), id))).toEqual({ route: '~+1a2b', rawId: id })
    }),
  )
})

test.each(['0', '"0"', '"mcp-edge"', '"mcp-edge~+1a2b"', '"mcp-edge~', 'null'])('readAskId() leaves %s alone', (id) => {
  expect(readAskId(id)).toBeUndefined()
})
