/** `npm run conformance`: the official suite through a real relay and agent against our own servers; a table, and an exit code. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { endOnSignal } from '../harness/interrupted.ts'
import { Selfhost, StateFolder } from '../harness/selfhost.ts'
import { NODE, ROOT, run } from '../harness/program.ts'
import { type HttpServerKind, startHttpServer } from '../harness/http-server.ts'
import { type Exception, EXCEPTIONS } from './exceptions.ts'

const USAGE = `npm run conformance

Runs the official suite through a real relay and agent against our own stdio servers, of both eras, and prints a table for
each of them, and for one made of two. It takes a few minutes. With \`-- --url\` the same servers speak HTTP to the agent.
Exit codes: 0 every scored scenario passed, 1 one did not, 2 wrong usage.`

const options = readOptions()
const isOverHttp = options.url

/** Bound of one scenario; the suite's own default is for slower servers. */
const SCENARIO_MS = 20_000
/** Bound of the whole suite. */
const SUITE_MS = 300_000

/** The suite gives a call 600 ms that needs a new server process (server-stateless): on a busy machine one must be there. */
const SPARE = '1'

/** Seconds after which the relay ends a quiet stream: so soon that the suite sees it. */
const POLL_AFTER = '3'

function readOptions(): { readonly help: boolean; readonly url: boolean } {
  const flag = { type: 'boolean', default: false } as const
  try {
    return parseArgs({ options: { help: flag, url: flag } }).values
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    process.exit(2)
  }
}

interface Target {
  readonly requirements: string
  readonly server: string
  /** Of an extension, which no set of requirements scores: each must pass all the same. */
  readonly scenarios?: readonly string[]
  /** How the same server is served over HTTP; absent where it is not. */
  readonly http?: HttpServerKind
}

/** Those of the Tasks extension (SEP-2663). */
const TASKS = [
  'tasks-capability-negotiation',
  'tasks-dispatch-and-envelope',
  'tasks-lifecycle',
  'tasks-mrtr-composition',
  'tasks-mrtr-input',
  'tasks-request-headers',
  'tasks-request-state-removal',
  'tasks-required-task-error',
  'tasks-status-notifications',
  'tasks-wire-fields',
]

const TARGETS: readonly Target[] = [
  { requirements: '2025-11-25', server: 'legacy-server.ts', http: 'sdk1' },
  { requirements: '2026-07-28', server: 'legacy-server.ts', http: 'sdk1' },
  { requirements: '2025-11-25', server: 'modern-server.ts', http: 'sdk2' },
  { requirements: '2026-07-28', server: 'modern-server.ts', http: 'sdk2' },
  { requirements: '2026-07-28', server: 'tasks-server.ts', scenarios: TASKS },
  { requirements: '2025-11-25', server: 'merged-server.ts' },
]

interface Verdict {
  readonly scenario: string
  readonly passed: number
  readonly failed: number
}

const SUITE = join(ROOT, 'node_modules/@modelcontextprotocol/conformance')

/** The server scenarios that a requirement set scores: the first list of its YAML. */
function scoredScenarios(requirements: string): string[] {
  const lines = readFileSync(join(SUITE, 'requirements', `${requirements}.yaml`), 'utf8').split('\n')
  const start = lines.indexOf('server:') + 1
  const end = lines.findIndex((line, index) => index >= start && /^\S/.test(line))
  const scenarios = lines.slice(start, end).flatMap((line) => /^\s+- (\S+)/.exec(line)?.[1] ?? [])
  if (scenarios.length === 0) throw new Error(`no scored scenarios in ${requirements}.yaml`)
  return scenarios
}

function readVerdicts(output: string): Verdict[] {
  return [...output.matchAll(/^\S ([\w-]+): (\d+) passed, (\d+) failed/gm)].map(([, scenario = '', passed, failed]) => ({
    scenario,
    passed: Number(passed),
    failed: Number(failed),
  }))
}

async function runSuite(target: Target): Promise<Verdict[]> {
  await using folder = await StateFolder.create()
  await using out = await StateFolder.create()
  await using http = isOverHttp && target.http !== undefined ? await startHttpServer(target.http) : undefined
  const server = http === undefined ? ['--', NODE, join(ROOT, 'test/conformance', target.server)] : ['--url', http.url]
  await using host = await Selfhost.start(['--port', '0', '--data', folder.path, ...server], {
    POLL_AFTER_SECONDS: POLL_AFTER,
    MCP_EDGE_SPARE: SPARE,
  })
  const args = [join(SUITE, 'dist/index.js'), 'server', '--url', host.line.shareUrl, '--timeout', String(SCENARIO_MS), '-o', out.path]
  if (target.scenarios !== undefined) return await runEach(target.scenarios, [...args, '--spec-version', target.requirements])
  const suite = await run(NODE, [...args, '--requirements', target.requirements], { boundMs: SUITE_MS })
  const verdicts = readVerdicts(suite.stdout)
  if (verdicts.length === 0) throw new Error(`the suite gave no verdicts:\n${suite.stdout}\n${suite.stderr}`)
  return verdicts
}

/** Runs scenarios that belong to no set of requirements, one by one. */
async function runEach(scenarios: readonly string[], args: readonly string[]): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const scenario of scenarios) {
    const { stdout, stderr } = await run(NODE, [...args, '--scenario', scenario, '--force'], { boundMs: SUITE_MS })
    const [, passed, failed] = /^Passed: (\d+)\/\d+, (\d+) failed/m.exec(stdout) ?? []
    if (passed === undefined) throw new Error(`the suite gave no verdict of ${scenario}:\n${stdout}\n${stderr}`)
    verdicts.push({ scenario, passed: Number(passed), failed: Number(failed) })
  }
  return verdicts
}

function isPass(verdict: Verdict | undefined): boolean {
  return verdict !== undefined && verdict.failed === 0 && verdict.passed > 0
}

function wordFor(verdict: Verdict | undefined): string {
  if (verdict === undefined) return 'DID NOT RUN'
  if (verdict.failed > 0) return 'FAILED'
  return verdict.passed > 0 ? 'passed' : 'no checks'
}

/** Prints why a scenario does not count; false when it passes, so that there is nothing to except. */
function reportException({ scenario, proof }: Exception, verdict: Verdict | undefined): boolean {
  if (isPass(verdict)) console.log(`  ${scenario} passes: strike it from exceptions.ts`)
  else console.log(`  not counted: ${scenario}. ${proof}`)
  return !isPass(verdict)
}

/** Prints the table of one target and says whether every scored scenario passed. */
async function report(target: Target): Promise<boolean> {
  const verdicts = new Map((await runSuite(target)).map((verdict) => [verdict.scenario, verdict]))
  const scored = target.scenarios ?? scoredScenarios(target.requirements)
  const unscored = [...verdicts.keys()].filter((scenario) => !scored.includes(scenario))
  console.log(`${target.requirements} · ${target.server}${isOverHttp ? ` over HTTP (${target.http})` : ''}`)
  for (const scenario of [...scored, ...unscored]) {
    const verdict = verdicts.get(scenario)
    const word = wordFor(verdict)
    const checks = verdict ? `${verdict.passed} of ${verdict.passed + verdict.failed} checks` : ''
    const note = scored.includes(scenario) ? '' : ' (not scored)'
    console.log(`  ${scenario.padEnd(34)} ${word.padEnd(12)} ${checks}${note}`)
  }
  const excepted = EXCEPTIONS.filter(({ requirements, server }) => requirements === target.requirements && server === target.server)
  const counted = scored.filter((scenario) => excepted.every((exception) => exception.scenario !== scenario))
  const passed = counted.filter((scenario) => isPass(verdicts.get(scenario))).length
  const areNeeded = excepted.map((exception) => reportException(exception, verdicts.get(exception.scenario)))
  console.log(`${passed} of ${counted.length} scored scenarios passed\n`)
  return passed === counted.length && areNeeded.every(Boolean)
}

if (options.help) {
  console.log(USAGE)
  process.exit(0)
}

endOnSignal()
const outcomes: boolean[] = []
for (const target of TARGETS.filter(({ http }) => http !== undefined || !isOverHttp)) outcomes.push(await report(target))
process.exitCode = outcomes.every(Boolean) ? 0 : 1
