import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CAVEAT_NONCE_BYTES, makeCaveat, readCaveat } from '../../../../protocol/narrowing/caveat.ts'

const NONCE = new Uint8Array(CAVEAT_NONCE_BYTES)
const NONCE_TEXT = 'A'.repeat(22)

function read(text: string): unknown {
  return readCaveat(new TextEncoder().encode(text))
}

test('readCaveat() reads what makeCaveat() has written', () => {
  const made = makeCaveat({ name: 'for Bob', exp: 1_800_000_000, policy: { access: 'read' } }, NONCE)
  expect(made.ok && readCaveat(made.value)).toEqual({
    ok: true,
    value: { name: 'for Bob', expiresAtMs: 1_800_000_000_000, policyText: '{"access":"read"}' },
  })
})

test.each([
  [{ name: '' }, 'name'],
  [{ name: 'a\nb' }, 'name'],
  [{ exp: 1.5 }, 'exp'],
  [{ policy: { acess: 'read' } }, 'acess'],
])('makeCaveat() of %j names %s', (words, member) => {
  expect(makeCaveat(words, NONCE)).toMatchObject({ ok: false, error: expect.stringContaining(member) as string })
})

test.each([
  ['another member', `{"nonce":"${NONCE_TEXT}","limit":1}`],
  ['a member twice', `{"nonce":"${NONCE_TEXT}","exp":1,"exp":2}`],
  ['white space', `{"nonce":"${NONCE_TEXT}" }`],
  ['an escape', `{"nonce":"${NONCE_TEXT}","name":"\\u0041"}`],
  ['no nonce', '{}'],
  ['a short nonce', '{"nonce":"AAAA"}'],
  ['a list', '[]'],
  ['no JSON', '{'],
])('readCaveat() refuses one with %s', (_name, text) => {
  expect(read(text)).toMatchObject({ ok: false })
})

test('readCaveat() takes any bytes without throwing', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
      ),
      (bytes) => {
        readCaveat(bytes)
      },
    ),
  )
})
