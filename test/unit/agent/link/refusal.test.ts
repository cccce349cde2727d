import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { finalRefusal, readRefusal, type Refusal } from '../../../../agent/link/refusal.ts'
import { REFUSAL_BYTES } from '../../../../agent/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

/** What is read of the response that `answer` writes. */
async function refusalOf(answer: (response: ServerResponse) => void): Promise<Refusal> {
  const server = createServer((_, response) => answer(response))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  try {
    const response = await new Promise<IncomingMessage>((done) => get({ port, host: '127.0.0.1' }, done))
    const refusal = await readRefusal(response)
    response.destroy()
    return refusal
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const PROBLEM = { 'content-type': 'application/problem+json', server: 'edge' }

test('readRefusal() knows the relay by its problem document', async () => {
  const read = await refusalOf((response) => response.writeHead(404, PROBLEM).end('{"code":"SHARE_NOT_FOUND","detail":"the reason"}'))
  expect(read).toMatchObject({ status: 404, code: 'SHARE_NOT_FOUND', detail: 'the reason', server: 'edge' })
})

test.each([
  ['HTML', { 'content-type': 'text/html' }, '<html>Just a moment</html>'],
  ['other JSON', { 'content-type': 'application/json' }, '{"code":"SHARE_NOT_FOUND"}'],
  ["another one's problem", PROBLEM, '{"code":"teapot","detail":"short and stout"}'],
  ['a problem without a code', PROBLEM, '{"title":"Not found"}'],
  ['a broken document', PROBLEM, '{"code":'],
  ['nothing', {}, ''],
])('readRefusal() takes %s for no word of the relay', async (_, headers, body) => {
  verifies('promise.4.foreign-refusals')
  const read = await refusalOf((response) => response.writeHead(403, headers).end(body))
  expect(read).toMatchObject({ status: 403, code: undefined, detail: '' })
  expect(finalRefusal(read)).toBeUndefined()
})

test('readRefusal() reads no more than REFUSAL_BYTES of a body that never ends', async () => {
  const read = await refusalOf((response) => void response.writeHead(403, PROBLEM).write('x'.repeat(REFUSAL_BYTES)))
  expect(read).toMatchObject({ status: 403, code: undefined })
})

test('finalRefusal() takes a relay that does not know the address for an older one, and the share for no less there', () => {
  expect(finalRefusal({ status: 404, code: 'ROUTE_NOT_FOUND', detail: '' })).toMatchObject({ code: 'VERSION_MISMATCH' })
  expect(finalRefusal({ status: 404, code: 'SHARE_NOT_FOUND', detail: '' })).toMatchObject({ code: 'SHARE_GONE' })
})

test('finalRefusal() does not end for a proxy that takes the upgrade away', () => {
  expect(finalRefusal({ status: 426, code: 'UPGRADE_NEEDED', detail: '' })).toBeUndefined()
  expect(finalRefusal({ status: 503, code: 'RELAY_UNCLAIMED', detail: '' })).toBeUndefined()
})
