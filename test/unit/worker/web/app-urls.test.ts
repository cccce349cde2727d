import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appCss, appRefresh, appSrcset, appUrl, CssPieces } from '../../../../worker/web/app-urls.ts'

const PLACE = { origin: 'https://relay.example', prefix: '/s/x/http' }

describe('appUrl()', () => {
  test('puts what begins at the root below the path, once', () => {
    for (const [url, expected] of [
      ['/', '/s/x/http/'],
      ['  /a', '  /s/x/http/a'],
      ['/s/x/http/a', '/s/x/http/a'],
      ['/s/x/httpa', '/s/x/http/s/x/httpa'],
      ['https://relay.example/a', '/s/x/http/a'],
      ['https://relay.example.evil/a', 'https://relay.example.evil/a'],
    ] as const)
      expect(appUrl(url, PLACE)).toBe(expected)
  })

  test('leads to no other host than before', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('/', '\\', 'a', '.', ' ', '\t', ':', '@'), maxLength: 8 }), (text) => {
        const base = 'https://relay.example/s/x/http/page'
        if (!URL.canParse(text, base)) return
        expect(new URL(appUrl(text, PLACE), base).host).toBe(new URL(text, base).host)
      }),
      { numRuns: 2_000, examples: [['/\t/a'], ['/\t\\a']] },
    )
  })
})

test('CssPieces makes of CSS in any pieces what appCss() makes of the whole', () => {
  const css = '@import "/a.css";\n@import url(/b.css);a{b:url(/c);c:url("/d)")}/* url(/e */d{e:url( \'/f\' )}'
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 }), (sizes) => {
      const pieces = new CssPieces(PLACE)
      let out = ''
      let at = 0
      for (let turn = 0; at < css.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1
        out += pieces.push(css.slice(at, at + size))
        at += size
      }
      expect(out + pieces.end()).toBe(appCss(css, PLACE))
    }),
  )
})

test('CssPieces holds back no more than a URL may be long', () => {
  const pieces = new CssPieces(PLACE)
  expect(pieces.push(`url(${'x'.repeat(20_000)}`).length).toBeGreaterThan(10_000)
})

test('appSrcset() and appRefresh() rewrite URLs alone', () => {
  expect(appSrcset('/a.png, b.png 2x,/c.png 3w', PLACE)).toBe('/s/x/http/a.png, b.png 2x,/s/x/http/c.png 3w')
  expect(appRefresh('0;URL="/x"', PLACE)).toBe('0;URL="/s/x/http/x"')
  expect(appRefresh('30', PLACE)).toBe('30')
})
