import { expect, test } from 'vitest'
import { localTime, pairs, plain, table } from '../../../../agent/owner/table.ts'

const COLUMNS = [{ title: 'ID' }, { title: 'NAME', isCut: true }, { title: 'ENDS' }] as const

test('table() sets texts below their titles, without space at the end of a line', () => {
  const rows = [
    ['1', 'docs', 'today'],
    ['22', 'a longer name', ''],
  ]
  expect(table(COLUMNS, rows, 80)).toBe('ID  NAME           ENDS\n1   docs           today\n22  a longer name\n')
})

test('table() cuts the columns that may be, and never an id', () => {
  const id = 'c'.repeat(32)
  const lines = table(COLUMNS, [[id, 'n'.repeat(100), '2026-12-04 23:59']], 80).split('\n')
  expect(lines[1]).toBe(`${id}  ${'n'.repeat(27)}…  2026-12-04 23:59`)
  expect(lines.every((line) => line.length <= 80)).toBe(true)
})

test('table() keeps eight characters of a column where there is no room at all', () => {
  const [, row] = table(COLUMNS, [['i'.repeat(80), 'n'.repeat(20), 'e']], 60).split('\n')
  expect(row).toBe(`${'i'.repeat(80)}  ${'n'.repeat(7)}…  e`)
})

test('table() counts letters of East Asia for two, and a letter with its accents for one', () => {
  const rows = [
    ['漢字', 'x'],
    ['e\u0301', 'x'],
  ]
  expect(table([{ title: 'A' }, { title: 'B' }], rows, 80)).toBe('A     B\n漢字  x\ne\u0301     x\n')
})

test('plain() spells out what a terminal would obey', () => {
  expect(plain('a\u001b[2Jb\nc\u202ed\u2028e')).toBe('a\\u{1b}[2Jb\\u{a}c\\u{202e}d\\u{2028}e')
  expect(plain('👩\u200d💻')).toBe('👩\u200d💻')
  expect(table([{ title: 'A' }], [['\u001b[31m']], 80)).toBe('A\n\\u{1b}[31m\n')
  expect(pairs([['name', '\u0007']])).toBe('name  \\u{7}\n')
})

test('localTime() is of this machine’s zone, to the minute', () => {
  expect(localTime(new Date(2026, 0, 4, 3, 5, 59))).toBe('2026-01-04 03:05')
})
