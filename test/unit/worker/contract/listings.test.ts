import { expect, test } from 'vitest'
import { canStandBy, LISTING_ID, listingFrom, listingOf, nextPage } from '../../../../worker/contract/listings.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

test('listingFrom() keeps the result as the server wrote it, under the id 0', () => {
  const kept = listingFrom(encoder.encode('{"id": "x", "result": { "tools" :[ ] }, "jsonrpc":"2.0"}')) ?? new Uint8Array(0)
  expect(decoder.decode(kept)).toBe('{"jsonrpc":"2.0","id":0,"result":{ "tools" :[ ] }}')
  expect(decoder.decode(kept.subarray(...LISTING_ID))).toBe('0')
})

test.each(['{"id":1,"error":{"code":-1,"message":""}}', '{"id":1,"result":[]}'])('listingFrom() keeps nothing of %s', (answer) => {
  expect(listingFrom(encoder.encode(answer))).toBeUndefined()
})

test('listingOf() and nextPage() name pages by their cursor', () => {
  expect(listingOf({ method: 'initialize' })).toBe('server')
  expect(listingOf({ method: 'tools/list' })).toBe('tools/list')
  expect(listingOf({ method: 'tools/list', cursor: '2' })).toBe('tools/list 2')
  expect(listingOf({ method: 'tools/list', cursor: '' })).not.toBe('tools/list')
  expect(listingOf({ method: 'tools/call' })).toBeUndefined()
  const page = encoder.encode('{"jsonrpc":"2.0","id":0,"result":{"tools":[],"nextCursor":"3"}}')
  expect(nextPage({ name: 'tools/list 2', answer: page })).toBe('tools/list 3')
  const empty = nextPage({ name: 'tools/list', answer: encoder.encode('{"jsonrpc":"2.0","id":0,"result":{"nextCursor":""}}') })
  expect(empty).toBe(listingOf({ method: 'tools/list', cursor: '' }))
  const last = encoder.encode('{"jsonrpc":"2.0","id":0,"result":{"nextCursor":null}}')
  expect(nextPage({ name: 'tools/list ', answer: last })).toBeUndefined()
  expect(nextPage({ name: 'server', answer: page })).toBeUndefined()
  expect(nextPage({ name: 'tools/list', answer: encoder.encode('{"jsonrpc":"2.0","id":0,"result":{}}') })).toBeUndefined()
})

test.each([
  ['ping', {}, true],
  ['server/discover', {}, true],
  ['prompts/list', { cursor: 'x'.repeat(512) }, true],
  ['prompts/list', { cursor: 'x'.repeat(513) }, false],
  ['prompts/list', { cursor: 1 }, false],
  ['prompts/list', { cursor: null }, true],
  ['prompts/list', { cursor: '' }, true],
  ['prompts/get', {}, false],
])('canStandBy(%s) looks at the method and at the cursor', (method, params, expected) => {
  expect(canStandBy(method, params, 'server/discover')).toBe(expected)
})

test('canStandBy() tells a client of its server by the method of its own era alone', () => {
  expect(canStandBy('initialize', {}, 'initialize')).toBe(true)
  expect(canStandBy('server/discover', {}, 'initialize')).toBe(false)
  expect(canStandBy('initialize', {}, 'server/discover')).toBe(false)
})
