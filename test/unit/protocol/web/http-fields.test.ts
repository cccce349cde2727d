import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endToEnd, headerOf, isOriginForm, listOf } from '../../../../protocol/web/http-fields.ts'
import { webWindow, WEB_FIRST_BYTES, WEB_WINDOW_BYTES, WEB_WINDOWS_BYTES } from '../../../../protocol/web/web-limits.ts'

describe('endToEnd()', () => {
  test('leaves out what belongs to one hop, in any spelling, and what Connection names', () => {
    const headers = [
      ['Connection', 'close, X-Mine'],
      ['x-mine', '1'],
      ['Keep-Alive', 'timeout=5'],
      ['TE', 'trailers'],
      ['Trailer', 'x-sum'],
      ['Transfer-Encoding', 'chunked'],
      ['Upgrade', 'h2c'],
      ['HTTP2-Settings', 'x'],
      ['Proxy-Authorization', 'Basic x'],
      ['Proxy-Connection', 'keep-alive'],
      ['Expect', '100-continue'],
      ['Accept', '*/*'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ] as const
    expect(endToEnd(headers)).toEqual([
      ['Accept', '*/*'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ])
  })
})

describe('isOriginForm()', () => {
  test('takes every path and query of a URL', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (text) => {
        const { pathname, search } = new URL(text)
        expect(isOriginForm(pathname + search)).toBe(true)
      }),
      // Each URL takes long to make.
      { numRuns: 30 },
    )
    for (const target of ['/', '//evil.example/', '/a%2F..%2fb', '/?a=\\', '/x?q=\'"<>`{|}^'])
      expect(isOriginForm(target), target).toBe(true)
  })

  test('and what it takes leads to no other host', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 30 }), (rest) => {
        for (const target of [`/${rest}`, rest])
          if (isOriginForm(target)) expect(new URL(`http://app.example:3000${target}`).host).toBe('app.example:3000')
      }),
    )
  })
})

test('headerOf() and listOf() know no case', () => {
  expect(headerOf([['X-A', '1']], 'x-a')).toBe('1')
  expect(headerOf([['X-A', '1']], 'x-b')).toBeUndefined()
  expect(listOf(' A ,,b')).toEqual(['a', 'b'])
})

test('webWindow() divides what there is, and leaves each the first bytes', () => {
  expect(webWindow(0)).toBe(WEB_WINDOW_BYTES)
  expect(webWindow(64) * 64).toBeLessThanOrEqual(WEB_WINDOWS_BYTES)
  expect(webWindow(1_000_000)).toBe(WEB_FIRST_BYTES)
})
