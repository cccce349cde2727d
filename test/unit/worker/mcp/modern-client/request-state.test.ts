import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { importHmacKey } from '../../../../../worker/access/secrets/secret.ts'
import { mintRequestState, verifyRequestState } from '../../../../../worker/mcp/modern-client/request-state.ts'
import { verifies } from '../../../../requirements/verifies.ts'

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
    verifies('modern.input.state-sealed')
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
