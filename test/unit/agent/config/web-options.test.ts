import { expect, test } from 'vitest'
import { readWebApp } from '../../../../agent/config/web-options.ts'

test('readWebApp() reads an origin, and fields with names in lower case', () => {
  expect(readWebApp({ header: [] })).toBeUndefined()
  const web = readWebApp({ http: 'http://localhost:3000', keepHost: true, header: ['X-Key:  a: b ', 'authorization: Basic x'] })
  expect(web).toMatchObject({
    keepsHost: true,
    headers: [
      ['x-key', 'a: b'],
      ['authorization', 'Basic x'],
    ],
  })
  expect(web?.origin.href).toBe('http://localhost:3000/')
  expect(readWebApp({ http: 'https://[::1]:8443/', header: [] })?.origin.origin).toBe('https://[::1]:8443')
})

test.each(['localhost:3000', '3000', 'ftp://localhost', 'http://localhost:3000/app', 'http://localhost?x', 'http://u:p@localhost', ''])(
  'readWebApp() refuses --http %s',
  (http) => {
    expect(() => readWebApp({ http, header: [] })).toThrow('--http')
  },
)

test.each(['x', ': a', 'a b: c', 'x: a\r\ny: b', 'Host: evil', 'Content-Length: 3', 'transfer-encoding: chunked', 'Upgrade: h2c'])(
  'readWebApp() refuses --header %j, and does not repeat its value',
  (header) => {
    const read = (): unknown => readWebApp({ http: 'http://localhost', header: [header] })
    expect(read).toThrow('--header')
    expect(read).not.toThrow('evil')
  },
)

test('readWebApp() refuses what is of use with a web app only', () => {
  expect(() => readWebApp({ header: ['a: b'] })).toThrow('--http')
  expect(() => readWebApp({ header: [], keepHost: true })).toThrow('--http')
})
