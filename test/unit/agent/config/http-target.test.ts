import { expect, test } from 'vitest'
import { checkHeaderFile, readHttpTarget, targetSecrets } from '../../../../agent/config/http-target.ts'
import { HTTP_HEADER_FILE_CHARS } from '../../../../agent/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

const read = (url: string, header: readonly string[] = [], headerFile?: string): ReturnType<typeof readHttpTarget> =>
  readHttpTarget({ url, sse: false, header, headerFile })

test('readHttpTarget() reads an address, and headers of options and file', () => {
  const target = read('http://localhost:8080/mcp#x', ['X-One: 1: 2'], '# mine\r\nAuthorization: Bearer t\r\n\r\n')
  expect(target.url.href).toBe('http://localhost:8080/mcp')
  expect(target.headers).toEqual([
    ['X-One', '1: 2'],
    ['Authorization', 'Bearer t'],
  ])
})

test.each([
  ['no URL', 'localhost:8080', [], /--url/],
  ['another scheme', 'file:///mcp', [], /--url/],
  ['credentials in the URL', 'http://me:secret-word@localhost/', [], /--header/],
  ['no colon', 'http://localhost/', ['secret-word'], /'Name: value'/],
  ['no value', 'http://localhost/', ['X-One:'], /'Name: value'/],
  ['a name that is none', 'http://localhost/', ['X One: secret-word'], /'Name: value'/],
  ["the transport's own", 'http://localhost/', ['Mcp-Session-Id: secret-word'], /agent's own/],
  ['a line break', 'http://localhost/', ['X-One: secret-word\nX-Two: 2'], /X-One/],
  ['too many', 'http://localhost/', Array.from({ length: 65 }, (_, n) => `X-${n}: 1`), /64/],
])('readHttpTarget() refuses %s, and repeats no value', (_what, url, header, message) => {
  verifies('promise.http.credentials')
  expect(() => read(url, header)).toThrow(message)
  expect(() => read(url, header)).not.toThrow(/secret-word/)
})

test('checkHeaderFile() refuses a file that is no list of headers', () => {
  expect(() => checkHeaderFile('/f', 'x'.repeat(HTTP_HEADER_FILE_CHARS + 1))).toThrow(/64 KiB/)
})

test('targetSecrets() are the values, their parts, and those in the URL', () => {
  verifies('promise.http.credentials')
  const basic = Buffer.from('me:pass word').toString('base64')
  const { headers, url, transport } = read('http://localhost/mcp?key=k%20y', [
    'A: Bearer token1',
    `B: Basic ${basic}`,
    'Cookie: a=b1; c=d2',
  ])
  const secrets = targetSecrets({ headers, url, transport })
  expect(secrets).toEqual(
    expect.arrayContaining(['Bearer token1', 'token1', basic, 'me:pass word', 'pass word', 'b1', 'd2', 'k y', 'k%20y']),
  )
})
