import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../../harness/program.ts'
import { differenceOf, writtenDifferences } from '../../interop/written-differences.ts'

const HEAD = '| client | server | what | seen instead | why |\n|---|---|---|---|---|\n'
const page = (...lines: readonly string[]): string =>
  `text\n<!-- matrix:begin -->\n\n${HEAD}${lines.join('\n')}\n\n<!-- matrix:end -->\n| a | b |\n`

test('writtenDifferences() reads each line of the table, and none beyond it', () => {
  const lines = ['| A; B c | legacy; both | x; y z | `seen: 1` (sometimes) | why |', '| D | modern | x | not heard | why not |']
  expect(writtenDifferences(page(...lines))).toEqual([
    { clients: ['A', 'B c'], servers: ['legacy', 'both'], rows: ['x', 'y z'], seen: 'seen: 1', isSometimes: true, why: 'why' },
    { clients: ['D'], servers: ['modern'], rows: ['x'], seen: 'not heard', isSometimes: false, why: 'why not' },
  ])
})

test.each([['no table at all'], [page('| A | legacy | x | `s` |')], [page('| A | legacy | x | | why |')]])(
  'writtenDifferences() takes no page whose table it cannot read: %j',
  (text) => {
    expect(() => writtenDifferences(text)).toThrow()
  },
)

test('differenceOf() finds the line of a cell by any word of its client', () => {
  const all = writtenDifferences(page('| 2026-07-28 | legacy | x | `s` | why |'))
  const of = (words: readonly string[], server: string, row: string): unknown => differenceOf(all, { words, server, row })
  expect(of(['SDK', '2026-07-28'], 'legacy', 'x')).toMatchObject({ seen: 's' })
  for (const [words, server, row] of [
    [['SDK'], 'legacy', 'x'],
    [['2026-07-28'], 'modern', 'x'],
    [['2026-07-28'], 'legacy', 'xy'],
  ] as const)
    expect(of(words, server, row)).toBeUndefined()
})

test('the table of docs/protocol.md can be read', () => {
  expect(writtenDifferences(readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8')).length).toBeGreaterThan(0)
})
