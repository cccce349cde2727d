import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { importHmacKey, toHex } from '../../../../../worker/access/secret.ts'
import { requestDigest } from '../../../../../worker/bridge/request-digest.ts'
import { mintRequestState, verifyRequestState } from '../../../../../worker/mcp/modern-client/request-state.ts'
import { bytesOf } from '../../bridge/bytes.ts'

const key = await importHmacKey(new Uint8Array(32).fill(7))
const otherKey = await importHmacKey(new Uint8Array(32).fill(8))
const handle = fc.uint8Array({ minLength: 16, maxLength: 16 })
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })
const time = fc.integer({ min: 1, max: 2 ** 48 - 1 })

describe('verifyRequestState()', () => {
  test('gives back the handle that mintRequestState() took, until it expires', async () => {
    await fc.assert(
      fc.asyncProperty(handle, digest, time, fc.string(), async (given, bound, expiresAtMs, principal) => {
        const binding = { principal, digest: bound }
        const text = await mintRequestState(key, given, expiresAtMs, binding)
        expect(text.length).toBeLessThanOrEqual(2048)
        expect(await verifyRequestState(key, text, binding, expiresAtMs - 1)).toEqual({ ok: true, value: given })
        expect(await verifyRequestState(key, text, binding, expiresAtMs)).toEqual({ ok: false, error: 'expired' })
        expect(await verifyRequestState(key, text, { ...binding, principal: `${principal}x` }, 0)).toEqual({
          ok: false,
          error: 'other_principal',
        })
        const other = bound.with(31, (bound[31] ?? 0) ^ 1)
        expect(await verifyRequestState(key, text, { ...binding, digest: other }, 0)).toEqual({ ok: false, error: 'other_request' })
        expect(await verifyRequestState(otherKey, text, binding, 0)).toEqual({ ok: false, error: 'tampered' })
      }),
    )
  })

  test('refuses a state with any one character changed, added or left out', async () => {
    const binding = { principal: 'p', digest: new Uint8Array(32) }
    const text = await mintRequestState(key, new Uint8Array(16), 1e12, binding)
    const tampered = { ok: false, error: 'tampered' }
    for (let at = 0; at < text.length; at++) {
      const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ é'].filter((letter) => letter !== text[at])
      for (const letter of letters)
        expect(await verifyRequestState(key, text.slice(0, at) + letter + text.slice(at + 1), binding, 0), `${letter} at ${at}`).toEqual(
          tampered,
        )
      expect(await verifyRequestState(key, text.slice(0, at) + text.slice(at + 1), binding, 0)).toEqual(tampered)
    }
    expect(await verifyRequestState(key, `${text}=`, binding, 0)).toEqual(tampered)
  })

  test('refuses whatever was not minted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 200 }), async (text) => {
        expect(await verifyRequestState(key, text, { principal: '', digest: new Uint8Array(32) }, 0)).toEqual({
          ok: false,
          error: 'tampered',
        })
      }),
    )
  })
})

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

  test('takes params nested 100,000 deep', async () => {
    expect(await digestOf(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toHaveLength(64)
  })
})
