/** `npm run bench`: ours and the peers side by side. Prints tables; a whole run also writes bench/results.json and the plots. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { descendants } from '../test/harness/processes.ts'
import { NODE } from '../test/harness/program.ts'
import { BARE } from './contenders/bare.ts'
import type { Case, Pace } from './cases/case.ts'
import { LIFE_CASES } from './cases/life.ts'
import { LOAD_CASES } from './cases/load.ts'
import { SDK_CASES } from './cases/sdk.ts'
import { STREAM_CASES } from './cases/streams.ts'
import { writeCharts } from './report/charts.ts'
import type { Contender } from './contenders/contender.ts'
import { measureFloor } from './contenders/floor.ts'
import { machine, ownVersions } from './machine.ts'
import { type BenchOptions, readBenchOptions, USAGE } from './options.ts'
import { OURS, OURS_SHARED } from './contenders/ours.ts'
import { compileChild, installPeers, peerVersions } from './contenders/peer-packages.ts'
import { PEERS } from './contenders/peers.ts'
import { endTrees } from './process-tree.ts'
import { growth, ratios } from './report/ratios.ts'
import { type CaseResult, type Matching, type Results, writeResults } from './report/results.ts'
import { Runner } from './runner.ts'
import { benchLongPoll } from './long-poll.ts'
import { benchTrust } from './trust.ts'
import { benchWeb } from './web.ts'
import { caseRows, failureLines, matchingRows, ratioRows, shown, textTable } from './report/table.ts'

const CASES: readonly Case[] = [...LOAD_CASES, ...SDK_CASES, ...STREAM_CASES, ...LIFE_CASES]
const CONTENDERS: readonly Contender[] = [OURS, OURS_SHARED, ...PEERS, BARE]
const FULL: Pace = { rounds: 5, roundMs: 800, isQuick: false }
const QUICK: Pace = { rounds: 1, roundMs: 700, isQuick: true }
const TITLES = Object.fromEntries(CONTENDERS.map(({ name, title }) => [name, title]))

/** Its own name for work without sockets, which no contender takes part in. */
const MATCHING = 'matching'

async function bench(options: BenchOptions): Promise<void> {
  const date = new Date().toISOString()
  const [where, versions] = [machine(), ownVersions()]
  const contenders = CONTENDERS.filter(({ name }) => isWanted(options.peers, name) || isWanted(options.peers, name.split('-')[0] ?? ''))
  const cases = CASES.filter((one) => isWanted(options.cases, one.name) && (options.long || options.cases !== undefined || !one.needsLong))
  if (contenders.some((contender) => PEERS.includes(contender))) {
    if (options.install) await installPeers(say)
    Object.assign(versions, await peerVersions())
  }
  const pace = options.quick ? QUICK : FULL
  const floor = await measureFloor(pace.roundMs)
  say(
    `client alone: p50 ${shown(floor['p50Ms'], 3)} ms, ${shown(floor['callsPerS16'], 0)} calls/s with 16 in flight, ${shown(floor['callsPerS1000'], 0)} with 1,000`,
  )
  const matching = isWanted(options.cases, MATCHING) ? await runMatching() : undefined
  const done = await runCases(cases, contenders, await compileChild(), pace)
  const results: Results = {
    date,
    pace: options.quick ? 'quick' : 'full',
    machine: where,
    versions,
    titles: TITLES,
    floor,
    cases: done,
    ratios: [...ratios(done), ...(matching === undefined ? [] : growth(matching))],
    ...(matching === undefined ? {} : { matching }),
  }
  if (results.ratios.length > 0) say(`\nWhat is wanted\n${textTable(ratioRows(results.ratios))}`)
  if (options.cases !== undefined || options.peers !== undefined) return
  await writeResults(results)
  await writeCharts(results)
  say('\nbench/results.json and docs/bench-*.svg are written; node bench/report/readme.ts puts them into the README')
}

function isWanted(names: readonly string[] | undefined, name: string): boolean {
  return names === undefined || names.includes(name)
}

async function runCases(cases: readonly Case[], contenders: readonly Contender[], childFile: string, pace: Pace): Promise<CaseResult[]> {
  await using runner = new Runner(childFile, pace)
  const done: CaseResult[] = []
  for (const one of cases) {
    const startMs = performance.now()
    const result = await runner.run(one, contenders)
    if (result.outcomes.length === 0) continue
    done.push(result)
    const tookS = (performance.now() - startMs) / 1000
    say(`\n${one.title} (--case ${one.name}, ${shown(tookS, 0)} s)\n${textTable(caseRows(result, TITLES))}`)
    for (const line of failureLines(result, TITLES)) say(`  ${line}`)
  }
  return done
}

/** In a process of its own, whose heap nothing else has shaped. */
async function runMatching(): Promise<Matching> {
  const { stdout } = await promisify(execFile)(NODE, [join(import.meta.dirname, 'matching.ts'), '--json'])
  const matching = JSON.parse(stdout) as Matching
  const rows = matchingRows(matching)
  say(`\nWithout sockets (--case ${MATCHING})\n${textTable(rows.bySize)}\n\n${textTable(rows.byPending)}`)
  return matching
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Whoever stops a bench wants nothing of it to go on. */
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // Meanwhile the run goes on, and may have started others.
    void endTrees(descendants(process.pid))
      .then(() => endTrees(descendants(process.pid), 0))
      .then(() => process.exit(1))
  })
}

const [first, ...others] = process.argv.slice(2)
if (first === 'trust') await benchTrust(others)
else if (first === 'web') process.exitCode = await benchWeb(others)
else if (first === 'long-poll') await benchLongPoll(others)
else await runBench()

async function runBench(): Promise<void> {
  const options = readBenchOptions(process.argv.slice(2))
  if (options.help) say(USAGE)
  else if (options.list)
    say(`cases: ${[MATCHING, ...CASES.map(({ name }) => name)].join(', ')}\ncontenders: ${CONTENDERS.map(({ name }) => name).join(', ')}`)
  else await bench(options)
}
