import { expect, test } from 'vitest'
import { OwnerApi } from '../../../../agent/owner/api-client.ts'
import { problem, TestApi } from './test-api.ts'

async function failure(api: OwnerApi, path = 'shares'): Promise<unknown> {
  return await api.request('GET', path).then(
    () => 'no failure',
    ({ exit, code, message }: { readonly exit: number; readonly code: string; readonly message: string }) => ({ exit, code, message }),
  )
}

test('OwnerApi sends the owner token, and gives the object that the relay answers', async () => {
  await using relay = await TestApi.start({ 'POST shares': { status: 201, body: { share: 'x' } }, 'DELETE shares/x': { status: 204 } })
  const api = new OwnerApi({ relay: relay.origin, token: 'secret' }, 'prog')
  expect(await api.request('POST', 'shares', { name: 'docs' })).toEqual({ share: 'x' })
  expect(await api.request('DELETE', 'shares/x')).toEqual({})
  expect(relay.asked).toEqual([
    { call: 'POST shares', authorization: 'Bearer secret', body: '{"name":"docs"}' },
    { call: 'DELETE shares/x', authorization: 'Bearer secret', body: '' },
  ])
})

test.each([
  ['OWNER_KEY_NEEDED', 401, 3, /^It went wrong\. http:\S+ does not take this one: .* prog login http:\S+$/],
  ['INSUFFICIENT_PERMISSIONS', 403, 3, /^It went wrong\. Do this\.$/],
  ['SHARE_NOT_FOUND', 404, 7, /^It went wrong\. Do this\.$/],
  ['RELAY_UNCLAIMED', 503, 8, /Claim it: prog login http/],
  ['SHARE_EXPIRED', 410, 8, /prog share extend/],
  ['TOKEN_LIMIT_REACHED', 409, 8, /Do this\.$/],
  ['LANES_UNREACHED', 503, 9, /Do this\.$/],
])('OwnerApi makes of %s one line and an exit code of its own', async (code, status, exit, message) => {
  await using relay = await TestApi.start({ 'GET shares': problem(status, code) })
  const api = new OwnerApi({ relay: relay.origin, token: 'secret' }, 'prog')
  expect(await failure(api)).toEqual({ exit, code, message: expect.stringMatching(message) as string })
})

test('OwnerApi prints nothing of a problem that a terminal would obey', async () => {
  await using relay = await TestApi.start({ 'GET shares': problem(400, 'BODY_INVALID', 'a\u001b[2J', 'b\nc') })
  expect(await failure(new OwnerApi({ relay: relay.origin }, 'prog'))).toMatchObject({ message: 'a\\u{1b}[2J b\\u{a}c' })
})

test.each([
  ['a page', { status: 404, body: '<html>', headers: { 'content-type': 'text/html' } }, /answers 404 \(text\/html\)/],
  ['JSON of another kind', { status: 500, body: { error: 'x' } }, /answers 500/],
  ['a list', { body: '[]' }, /answers 200/],
  ['another place', { status: 302, body: {}, headers: { location: 'http://127.0.0.1:9/api/shares' } }, /answers 302/],
])('OwnerApi takes %s for no relay, and follows it nowhere', async (_, reply, message) => {
  await using relay = await TestApi.start({ 'GET shares': reply })
  const api = new OwnerApi({ relay: relay.origin, token: 'secret' }, 'prog')
  expect(await failure(api)).toEqual({ exit: 4, code: 'NO_RELAY', message: expect.stringMatching(message) as string })
  expect(relay.asked).toHaveLength(1)
})

test('OwnerApi says of a relay that is not there why, and what to do', async () => {
  const api = new OwnerApi({ relay: 'http://127.0.0.1:9', token: 'secret' }, 'prog')
  expect(await failure(api)).toEqual({
    exit: 4,
    code: 'RELAY_UNREACHABLE',
    message: expect.stringMatching(/could not be reached: (ECONNREFUSED|bad port)\. Compare the address/) as string,
  })
})
