import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { EXIT } from '../../../agent/exit.ts'

test('EXIT has the codes that the README of the package lists', () => {
  const readme = readFileSync(new URL('../../../agent/README.md', import.meta.url), 'utf8')
  const listed = [...readme.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code))
  expect(Object.values(EXIT).toSorted((a, b) => a - b)).toEqual(listed)
})
