/** docs/seeds.md has a row for each promise of the systems that it names, and none of what is built is without a requirement, which has tests. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { allRequirements } from '../../requirements/ledger.ts'

interface Row {
  readonly item: string
  readonly status: string
  readonly text: string
}

const page = readFileSync(new URL('../../../docs/seeds.md', import.meta.url), 'utf8')
const rows: Row[] = page.split('\n').flatMap((line) => {
  const [, item = '', , status = '', text = ''] = line.split('|').map((cell) => cell.trim())
  return /^00\d\./.test(item) ? [{ item, status, text }] : []
})
const known = new Set(allRequirements().map(([id]) => id))

/** Numbers of the promises of each system. */
const PROMISED: Readonly<Record<string, readonly number[]>> = {
  '000': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  '001': [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16],
  '002': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 18, 21],
  '003': [1, 2, 3, 4, 5, 6, 8, 9, 10, 13, 14],
  '004': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22],
}

describe('docs/seeds.md', () => {
  test('has a row for each promise, and no item twice', () => {
    const items = rows.map(({ item }) => item)
    for (const [system, numbers] of Object.entries(PROMISED))
      expect(items).toEqual(expect.arrayContaining(numbers.map((n) => `${system}.${n}`)))
    expect(new Set(items).size).toBe(items.length)
  })

  test.each(rows)(
    '$item is built and shown by requirements that there are, refused with a reason, or not built yet',
    ({ status, text }) => {
      expect(['built', 'refused', 'not built yet']).toContain(status)
      const named = [...text.matchAll(/`([a-z]+(?:\.[a-z0-9-]+)+)`/g)].map(([, id = '']) => id).filter((id) => !id.endsWith('.md'))
      if (status === 'built') expect(named.length).toBeGreaterThan(0)
      expect(named.filter((id) => !known.has(id))).toEqual([])
      if (status === 'refused') expect(text.split(' ').length).toBeGreaterThan(5)
    },
  )
})
