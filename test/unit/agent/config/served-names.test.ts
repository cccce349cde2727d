import fc from 'fast-check'
import { expect, test } from 'vitest'
import { servedNames } from '../../../../agent/config/served-names.ts'
import { isServerName } from '../../../../protocol/server-names.ts'
import { verifies } from '../../../requirements/verifies.ts'

test('servedNames() keeps what can be an address, and makes one of what cannot', () => {
  verifies('promise.config.names')
  const names = ['docs', 'My Server', 'my_server', 'Größe 2', 'k', 'http', '日本', 'a-name-that-is-longer-than-twenty', '__']
  const served = [...servedNames(names).values()]
  expect(served.slice(0, 4)).toEqual(['docs', 'my-server', expect.stringMatching(/^my-server-[0-9a-f]{6}$/), 'grosse-2'])
  expect(served[4]).toMatch(/^k-[0-9a-f]{6}$/)
  expect(served[5]).toMatch(/^http-[0-9a-f]{6}$/)
  expect(served[6]).toMatch(/^[0-9a-f]{6}$/)
  expect(served[7]).toBe('a-name-that-is-longe')
})

test('servedNames() gives the same name to a server wherever it stands, as long as none becomes the same', () => {
  verifies('promise.config.names')
  expect(servedNames(['b', 'A B']).get('A B')).toBe(servedNames(['A B', 'c d', 'b']).get('A B'))
  expect(servedNames(['A B', 'a-b']).get('a-b')).toBe('a-b')
})

test('servedNames() never makes two names the same, and only such as can be served', () => {
  verifies('promise.config.names')
  const name = fc.oneof(
    fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme' }),
    fc.stringMatching(/^[aA][ _-]?[bB1][ _-]{0,2}$/),
    fc.constantFrom('k', 'K', 'mcp', 'MCP', 'sse', 'messages', 'http', '-', '_'),
  )
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 64 }), (names) => {
      const served = servedNames(names)
      expect([...served.keys()].toSorted()).toEqual(names.toSorted())
      expect(new Set(served.values()).size).toBe(names.length)
      for (const [given, made] of served) {
        expect(isServerName(made)).toBe(true)
        if (isServerName(given)) expect(made).toBe(given)
      }
    }),
  )
})
