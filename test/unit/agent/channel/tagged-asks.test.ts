import { expect, test } from 'vitest'
import { scanMessage } from '../../../../protocol/json/json-scan.ts'
import { withOwnId, withTaggedId } from '../../../../agent/channel/tagged-asks.ts'
import { verifies } from '../../../requirements/verifies.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

test('withTaggedId() puts the tag before an id and says where that stands, and withOwnId() takes it out of the answer', () => {
  verifies('promise.serves.once')
  const body = encoder.encode('{"jsonrpc":"2.0","id": "ä\\"","method":"roots/list"}')
  const scanned = scanMessage(body)
  const id = scanned.ok ? scanned.value.id : undefined
  if (id === undefined) throw new Error('no id was found')
  const tagged = withTaggedId('mcp-edge~+a', id, body)
  expect(JSON.parse(decoder.decode(tagged.body))).toEqual({ jsonrpc: '2.0', id: 'mcp-edge~+a "ä\\""', method: 'roots/list' })
  expect(decoder.decode(tagged.body.subarray(...tagged.span))).toBe(tagged.raw)
  const answer = encoder.encode(`{"jsonrpc":"2.0","result":{},"id":${tagged.raw}}`)
  expect(decoder.decode(withOwnId(tagged.raw, answer))).toBe('{"jsonrpc":"2.0","result":{},"id":"ä\\""}')
})

test('withTaggedId() changes nothing where there is no tag', () => {
  const body = encoder.encode('{"jsonrpc":"2.0","id":0,"method":"ping"}')
  expect(withTaggedId(undefined, { raw: '0', span: [22, 23] }, body)).toEqual({ raw: '0', span: [22, 23], body })
})
