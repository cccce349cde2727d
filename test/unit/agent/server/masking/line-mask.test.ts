import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { LineMask } from '../../../../../agent/server/masking/line-mask.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { spelled } from '../../../protocol/json-arbitrary.ts'

function masked(line: string, ...secrets: string[]): string {
  return Buffer.from(new LineMask(secrets, () => {}).apply(Buffer.from(line))).toString()
}

const SECRET = 'p4ss"wörd\\/\n<𝄞>='

describe('LineMask', () => {
  test.each<[string, string]>([
    ['as JSON.stringify writes it', JSON.stringify(SECRET)],
    ['with escaped slashes', JSON.stringify(SECRET).replaceAll('/', '\\/')],
    ['in ASCII', JSON.stringify(SECRET).replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)],
    [
      'with every character escaped, in either case',
      `"${[...Array(SECRET.length).keys()].map((at) => `\\u${SECRET.charCodeAt(at).toString(16).padStart(4, '0').toUpperCase()}`).join('')}"`,
    ],
    ['as JSON within JSON', JSON.stringify(JSON.stringify(SECRET)).replace(/^"\\"|\\""$/g, '"')],
  ])('masks a secret %s', (_, spelling) => {
    verifies('promise.9.masked')
    const line = `{"a":"\\u0041\\n","b":${spelling.slice(0, -1)} and more","c":1.0}`
    expect(masked(line, SECRET)).toBe('{"a":"\\u0041\\n","b":"[secret] and more","c":1.0}')
  })

  test('masks a secret however it is spelled, and touches no other byte', () => {
    verifies('promise.9.masked')
    const text = fc.string({ unit: 'grapheme', maxLength: 12 })
    const secret = fc.string({ unit: 'grapheme', minLength: 8, maxLength: 40 }).filter((value) => value.trim() === value)
    const scene = fc.tuple(secret, text, text).chain(([value, before, after]) => {
      const parts = [before, value, after].map((part) => spelled(part).map((spelling) => spelling.slice(1, -1)))
      return fc.tuple(fc.constant(value), ...parts)
    })
    fc.assert(
      fc.property(scene, ([value, before = '', spelling = '', after = '']) => {
        fc.pre(!JSON.parse(`"${before}${after}"`).includes(value.slice(0, 2)))
        const [head, tail] = [`{"jsonrpc":"2.0","id":1,"result":{"x":1.0,"t":"${before}`, `${after}","big":12345678901234567890}}`]
        expect(masked(`${head}${spelling}${tail}`, value)).toBe(`${head}[secret]${tail}`)
      }),
      { numRuns: 1000 },
    )
  })

  test('gives back the very line where there is no secret in it, and tells nobody', () => {
    const told = vi.fn()
    const mask = new LineMask(['correct-horse'], told)
    for (const text of ['{"a":"correct-hors"}', '{"a":"correct\\n-horse"}', '', '\\', '"\\u12', '"\\ud800\\u0041"']) {
      const line = Buffer.from(text)
      expect(mask.apply(line)).toBe(line)
    }
    expect(told).not.toHaveBeenCalled()
  })

  test('tells the first time only that it has masked something', () => {
    const told = vi.fn()
    const mask = new LineMask(['correct-horse'], told)
    for (let round = 0; round < 3; round++) mask.apply(Buffer.from('"correct-horse"'))
    expect(told).toHaveBeenCalledOnce()
  })

  test('leaves values under eight characters, of which it knows none', () => {
    expect(masked('{"a":"hunter2"}', 'hunter2')).toBe('{"a":"hunter2"}')
    expect(new LineMask(['hunter2', ''], () => {}).isEmpty).toBe(true)
  })

  test('masks keys, several in a row, and those that overlap as one', () => {
    expect(masked('{"hunter2!":["hunter2!hunter2!","xsecret-1-and-more"]}', 'hunter2!', 'secret-1', 'et-1-and-more')).toBe(
      '{"[secret]":["[secret][secret]","x[secret]"]}',
    )
  })

  test('leaves JSON what it is: a number becomes another, and of a secret that is JSON itself the structure stays', () => {
    verifies('promise.9.masked')
    expect(masked('[1234567812345678]', '12345678')).toBe('[0]')
    expect(masked('{"pin":-123456789,"n":[12345678,1.5,true],"s":"12345678"}', '12345678')).toBe(
      '{"pin":0,"n":[0,1.5,true],"s":"[secret]"}',
    )
    const account = '{"type":"service","key":"abcdefghij","n":12}'
    expect(masked(`{"result":${account},"x":true}`, account)).toBe('{"result":{"****":"*******","***":"[secret]","*":0},"x":true}')
    expect(masked(`{"text":${JSON.stringify(account)}}`, account)).toBe('{"text":"[secret]"}')
  })

  test('knows each line of a secret with several, but not how a PEM block begins', () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANB\nqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n'
    expect(masked(JSON.stringify(['-----BEGIN PRIVATE KEY-----', 'a MIIEvQIBADANB', pem.trim(), pem]), pem)).toBe(
      '["-----BEGIN PRIVATE KEY-----","a [secret]","[secret]","[secret]"]',
    )
  })

  test('keeps the names by which a client knows its call', () => {
    verifies('promise.1.ids-kept')
    const answer = '{"jsonrpc":"2.0","id":"client-id-1","result":{"x":"client-id-1"}}'
    const kept = '{"jsonrpc":"2.0","id":"client-id-1","result":{"x":"[secret]"}}'
    expect(masked(answer, 'client-id-1')).toBe(kept)
    expect(masked(`[${answer}, ${answer}]`, 'client-id-1')).toBe(`[${kept}, ${kept}]`)
    const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":12345678,"progress":1}}'
    expect(masked(progress, '12345678')).toBe(progress)
  })

  test('masks strings only of what is no JSON, which goes to nobody', () => {
    expect(masked('my correct-horse and "correct-horse', 'correct-horse')).toBe('my correct-horse and "[secret]')
  })

  test('never makes a line longer', () => {
    const piece = fc.constantFrom('abcdefgh', '12345678', '"', ':', ',', '\\', '\\u0041', 'a', '1', '[', '-')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.array(piece, { minLength: 1, maxLength: 4 }), (line, secret) => {
        const text = line.join('')
        expect(masked(text, secret.join(''), '12345678').length).toBeLessThanOrEqual(text.length)
      }),
    )
  })
})
