/** The README's performance section, made from bench/results.json: `node bench/report/readme.ts` after a run. */
import { readFileSync, writeFileSync } from 'node:fs'
import { charts } from './charts.ts'
import { readResults, type Results } from './results.ts'
import { caseRows, failureLines, markdownTable, ratioRows } from './table.ts'

const README = new URL('../../README.md', import.meta.url)
const START = '<!-- bench:start -->'
const END = '<!-- bench:end -->'
/** Without a section yet, it goes before this heading. */
const BEFORE = '## Limits'
/** The tables that the README shows; all are in bench/results.json. */
const SHOWN = ['one-at-a-time', '16-in-flight', '1000-sessions', 'result-1m', 'result-16m', 'footprint', 'silent-45s']

/** The section with its marks. */
export function renderSection(results: Results): string {
  const { date, pace, machine, versions, titles, floor, cases, ratios } = results
  const list = (facts: Readonly<Record<string, string | number>>): string =>
    Object.entries(facts)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')
  const shown = SHOWN.flatMap((name) => cases.find((one) => one.name === name) ?? [])
  const tables = shown.flatMap((one) => [`**${one.title}**`, '', markdownTable(caseRows(one, titles)), ''])
  const failures = shown.flatMap((one) => {
    const said = failureLines(one, titles)
    return said.length === 0 ? [] : [`${one.title}:`, ...said]
  })
  const failed =
    failures.length === 0
      ? []
      : ['<details><summary>What failed, and by which command</summary>', '', '```', ...failures, '```', '', '</details>', '']
  const lines = [
    START,
    '## Performance',
    '',
    `Measured on ${date.slice(0, 10)} by \`npm run bench${pace === 'quick' ? ' -- --quick' : ''}\`, which repeats it: one client, one server, rounds interleaved, medians, all on`,
    `loopback, where every hop costs processor time and none costs distance. Machine: ${list(machine)}. Versions: ${list(versions)}. The`,
    `client alone, against an HTTP server that does nothing: ${floor['p50Ms']} ms at p50, ${floor['callsPerS16']} calls/s with 16 in flight.`,
    ...('bare' in titles
      ? [
          `"${titles['bare']}" is a Worker, an object, a WebSocket, an agent and a pipe that only pass bytes on: what a relay of this shape`,
          'cannot go below. It knows no sessions, no clients and no keys, and loses every call under way with its link.',
        ]
      : []),
    '',
    ...charts(results).flatMap(({ file, chart }) => [`![${chart.title}](docs/${file})`, '']),
    markdownTable(ratioRows(ratios)),
    '',
    ...tables,
    ...failed,
    'All cases are in [bench/results.json](bench/results.json).',
    END,
  ]
  return lines.join('\n')
}

/** The section that stands in a README, or undefined. */
export function sectionOf(readme: string): string | undefined {
  const from = readme.indexOf(START)
  const to = readme.indexOf(END)
  return from === -1 || to === -1 ? undefined : readme.slice(from, to + END.length)
}

/** @throws {Error} when there is neither a section nor the heading before which it goes. */
export function putSection(readme: string, section: string): string {
  const before = sectionOf(readme)
  if (before !== undefined) return readme.replace(before, () => section)
  if (!readme.includes(`\n${BEFORE}\n`)) throw new Error(`README.md has no ${START} and no heading ${BEFORE}`)
  return readme.replace(`\n${BEFORE}\n`, () => `\n${section}\n\n${BEFORE}\n`)
}

if (import.meta.main) {
  const results = readResults()
  if (results === undefined) throw new Error('there is no bench/results.json: run npm run bench first')
  writeFileSync(README, putSection(readFileSync(README, 'utf8'), renderSection(results)))
}
