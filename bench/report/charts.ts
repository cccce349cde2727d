/** Which plots a run leaves in docs/. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Chart, drawChart, type Group } from './plot.ts'
import { figure, type Results } from './results.ts'

const DOCS = join(import.meta.dirname, '../../docs')

export interface NamedChart {
  /** File below docs/. */
  readonly file: string
  readonly chart: Chart
}

interface Plan extends Omit<Chart, 'groups'> {
  readonly file: string
  readonly figure: string
  readonly groups: readonly { readonly case: string; readonly title: string }[]
}

const PLANS: readonly Plan[] = [
  {
    file: 'bench-latency.svg',
    title: 'One call at a time',
    unit: 'p50 in milliseconds: less is better',
    digits: 2,
    figure: 'p50Ms',
    groups: [{ case: 'one-at-a-time', title: 'tools/call of an echo' }],
  },
  {
    file: 'bench-throughput.svg',
    title: 'Calls a second',
    unit: 'more is better; each group has its own scale',
    digits: 0,
    figure: 'callsPerS',
    groups: [
      { case: '16-in-flight', title: '16 in flight on one session' },
      { case: '128-in-flight', title: '128 in flight on one session' },
      { case: '16-sessions', title: '16 sessions' },
      { case: '128-sessions', title: '128 sessions' },
      { case: '1000-sessions', title: '1,000 sessions' },
    ],
  },
  {
    file: 'bench-results.svg',
    title: 'Large results',
    unit: 'megabytes a second: more is better; each group has its own scale',
    digits: 1,
    figure: 'mbPerS',
    groups: [
      { case: 'result-64k', title: '64 KiB' },
      { case: 'result-1m', title: '1 MiB' },
      { case: 'result-16m', title: '16 MiB' },
    ],
  },
]

/** The plots for which there are figures. */
export function charts(results: Results): NamedChart[] {
  return PLANS.flatMap(({ file, groups: wanted, figure: what, ...plan }) => {
    const groups = wanted.flatMap((group) => drawnGroup(results, group.case, group.title, what))
    return groups.length === 0 ? [] : [{ file, chart: { ...plan, groups } }]
  })
}

function drawnGroup({ cases, titles }: Results, name: string, title: string, what: string): Group[] {
  const outcomes = cases.find((one) => one.name === name)?.outcomes ?? []
  const bars = outcomes.map(({ contender }) => ({
    label: titles[contender] ?? contender,
    value: figure(cases, name, contender, what),
    isOurs: contender.startsWith('ours'),
  }))
  return bars.length === 0 ? [] : [{ title, bars }]
}

export async function writeCharts(results: Results): Promise<void> {
  for (const { file, chart } of charts(results)) await writeFile(join(DOCS, file), drawChart(chart))
}
