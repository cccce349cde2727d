/** `npm run quick`: checks and tests what a change touches, within a minute; `npm test` has the rest. */
import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, run } from '../harness/program.ts'
import { quickPlan } from './plan.ts'

const USAGE = `npm run quick [-- <base>]

Checks and tests what has changed since a commit, committed or not. The base is where this branch leaves origin/main; without
that, the commit before this one.`

/** Nothing takes as long by far. */
const STEP_MS = 300_000
const BIN = join(ROOT, 'node_modules/.bin')

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

function defaultBase(): string {
  try {
    return git('merge-base', 'HEAD', 'origin/main')
  } catch {
    return git('rev-parse', 'HEAD~1')
  }
}

function changedSince(base: string): { readonly file: string; readonly isGone: boolean }[] {
  const lines = git('diff', '--name-status', '--no-renames', base).split('\n')
  const known = lines.filter((line) => line !== '').map((line) => ({ file: line.slice(2), isGone: line.startsWith('D') }))
  const fresh = git('ls-files', '--others', '--exclude-standard').split('\n')
  return [...known, ...fresh.filter((file) => file !== '').map((file) => ({ file, isGone: false }))]
}

/** Runs a tool of the project; prints how it went, and what it said if it failed. */
async function step(title: string, command: string, args: readonly string[], what = ''): Promise<boolean> {
  const startMs = performance.now()
  const env = { PATH: `${BIN}:${process.env['PATH'] ?? ''}`, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }) }
  const { code, stdout, stderr } = await run(join(BIN, command), args, { env, boundMs: STEP_MS })
  const tookS = ((performance.now() - startMs) / 1000).toFixed(1)
  console.log(`${title.padEnd(8)} ${code === 0 ? 'ok    ' : 'FAILED'} ${tookS.padStart(5)} s  ${what}`.trimEnd())
  if (code !== 0) console.log(`${stdout}\n${stderr}`)
  return code === 0
}

async function quick(base: string): Promise<boolean> {
  const startMs = performance.now()
  const changed = changedSince(base)
  const { tsconfigs, sources, workerd, workerdLater, e2e } = quickPlan(changed)
  console.log(`files changed: ${changed.length}, since ${git('log', '-1', '--format=%h %s', base)}`)
  const checks = [step('format', 'oxfmt', ['--check']), step('lint', 'oxlint', ['--type-aware', '--deny-warnings'])]
  for (const name of tsconfigs) checks.push(step('types', 'tsc', ['-p', name], name))
  const isSound = await Promise.all(checks)
  const vitest = (project: string, args: readonly string[], what: string): Promise<boolean> =>
    step(project, 'vitest', [...args, '--project', project, '--passWithNoTests', '--bail=1', '--silent=passed-only'], what)
  const files = (folder: string, names: readonly string[]): string[] => names.map((name) => `test/${folder}/${name}.test.ts`)
  const tests: Promise<boolean>[] = []
  if (sources.length > 0) tests.push(vitest('unit*', ['related', '--run', ...sources], `what imports ${list(sources, 3)}`))
  if (workerd.length > 0) tests.push(vitest('workerd', ['run', ...files('workerd', workerd)], workerd.join(', ')))
  const isTested = await Promise.all(tests)
  if (e2e.length > 0) isTested.push(await vitest('e2e', ['run', ...files('e2e', e2e)], e2e.join(', ')))
  const left = (folder: string, count: number): string => {
    const all = globSync(`test/${folder}/**/*.test.ts`, { cwd: ROOT }).length
    return `${folder} (${all - count} of ${all} files)`
  }
  const also = workerdLater.length === 0 ? '' : ` of which this asks for ${workerdLater.join(', ')}`
  console.log(`left out: ${left('workerd', workerd.length)}${also}; ${left('e2e', e2e.length)};`)
  console.log('  unit tests and types that import none of it; unused code, package, conformance, interop, chaos')
  const isGood = [...isSound, ...isTested].every(Boolean)
  console.log(`${isGood ? 'passed' : 'FAILED'} in ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
  return isGood
}

function list(names: readonly string[], shown: number): string {
  const more = names.length - shown
  return names.slice(0, shown).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

const [base = defaultBase()] = process.argv.slice(2)
if (base.startsWith('-')) console.log(USAGE)
else process.exitCode = (await quick(base)) ? 0 : 1
