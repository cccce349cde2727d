/** The closing line of CI, made from reports as the runners write them. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')
const { least } = JSON.parse(readFileSync(join(ROOT, '.ci/expected.json'), 'utf8')) as { least: Record<string, number> }

interface Reports {
  readonly e2e?: number
  readonly skipped?: readonly string[]
  readonly conformance?: string
  readonly chaos?: string
}

function sum({ e2e = least['e2e'] ?? 0, skipped = [], conformance, chaos }: Reports): { line: string; status: number | null } {
  const place = mkdtempSync(join(tmpdir(), 'mcp-edge-sum-'))
  const file = (suite: string, count: number) => ({
    name: join(ROOT, `test/${suite}/made.test.ts`),
    assertionResults: [
      ...Array.from({ length: count }, (_, n) => ({ fullName: `${suite} ${n}`, status: 'passed' })),
      ...(suite === 'e2e' ? skipped : []).map((fullName) => ({ fullName, status: 'skipped' })),
    ],
  })
  const counts = { unit: least['unit'] ?? 0, workerd: least['workerd'] ?? 0, e2e }
  const report = {
    numPassedTests: counts.unit + counts.workerd + counts.e2e,
    numFailedTests: 0,
    numFailedTestSuites: 0,
    testResults: Object.entries(counts).map(([suite, count]) => file(suite, count)),
  }
  writeFileSync(join(place, 'vitest.json'), JSON.stringify(report))
  writeFileSync(
    join(place, 'conformance.txt'),
    conformance ?? `${least['conformance']} of ${least['conformance']} scored scenarios passed\n`,
  )
  writeFileSync(join(place, 'chaos.txt'), chaos ?? 'seed 1: no violation\nseed 2: no violation\n')
  const { stdout, status } = spawnSync(process.execPath, ['.ci/sum.ts', place], { cwd: ROOT, encoding: 'utf8' })
  rmSync(place, { recursive: true, force: true })
  return { line: stdout.trim().split('\n').at(-1) ?? '', status }
}

test('sum.ts adds up every suite', () => {
  const all = (least['unit'] ?? 0) + (least['workerd'] ?? 0) + (least['e2e'] ?? 0) + (least['conformance'] ?? 0) + 2
  expect(sum({})).toEqual({ line: `${all} passed, 0 failed`, status: 0 })
})

test.each<[string, Reports]>([
  ['a suite has fewer tests than it should have', { e2e: (least['e2e'] ?? 0) - 1 }],
  ['a test is skipped without a listed reason', { skipped: ['one'] }],
  ['a scenario of the conformance suite fails', { conformance: '132 of 133 scored scenarios passed\n' }],
  ['a conformance row is missing', { conformance: '30 of 30 scored scenarios passed\n' }],
  ['a seed of chaos fails', { chaos: 'seed 1: no violation\nseed 2: no violation\nseed 3 FAILED\n' }],
  ['a seed of chaos did not run', { chaos: 'seed 1: no violation\n' }],
  ['chaos did not run', { chaos: '' }],
])('sum.ts fails when %s', (_, reports) => {
  const { line, status } = sum(reports)
  expect(status).toBe(1)
  expect(line).not.toMatch(/ 0 failed/)
})
