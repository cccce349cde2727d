/**
 * Sums what the runners reported into the closing line of CI. A report that is missing, a suite with fewer tests than it
 * should have, and a skipped test that `.ci/expected.json` does not list with a reason are failures.
 */
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface Expected {
  /** The fewest tests that each suite may have. */
  readonly least: Readonly<Record<string, number>>
  /** Why a test may be skipped, by `<file> > <title>`. */
  readonly skipped: Readonly<Record<string, string>>
}

interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numFailedTestSuites: number
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

const ROOT = join(import.meta.dirname, '..')
const EXPECTED = JSON.parse(readFileSync(join(import.meta.dirname, 'expected.json'), 'utf8')) as Expected

function vitest(text: string): Counts {
  const report = JSON.parse(text) as VitestReport
  const tests = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((test) => ({ ...test, file: relative(ROOT, name) })),
  )
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed')
  const unlisted = skipped.map(({ file, fullName }) => `${file} > ${fullName}`).filter((name) => EXPECTED.skipped[name] === undefined)
  for (const name of unlisted) console.error(`skipped without a reason in .ci/expected.json: ${name}`)
  const ran = (suite: string): number =>
    tests.filter(({ file, status }) => file.startsWith(`test/${suite}/`) && (status === 'passed' || status === 'failed')).length
  const short = ['unit', 'workerd', 'e2e'].filter((suite) => isShort(suite, ran(suite)))
  // A file that breaks before its tests run counts as one failure.
  const failed = report.numFailedTests + report.numFailedTestSuites + unlisted.length + short.length
  return { passed: report.numPassedTests, failed, skipped: skipped.length - unlisted.length }
}

/** One line per row of the table: `30 of 30 scored scenarios passed`. */
function conformance(text: string): Counts {
  const rows = [...text.matchAll(/^(\d+) of (\d+) scored scenarios passed/gm)]
  const passed = rows.reduce((sum, row) => sum + Number(row[1]), 0)
  const total = rows.reduce((sum, row) => sum + Number(row[2]), 0)
  return { passed, failed: total - passed + (isShort('conformance', total) ? 1 : 0), skipped: 0 }
}

/** One line at the end of each run: `seed 1: no violation`, or `seed 1 FAILED`. */
function chaos(text: string): Counts {
  const passed = [...text.matchAll(/^seed \d+: no violation$/gm)].length
  const failed = [...text.matchAll(/^seed \d+ FAILED$/gm)].length
  return { passed, failed: failed + (isShort('chaos', passed + failed) ? 1 : 0), skipped: 0 }
}

function isShort(suite: string, count: number): boolean {
  const least = EXPECTED.least[suite] ?? 1
  if (count >= least) return false
  console.error(`${suite}: ${count} tests ran, and it should have at least ${least} (.ci/expected.json)`)
  return true
}

function read(count: (text: string) => Counts, path: string): Counts {
  try {
    return count(readFileSync(path, 'utf8'))
  } catch (error) {
    console.error(`no report at ${path}: ${String(error)}`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

const folder = process.argv[2] ?? '.'
const all = [
  read(vitest, join(folder, 'vitest.json')),
  read(conformance, join(folder, 'conformance.txt')),
  read(chaos, join(folder, 'chaos.txt')),
]
const sum = (key: keyof Counts): number => all.reduce((total, counts) => total + counts[key], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed${sum('skipped') === 0 ? '' : `, ${sum('skipped')} skipped`}`)
process.exit(sum('failed') === 0 ? 0 : 1)
