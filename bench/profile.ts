/** `node bench/profile.ts`: where the time of one call through the relay goes, and the memory of an idle stream. Tables only; nothing is written. */
import { parseArgs } from 'node:util'
import { type Spent, profileCpu } from './profile/cpu.ts'
import { measureHops } from './profile/hops.ts'
import { measureIdle } from './profile/idle.ts'
import { measureLadder } from './profile/ladder.ts'
import { shown, textTable } from './report/table.ts'

const USAGE = `node bench/profile.ts [options]

  --only A,B       of hops, ladder, cpu, idle (default: hops, ladder, cpu)
  --in-flight N    calls in flight for the ladder's second table and the CPU profile (default 16)
  --seconds N      length of each measurement (default 3)
  --rows N         functions shown of each CPU profile (default 40)`

const ROUNDS = 5
const IDLE_STREAMS = 1000
const KIB = 1024

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'hops,ladder,cpu' },
    'in-flight': { type: 'string', default: '16' },
    seconds: { type: 'string', default: '3' },
    rows: { type: 'string', default: '40' },
    help: { type: 'boolean', default: false },
  },
})
const inFlight = Number(values['in-flight'])
const forMs = Number(values.seconds) * 1000
const parts = values.only.split(',')

function say(title: string, rows: readonly (readonly string[])[]): void {
  console.log(`\n${title}\n\n${textTable(rows)}`)
}

async function hops(): Promise<void> {
  const rows = (await measureHops(forMs)).map(({ title, us }) => [title, shown(us, 0)])
  say('One call at a time, hop by hop: mean, µs (agent and server are tapped, which costs some)', [['', 'µs'], ...rows])
}

async function ladder(count: number): Promise<void> {
  const columns = ['p50Ms', 'p99Ms', 'callsPerS', 'workerdCpuUs', 'agentCpuUs', 'serverCpuUs'] as const
  const rungs = await measureLadder(count, ROUNDS, forMs / ROUNDS)
  const rows = rungs.map(({ title, figures }) => [title, ...columns.map((name) => shown(figures[name], name.endsWith('Ms') ? 2 : 0))])
  const heads = ['', 'p50 ms', 'p99 ms', 'calls/s', 'workerd CPU µs/call', 'agent', 'server']
  say(`The floor, rung by rung, and ours; ${count} in flight; medians of ${ROUNDS} rounds`, [heads, ...rows])
}

function spent({ title, calls, byFunction, byModule }: Spent): void {
  const row = ({ where, selfUs, totalUs }: Spent['byFunction'][number]): string[] => [
    where,
    shown(selfUs / calls, 1),
    shown(totalUs / calls, 1),
  ]
  const heads = ['', 'self µs/call', 'total µs/call']
  const busyUs = byFunction.reduce((total, { selfUs }) => total + selfUs, 0)
  say(`${title}: ${shown(busyUs / calls, 0)} µs of JavaScript's thread a call, ${inFlight} in flight, by module`, [
    heads,
    ...byModule.slice(0, 25).map(row),
  ])
  say(`${title}, by function`, [heads, ...byFunction.slice(0, Number(values.rows)).map(row)])
}

async function idle(): Promise<void> {
  const rungs = await measureIdle(IDLE_STREAMS)
  const rows = rungs.map(({ title, ...bytes }) => [
    title,
    ...[bytes.bytes, bytes.collectedBytes, bytes.heapBytes].map((value) => shown(value / KIB, 1)),
  ])
  const heads = ['', 'KiB', 'without garbage', "of it V8's heap"]
  say(`Memory of workerd for each of ${IDLE_STREAMS} idle GET streams (PSS)`, [heads, ...rows])
}

if (values.help) console.log(USAGE)
else {
  if (parts.includes('hops')) await hops()
  if (parts.includes('ladder')) for (const count of [1, inFlight]) await ladder(count)
  if (parts.includes('idle')) await idle()
  if (parts.includes('cpu')) for (const one of await profileCpu(inFlight, forMs)) spent(one)
}
