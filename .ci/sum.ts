/** Sums what the runners reported into the closing line of CI; a report that is missing or empty is a failure. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Counts {
  readonly passed: number
  readonly failed: number
}

function vitest(path: string): Counts {
  const report = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>
  const passed = report['numPassedTests'] ?? 0
  // A file that breaks before its tests run counts as one failure.
  const failed = (report['numFailedTests'] ?? 0) + (report['numFailedTestSuites'] ?? 0)
  return { passed, failed: passed === 0 ? Math.max(failed, 1) : failed }
}

/** One line per row of the table: `30 of 30 scored scenarios passed`. */
function conformance(path: string): Counts {
  const rows = [...readFileSync(path, 'utf8').matchAll(/^(\d+) of (\d+) scored scenarios passed/gm)]
  const passed = rows.reduce((sum, row) => sum + Number(row[1]), 0)
  const total = rows.reduce((sum, row) => sum + Number(row[2]), 0)
  return { passed, failed: total === 0 ? 1 : total - passed }
}

/** One line at the end of each run: `seed 1: no violation`, or `seed 1 FAILED`. */
function chaos(path: string): Counts {
  const passed = [...readFileSync(path, 'utf8').matchAll(/^seed \d+: no violation$/gm)].length
  return { passed, failed: passed === 0 ? 1 : 0 }
}

function read(count: (path: string) => Counts, path: string): Counts {
  try {
    return count(path)
  } catch (error) {
    console.error(`no report at ${path}: ${String(error)}`)
    return { passed: 0, failed: 1 }
  }
}

const folder = process.argv[2] ?? '.'
const counts = [
  read(vitest, join(folder, 'vitest.json')),
  read(conformance, join(folder, 'conformance.txt')),
  read(chaos, join(folder, 'chaos.txt')),
]
const passed = counts.reduce((sum, count) => sum + count.passed, 0)
const failed = counts.reduce((sum, count) => sum + count.failed, 0)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
