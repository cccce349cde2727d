/** Reads what all tests of the three projects verify, and which scenarios, rows and rules other runs have. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Reading, readProofs } from './proofs.ts'
import type { Run } from './requirement.ts'

const ROOT = join(import.meta.dirname, '../..')
/** The folders of the projects in vitest.config.ts. */
const FOLDERS = ['test/unit', 'test/workerd', 'test/e2e']

/** Tests that stand in another file than `*.test.ts` count when one of those imports it. */
export function readAllProofs(): Reading {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .toSorted()
      .map((name) => ({ file: `${folder}/${name.replaceAll('\\', '/')}`, source: text(folder, name) })),
  )
  const imported = new Set(
    files.flatMap(({ file, source }) =>
      file.endsWith('.test.ts')
        ? [...source.matchAll(/^import (?!type ).*from '\.\/([\w./-]+)'/gm)].map(([, name]) => join(file, '..', name ?? ''))
        : [],
    ),
  )
  const readings = files
    .filter(({ source }) => source.includes('verifies('))
    .map(({ file, source }) => ({ file, ...readProofs(file, source) }))
  const idle = readings.filter(({ file }) => !file.endsWith('.test.ts') && !imported.has(file))
  return {
    proofs: readings.flatMap(({ proofs }) => proofs),
    faults: [...readings.flatMap(({ faults }) => faults), ...idle.map(({ file }) => `${file}: no test file imports it`)],
  }
}

export function hasRun(run: Run): boolean {
  const [kind, name = ''] = run.split(': ')
  switch (kind) {
    case 'conformance':
      return scoredScenarios().has(name)
    case 'matrix':
      return ['inEach', 'inEitherEra', 'ofTasks'].some((row) => rows().includes(`${row}('${name}',`))
    default:
      return text('test/chaos/verdict.ts').includes(`| '${name}'\n`)
  }
}

/** The source of all rows of the matrix. */
function rows(): string {
  return ['rows', 'extensions', 'tasks'].map((part) => text(`test/interop/matrix-${part}.ts`)).join('\n')
}

/** Scenarios that `npm run conformance` counts for one revision at least. */
function scoredScenarios(): Set<string> {
  const sets = ['2025-11-25', '2026-07-28'].map((revision) =>
    text('node_modules/@modelcontextprotocol/conformance/requirements', `${revision}.yaml`),
  )
  return new Set(
    sets
      .flatMap((set) => (set.split(/^not_scored:|^client:/m)[0] ?? '').split('\n'))
      .flatMap((line) => /^\s+- (\S+)$/.exec(line)?.[1] ?? []),
  )
}

function text(...path: string[]): string {
  return readFileSync(join(ROOT, ...path), 'utf8')
}
