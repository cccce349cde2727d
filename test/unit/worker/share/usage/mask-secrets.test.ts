import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maskSecrets } from '../../../../../worker/share/usage/mask-secrets.ts'
import { MASKED } from '../../../../../worker/share/usage/secret-shapes.ts'
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
    `glptt-${'0a'.repeat(10)}`,
    `xapp-1-A0123456789-${'0a'.repeat(10)}`,
    `xoxe.xoxp-1-${'0a'.repeat(10)}`,
    `sk-ant-api03-${'0a_-'.repeat(10)}`,
    `GOCSPX-${'0a'.repeat(10)}`,
    `1//0g${'0a'.repeat(10)}`,
    `pypi-AgEI${'0a'.repeat(10)}`,
    `SG.${'0a'.repeat(10)}.${'0a'.repeat(10)}`,
    `whsec_${'0a'.repeat(10)}`,
    `dop_v1_${'0a'.repeat(10)}`,
    `hvs.${'0a'.repeat(10)}`,
    `123456789:${'AbC-_'.repeat(7)}`,
    'abcd-efgh-2345-ijkl-mnop-67qr',
    `${'ab'.repeat(13)}-${'Ab-_2'.repeat(4)}xy`,
    '-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----',
    '-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ cut off',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nMIIEvQ\n-----END OPENSSH PRIVATE KEY-----',
    '-----BEGIN PGP PRIVATE KEY BLOCK-----\nMIIEvQ\n-----END PGP PRIVATE KEY BLOCK-----',
    '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nMIIEvQ\n---- END SSH2 ENCRYPTED PRIVATE KEY ----',
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
    [`Authorization: Basic  ${SECRET}==`, 'Authorization: Basic  '],
    [`authorization: token ${SECRET}`, 'authorization: token '],
    [`"Authorization": "Custom ${SECRET}"`, '"Authorization": "'],
    [`Cookie: sid=${SECRET}; theme=dark`, 'Cookie: '],
    [`Set-Cookie: sid=${SECRET}; Path=/`, 'Set-Cookie: '],
    [`postgres://me:${SECRET}@db/x`, 'postgres://me:'],
    [`postgres://me:p@${SECRET}@db/x`, 'postgres://me:'],
    [`amqp://me:p/${SECRET}@db/x`, 'amqp://me:'],
    [`redis://:${SECRET}@db/x`, 'redis://:'],
    [`https://${SECRET}-0123@git.example/x`, 'https://'],
    [`https://maps.example/x?a=1&key=${SECRET}&b=2`, 'key='],
    [`https://s3.example/x?X-Amz-Signature=${SECRET}`, 'X-Amz-Signature='],
    [`https://hooks.slack.com/services/T000/B000/${SECRET.replace('-', '')}`, 'hooks.slack.com/services/'],
    [`https://discord.com/api/webhooks/123456789/${SECRET}`, 'webhooks/123456789/'],
    [`passphrase: "${SECRET}"`, 'passphrase: "'],
    [`DB_PASSWORD=${SECRET} next`, 'DB_PASSWORD='],
    [`https://relay.example/s/abc/k/abcdefghijklmnop${'2'.repeat(36)}/mcp`, '/k/'],
  ])('masks what stands behind a name in a plain text: %s', (text, kept) => {
    const masked: { text: string } = JSON.parse(maskSecrets(JSON.stringify({ text })))
    expect(masked.text).toContain(`${kept}${MASKED}`)
    expect(masked.text).not.toContain(SECRET.slice(0, 7))
  })

  test('masks a secret of AWS beside the id of its key, and no other text of its length', () => {
    const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
    for (const text of [`AKIAIOSFODNN7EXAMPLE\n${secret}`, `[default] ${secret} ASIAIOSFODNN7EXAMPLE`])
      expect(maskSecrets(JSON.stringify({ text }))).not.toContain(secret)
    const commit = JSON.stringify({ text: `commit ${'0a'.repeat(20)}` })
    expect(maskSecrets(commit)).toBe(commit)
  })

  test('masks a value whose name stands beside it, and none in the next object', () => {
    const listed = [
      { name: 'X-Api-Key', value: SECRET },
      { name: 'Accept', value: 'kept' },
      { key: 'DB_PASSWORD', description: 'kept too', value: [SECRET] },
    ]
    const masked = maskSecrets(JSON.stringify(listed))
    expect(masked).not.toContain(SECRET)
    expect(JSON.parse(masked)).toMatchObject([{ name: 'X-Api-Key' }, listed[1], { description: 'kept too' }])
  })

  test('masks a token that is the name of a member', () => {
    const token = `ghp_${'0a'.repeat(18)}`
    expect(maskSecrets(JSON.stringify({ [token]: 1 }))).toBe(`{"${MASKED}":1}`)
  })

  test('leaves what only looks a little like a secret', () => {
    const text = JSON.stringify({
      text: 'see risk-assessment-of-things.md, https://host/a:b@c, basic, and 10:30 at x@y.example; task-0123456789',
    })
    expect(maskSecrets(text)).toBe(text)
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
    for (const part of [
      '{"a":',
      '"\\"',
      '[[',
      'token= ',
      'eyJ',
      '://a:',
      '://',
      'Bearer ',
      'abcd-',
      'authorization: a ',
      '-----BEGIN PRIVATE KEY-----',
      'xoxa.',
    ])
      expect(maskSecrets(part.repeat(Math.floor(8192 / part.length))).length).toBeGreaterThan(0)
  })
})
