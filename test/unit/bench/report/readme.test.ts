/** The README's performance section is what bench/report/readme.ts makes of bench/results.json, and nothing else. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { putSection, renderSection, sectionOf } from '../../../../bench/report/readme.ts'
import { readResults, type Results } from '../../../../bench/report/results.ts'

const README = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')

const SAMPLE: Results = {
  date: '2026-11-21T12:00:00.000Z',
  pace: 'full',
  machine: { cores: 2, CPU: 'Some CPU' },
  versions: { 'mcp-edge': '1.2.3', supergateway: '4.0.0' },
  titles: { ours: 'mcp-edge', supergateway: 'supergateway, no tunnel' },
  floor: { p50Ms: 0.1, callsPerS16: 12_345 },
  cases: [
    {
      name: 'one-at-a-time',
      title: 'One call at a time',
      columns: [{ figure: 'p50Ms', heading: 'p50 ms', digits: 2 }],
      outcomes: [
        { contender: 'ours', figures: { p50Ms: 1.234 }, rounds: 5 },
        { contender: 'supergateway', failed: 'no answer', commands: ['npx supergateway --port 1'] },
      ],
    },
  ],
  ratios: [{ what: 'p50 ÷ supergateway', value: 1.5, target: '≤ 1.3', met: false }],
}

test('README.md has the section that the results make, and none where there are no results', () => {
  const results = readResults()
  expect(sectionOf(README)).toBe(results === undefined ? undefined : renderSection(results))
})

test('renderSection() says date, machine, versions, figures, what was missed, and how a peer failed', () => {
  const section = renderSection(SAMPLE)
  for (const part of ['2026-11-21', 'Some CPU', 'mcp-edge 1.2.3', 'supergateway 4.0.0', '| mcp-edge | 1.23 |', '| ≤ 1.3 | missed |'])
    expect(section).toContain(part)
  expect(section).toContain('supergateway, no tunnel: no answer\n  $ npx supergateway --port 1')
})

test('putSection() puts a section before the limits, and another one in its place', () => {
  const first = putSection('# Name\n\n## Limits\n\nNone.\n', renderSection(SAMPLE))
  expect(sectionOf(first)).toBe(renderSection(SAMPLE))
  expect(first.indexOf('## Performance')).toBeLessThan(first.indexOf('## Limits'))
  const other = renderSection({ ...SAMPLE, date: '2027-01-01T00:00:00.000Z' })
  expect(putSection(first, other)).toBe(first.replace(renderSection(SAMPLE), other))
})

test('putSection() refuses a README with no place for it', () => {
  expect(() => putSection('# Name\n', renderSection(SAMPLE))).toThrow('no heading ## Limits')
})
