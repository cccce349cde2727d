/** docs/troubleshooting.md has a section for each error of the table, in its order, and no other. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ERRORS } from '../../../protocol/error-table.ts'

const page = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8')
/** Lines below each heading of the second level. */
const sections = page
  .replaceAll(/^# .*/gm, '## ')
  .split(/^## /m)
  .slice(2)
  .map((section) => section.split('\n'))
  .filter(([heading]) => heading !== '')
const rows = Object.entries(ERRORS).map(([code, row], at) => ({ code, section: sections[at] ?? [], rpc: undefined, ...row }))

describe('docs/troubleshooting.md', () => {
  test('has every error text as a heading, and no heading that is none', () => {
    expect(sections.map(([heading]) => heading)).toEqual(Object.values(ERRORS).map(({ message }) => message))
  })

  test.each(rows)('$code: its code, HTTP status and JSON-RPC code stand below it, then what to do', ({ section, ...row }) => {
    const { code, http, rpc, retryable } = row
    const [, blank, facts, , ...prose] = section
    expect(blank).toBe('')
    expect(facts).toBe(`\`${code}\` · HTTP ${http}${rpc === undefined ? '' : ` · JSON-RPC ${rpc}`}${retryable ? ' · retryable' : ''}`)
    const sentences = prose
      .join(' ')
      .trim()
      .split(/[.!?](?=\s|$)/)
      .filter((sentence) => sentence.trim() !== '')
    expect(sentences.length).toBeGreaterThanOrEqual(2)
    expect(sentences.length).toBeLessThanOrEqual(5)
  })
})
