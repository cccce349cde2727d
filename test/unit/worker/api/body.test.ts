import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { readBody } from '../../../../worker/api/body.ts'
import { bodyOf, choice, count, flag, limits, policy, text } from '../../../../worker/api/operations/members.ts'

const BODY = bodyOf({ name: v.exactOptional(text(10)), expires_in: v.optional(count(10), 7) })

function request(body: BodyInit | null, type = 'application/json'): Request {
  return new Request('https://relay.example/api/shares', { method: 'POST', body, headers: { 'content-type': type } })
}

/** What a schema makes of a member, or the sentence that its caller is told. */
async function read(schema: v.GenericSchema, member: unknown): Promise<unknown> {
  const body = await readBody(request(JSON.stringify({ member })), bodyOf({ member: v.exactOptional(schema) }))
  return body.ok ? body.value : faultOf(body.error)
}

async function faultOf(response: Response): Promise<string> {
  const { detail }: { detail: string } = await response.json()
  return detail.replace(' Send a JSON object with the documented members.', '')
}

test.each([
  ['no body', null, { expires_in: 7 }],
  ['an empty body', '', { expires_in: 7 }],
  ['an object', '{"name":"x"}', { name: 'x', expires_in: 7 }],
])('readBody() takes %s, with what holds where it does not say', async (_what, body, value) => {
  expect(await readBody(request(body), BODY)).toEqual({ ok: true, value })
})

test('readBody() takes a media type with a parameter, in any case', async () => {
  expect((await readBody(request('{}', 'Application/JSON; charset=utf-8'), BODY)).ok).toBe(true)
})

test.each([
  ['a list', '[]', 'application/json', 'BODY_INVALID', 400],
  ['null', 'null', 'application/json', 'BODY_INVALID', 400],
  ['half an object', '{"name":', 'application/json', 'BODY_INVALID', 400],
  ['bytes that are not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 'application/json', 'BODY_INVALID', 400],
  ['another media type', '{}', 'text/plain', 'UNSUPPORTED_MEDIA_TYPE', 415],
  ['more than 16 KiB', `{"name":"${'x'.repeat(16 * 1024)}"}`, 'application/json', 'REQUEST_TOO_LARGE', 413],
])('readBody() refuses %s', async (_what, body, type, code, status) => {
  const refused = await readBody(request(body, type), BODY)
  if (refused.ok) throw new Error('it was taken')
  expect(refused.error.status).toBe(status)
  const problem: { code: string; detail: string } = await refused.error.json()
  expect(problem.code).toBe(code)
  if (code === 'BODY_INVALID') expect(problem.detail).toMatch(/^It is not a JSON object\. /)
})

test.each([
  ['nmae', '"nmae"'],
  ['a\u0007"b', String.raw`"a\u0007\"b"`],
  ['é'.repeat(65), `"${'é'.repeat(64)}…"`],
])('readBody() names the unknown member %j before all other faults, and says which members there are', async (name, shown) => {
  const refused = await readBody(request(JSON.stringify({ name: 7, [name]: 1 })), BODY)
  expect(refused.ok ? '' : await faultOf(refused.error)).toBe(
    `It has a member ${shown}, which this call does not know; the known ones are: name, expires_in.`,
  )
})

test('readBody() names a member that is missing, and says what it must be', async () => {
  const refused = await readBody(request('{}'), bodyOf({ kind: choice(['client', 'agent']), name: text(10) }))
  expect(refused.ok ? '' : await faultOf(refused.error)).toBe('kind is missing: it must be one of: client, agent.')
})

test('readBody() says what is wrong with members that do not go together', async () => {
  const schema = v.pipe(
    BODY,
    v.check(({ name }) => name !== undefined, 'Say a name'),
  )
  const refused = await readBody(request('{}'), schema)
  expect(refused.ok ? '' : await faultOf(refused.error)).toBe('Say a name.')
})

describe('a member', () => {
  test.each(['x', 'ünï côde', 'x'.repeat(10), undefined])('text() takes %j', async (member) => {
    expect(await read(text(10), member)).toEqual(member === undefined ? {} : { member })
  })

  test.each(['', 'x'.repeat(11), 'a\nb', 'a\u0000', 1, null, {}])('text() refuses %j', async (member) => {
    expect(await read(text(10), member)).toBe('member must be a text of 1 to 10 characters.')
  })

  test.each([1, 10])('count() takes %j', async (member) => {
    expect(await read(count(10), member)).toEqual({ member })
  })

  test.each([0, 11, 1.5, -1, '1', null])('count() refuses %j', async (member) => {
    expect(await read(count(10), member)).toBe('member must be a whole number from 1 to 10.')
  })

  test.each(['owner', 1, ['client'], null])('choice() refuses %j', async (member) => {
    expect(await read(choice(['client', 'agent']), member)).toBe('member must be one of: client, agent.')
  })

  test.each([true, false])('flag() takes %j', async (member) => {
    expect(await read(flag(), member)).toEqual({ member })
  })

  test.each([0, 1, 'true', '', null, {}])('flag() refuses %j', async (member) => {
    expect(await read(flag(), member)).toBe('member must be true or false.')
  })

  test.each([
    [{}, undefined, '{}'],
    [{}, 'read', '{"access":"read"}'],
    [{ access: 'write', tools: { deny: ['x'] } }, 'read', '{"access":"write","tools":{"deny":["x"]}}'],
  ] as const)('policy() takes %j, with %j where it does not say', async (member, access, value) => {
    expect(await read(policy(access), member)).toEqual({ member: value })
  })

  test.each([
    [null, 'policy must be an object.'],
    [[], 'policy must be an object.'],
    [{ access: 'none' }, 'access must be one of: read, write, admin.'],
    [{ tools: ['x'] }, 'tools must be an object with allow, deny, or both.'],
    [{ hold: [''] }, 'hold must be a list of texts of 1 to 1024 characters.'],
  ])('policy() refuses %j, in the words of its reader', async (member, fault) => {
    expect(await read(policy('read'), member)).toBe(fault)
  })

  test('limits() takes limits as they are, and refuses what its reader does', async () => {
    expect(await read(limits(), { calls: '10/minute' })).toEqual({ member: '{"calls":"10/minute"}' })
    expect(await read(limits(), { calls: 10 })).toBe('limits.calls must be like "10/minute", per second, minute, hour or day.')
    expect(await read(limits(), 7)).toBe('limits must be an object.')
  })
})
