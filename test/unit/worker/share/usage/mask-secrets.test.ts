import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MASKED, maskSecrets } from '../../../../../worker/share/usage/mask-secrets.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const SECRET = 'hunter2-canary'

describe('maskSecrets()', () => {
  test.each([
    'password',
    'PassPhrase',
    'api_key',
    'apiKey',
    'X-Api-Key',
    'client_secret',
    'access_token',
    'Authorization',
    'cookie',
    'PGPASSWORD',
    'db_pwd',
    'pin',
  ])('masks the value of a member %s, whatever it is', (name) => {
    verifies('promise.9.captured')
    for (const value of [SECRET, 4711, true, [SECRET, { deep: SECRET }], { a: { b: SECRET }, c: [1] }]) {
      const text = JSON.stringify({ before: 1, [name]: value, after: 'kept' })
      expect(JSON.parse(maskSecrets(text))).toEqual({ before: 1, [name]: MASKED, after: 'kept' })
    }
  })

  test('masks the member however its name is spelled', () => {
    expect(maskSecrets(`{"p\\u0061ssword" : "${SECRET}"}`)).not.toContain(SECRET)
    expect(maskSecrets(`{"password"\n:\n"${SECRET}"}`)).not.toContain(SECRET)
  })

  test.each([
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghijklmnop',
    'mcpe_owner_0123456789abcdef',
    'ghp_0123456789abcdefghijABCDEFGHIJ',
    'github_pat_0123456789abcdefghij',
    'glpat-0123456789abcdef',
    'sk-proj-0123456789abcdef',
    'xoxb-0123456789-abcdef',
    'AKIAIOSFODNN7EXAMPLE',
    'AIzaSyA0123456789abcdefghij',
    '-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----',
    '-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ cut off',
  ])('masks %s in any text, and in texts within texts', (token) => {
    verifies('promise.9.captured')
    const inner = JSON.stringify({ note: `it is ${token}` })
    for (const value of [token, `the value ${token}`, inner, JSON.stringify({ inner })]) {
      const masked = maskSecrets(JSON.stringify({ content: [{ type: 'text', text: value }] }))
      expect(masked).toContain(MASKED)
      for (const part of token.split('\n').filter((line) => line.includes('MIIE') || !line.includes('-----')))
        expect(masked).not.toContain(part)
    }
  })

  test.each([
    [`Authorization: Bearer ${SECRET}`, 'Authorization: Bearer '],
    [`postgres://me:${SECRET}@db/x`, 'postgres://me:'],
    [`DB_PASSWORD=${SECRET} next`, 'DB_PASSWORD='],
    [`https://relay.example/s/abc/k/abcdefghijklmnop${'2'.repeat(36)}/mcp`, '/k/'],
  ])('masks what stands behind a name in a plain text: %s', (text, kept) => {
    const masked: { text: string } = JSON.parse(maskSecrets(JSON.stringify({ text })))
    expect(masked.text).toContain(`${kept}${MASKED}`)
    expect(masked.text).not.toContain(SECRET)
  })

  test('leaves all else as it is, to the byte', () => {
    const text = '{"id": 12345678901234567890, "a":1.0,"text":"caf\\u00e9 \\"x\\"","list":[ {}, [] , null ]}'
    expect(maskSecrets(text)).toBe(text)
  })

  test('shows no secret of a text that is cut off anywhere', () => {
    verifies('promise.9.captured')
    const whole = JSON.stringify({ a: [1, { password: SECRET, x: { token: [SECRET] } }], b: `{"secret":"${SECRET}"}`, auth: SECRET })
    for (let end = 0; end <= whole.length; end++) expect(maskSecrets(whole.slice(0, end))).not.toContain(SECRET.slice(0, 8))
  })

  test('never throws, and makes JSON of JSON', () => {
    fc.assert(fc.property(fc.string(), (text) => void maskSecrets(text)))
    fc.assert(fc.property(fc.json(), (text) => void JSON.parse(maskSecrets(text))))
  })

  test('hides the value of a secret member at any depth', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), fc.json(), (before, value, after) => {
        const text = `{"x":${before},"y":[{"password":${value.replace(/^/, `["${SECRET}",`)}]}],"z":${after}}`
        expect(maskSecrets(text)).not.toContain(SECRET)
      }),
    )
  })

  test('takes a time that grows with the text alone', () => {
    for (const part of ['{"a":', '"\\"', '[[', 'token= ', 'eyJ'])
      expect(maskSecrets(part.repeat(8192 / part.length)).length).toBeGreaterThan(0)
  })
})
