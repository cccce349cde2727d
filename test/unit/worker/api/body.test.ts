import { expect, test } from 'vitest'
import { countMember, flagMember, policyMember, readMembers, textMember, wordMember } from '../../../../worker/api/body.ts'

const KNOWN = ['name', 'expires_in']
const request = (body: BodyInit | null, type = 'application/json'): Request =>
  new Request('https://relay.example/api/shares', { method: 'POST', body, headers: { 'content-type': type } })

test.each([
  ['no body', null, {}],
  ['an empty body', '', {}],
  ['an object', '{"name":"x"}', { name: 'x' }],
])('readMembers() takes %s', async (_what, body, value) => {
  expect(await readMembers(request(body), KNOWN)).toEqual({ ok: true, value })
})

test('readMembers() takes a media type with a parameter, in any case', async () => {
  expect(await readMembers(request('{}', 'Application/JSON; charset=utf-8'), KNOWN)).toEqual({ ok: true, value: {} })
})

test.each([
  ['a member it does not know', '{"nmae":"x"}', 'application/json', 'BODY_INVALID'],
  ['a list', '[]', 'application/json', 'BODY_INVALID'],
  ['null', 'null', 'application/json', 'BODY_INVALID'],
  ['half an object', '{"name":', 'application/json', 'BODY_INVALID'],
  ['bytes that are not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 'application/json', 'BODY_INVALID'],
  ['another media type', '{}', 'text/plain', 'UNSUPPORTED_MEDIA_TYPE'],
  ['more than 16 KiB', `{"name":"${'x'.repeat(16 * 1024)}"}`, 'application/json', 'REQUEST_TOO_LARGE'],
])('readMembers() refuses %s', async (_what, body, type, code) => {
  expect(await readMembers(request(body, type), KNOWN)).toMatchObject({ ok: false, error: { code } })
})

test.each([
  ['nmae', '"nmae"'],
  ['a\u0007"b', String.raw`"a\u0007\"b"`],
  ['é'.repeat(65), `"${'é'.repeat(64)}…"`],
])('readMembers() names the unknown member %j, and says which members there are', async (name, shown) => {
  const detail = `It has a member ${shown}, which this call does not know; the known ones are: name, expires_in.`
  expect(await readMembers(request(JSON.stringify({ name: 'x', [name]: 1 })), KNOWN)).toEqual({
    ok: false,
    error: { code: 'BODY_INVALID', detail },
  })
})

test.each(['x', 'ünï côde', 'x'.repeat(10), undefined])('textMember() takes %j', (name) => {
  expect(textMember({ name }, 'name', 10)).toEqual({ ok: true, value: name })
})

test.each(['', 'x'.repeat(11), 'a\nb', 'a\u0000', 1, null, {}])('textMember() refuses %j', (name) => {
  expect(textMember({ name }, 'name', 10).ok).toBe(false)
})

test.each([1, 10, undefined])('countMember() takes %j', (n) => {
  expect(countMember({ n }, 'n', 10)).toEqual({ ok: true, value: n })
})

test.each([0, 11, 1.5, -1, '1', null, Number.NaN, Infinity])('countMember() refuses %j', (n) => {
  expect(countMember({ n }, 'n', 10).ok).toBe(false)
})

test.each([undefined, 'owner', 1, ['client']])('wordMember() refuses %j', (kind) => {
  expect(wordMember({ kind }, 'kind', ['client', 'agent'])).toEqual({ ok: false, error: 'kind must be one of: client, agent.' })
})

test.each([true, false, undefined])('flagMember() takes %j', (paused) => {
  expect(flagMember({ paused }, 'paused')).toEqual({ ok: true, value: paused })
})

test.each([0, 1, 'true', '', null, {}])('flagMember() refuses %j', (paused) => {
  expect(flagMember({ paused }, 'paused')).toEqual({ ok: false, error: 'paused must be true or false.' })
})

test.each([
  [{}, undefined, '{}'],
  [{}, 'read', '{"access":"read"}'],
  [{ access: 'write', tools: { deny: ['x'] } }, 'read', '{"access":"write","tools":{"deny":["x"]}}'],
  [undefined, 'read', undefined],
] as const)('policyMember() takes %j, with %j where it does not say', (policy, access, value) => {
  expect(policyMember({ policy }, 'policy', access)).toEqual({ ok: true, value })
})

test.each([null, [], 'read', 1, { access: 'none' }, { tools: ['x'] }, { arguments: ['x'] }, { hold: ['x'] }])(
  'policyMember() refuses %j',
  (policy) => {
    expect(policyMember({ policy }, 'policy', 'read').ok).toBe(false)
  },
)
