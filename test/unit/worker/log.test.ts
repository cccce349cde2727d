import { expect, test } from 'vitest'
import { hashedName } from '../../../worker/log.ts'

test('hashedName() is ten hex digits, the same for the same id and another for any other', () => {
  const names = Array.from({ length: 10_000 }, (_, at) => hashedName(`principal ${at}`))
  expect(new Set(names).size).toBe(names.length)
  expect(names.every((name) => /^[0-9a-f]{10}$/.test(name))).toBe(true)
  expect(hashedName('principal 7')).toBe(names[7])
})
