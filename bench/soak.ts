/** `npm run soak`: a long time at half of the top load with random disconnects; does memory grow, is anything left over? */
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { descendants, isAlive } from '../test/harness/processes.ts'
import { NODE, Program, ROOT } from '../test/harness/program.ts'
import { freePort } from './contenders/contender.ts'
import { CutProxy } from './cases/cut-proxy.ts'
import { loadFigures, runLoad } from './report/figures.ts'
import { HttpClient } from './cases/http-client.ts'
import { argumentsOf, rssBytes } from './process-tree.ts'
import { Inspector } from './profile/inspector.ts'
import { CHILD_FILE, ProfiledRelay, type ShareAccess, untilReady } from './profile/relay.ts'
import { note, Place, type Tally } from './soak/client.ts'
import { judgeGrowth, type Series } from './soak/report.ts'
import { tableRows } from './soak/table-rows.ts'
import type { Sample } from './report/trend.ts'

const USAGE = `npm run soak -- [options]

A relay, agents and clients at half of the calls that they can make in a second, while links are cut, clients leave, sessions end
and the share's object is reset; then what memory has grown by, and what is left over.

  --minutes N     how long (default: 30)
  --sessions N    clients at a time, each with its GET stream (default: 16)
  --agents N      agents of the share (default: 2)
  --rate N        calls a second, where the machine has other work to do: a rate that changes changes what agents remember
  --every MS      mean pause between two disconnects (default: 3000)
  --limit KIB     growth in KiB a minute that is taken for flat, beyond twice its standard error (default: 100)`

const WORKER = join(ROOT, 'test/chaos/worker/reset-worker.ts')
const TOP_LOAD_MS = 8000
const SAMPLE_MS = 2000
const HEAP_SAMPLE_MS = 5000
const END_MS = 10_000
/** Kinds of disconnects, and how often each comes. */
const FAULTS = ['cut', 'cut', 'cut', 'leave', 'leave', 'leave', 'end', 'end', 'reset'] as const

interface Options {
  readonly minutes: number
  readonly sessions: number
  readonly agents: number
  /** Calls a second; undefined: half of the top load. */
  readonly rate: number | undefined
  readonly everyMs: number
  readonly limitKib: number
}

interface AgentAt {
  readonly program: Program
  readonly proxy: CutProxy
  readonly inspectorPort: number
}

async function startAgent(relay: ProfiledRelay, share: ShareAccess, name: string): Promise<AgentAt> {
  const proxy = await CutProxy.start(relay.port)
  const own = ['--name', name, '--replica', '--reconnect-delay', '200ms', '--max-children', '1000', '--json']
  const inspectorPort = await freePort()
  const args = [`--inspect=127.0.0.1:${inspectorPort}`, 'agent/cli.ts', '--relay', proxy.origin, ...own, '--', NODE, CHILD_FILE]
  const program = new Program(NODE, args, { env: { MCP_EDGE_TOKEN: share.agentToken } })
  await untilReady(program)
  return { program, proxy, inspectorPort }
}

/** Calls at a fixed rate until a time: whoever is late does not catch up. */
async function pace(places: readonly Place[], callsPerS: number, untilMs: number): Promise<void> {
  const everyMs = (places.length / callsPerS) * 1000
  await Promise.all(
    places.map(async (place, at) => {
      for (let dueMs = Date.now() + (at / places.length) * everyMs; dueMs < untilMs; dueMs = Math.max(dueMs + everyMs, Date.now())) {
        const waitMs = dueMs - Date.now()
        if (waitMs > 0) await delay(waitMs)
        await place.call()
      }
    }),
  )
}

async function disturb(
  places: readonly Place[],
  agents: readonly AgentAt[],
  reset: () => Promise<void>,
  everyMs: number,
  tally: Tally,
  untilMs: number,
) {
  for (;;) {
    await delay(2 * Math.random() * everyMs)
    if (Date.now() > untilMs) return
    const fault = pick(FAULTS)
    note(tally.faults, fault ?? '')
    if (fault === 'cut') pick(agents)?.proxy.cut(Math.random() < 0.5)
    else if (fault === 'leave') pick(places)?.leave()
    else if (fault === 'end') pick(places)?.end()
    else await reset()
  }
}

function pick<T>(from: readonly T[]): T | undefined {
  return from[Math.floor(Math.random() * from.length)]
}

/** Looks at a few figures in KiB, again and again. */
async function sample(looks: ReadonlyMap<string, () => number | Promise<number>>, everyMs: number, untilMs: number): Promise<Series> {
  const series = new Map([...looks.keys()].map((name) => [name, [] as Sample[]]))
  for (; Date.now() < untilMs; await delay(everyMs))
    for (const [name, look] of looks) series.get(name)?.push({ atMs: Date.now(), value: (await look()) / 1024 })
  return series
}

async function topLoad(places: readonly Place[]): Promise<number> {
  const tasks = places.map((place) => () => place.call())
  await runLoad(tasks, TOP_LOAD_MS / 2)
  return loadFigures(await runLoad(tasks, TOP_LOAD_MS))['callsPerS'] ?? 0
}

async function soak({ minutes, sessions, agents: agentCount, rate, everyMs, limitKib }: Options): Promise<string[]> {
  await using relay = await ProfiledRelay.start(WORKER, { inspect: true })
  const share = await relay.createShare()
  const tally: Tally = { answered: 0, failed: new Map(), faults: new Map() }
  await using stack = new AsyncDisposableStack()
  const agents: AgentAt[] = []
  for (let at = 0; at < agentCount; at++) {
    const agent = await startAgent(relay, share, `agent-${at}`)
    stack.defer(async () => {
      agent.proxy[Symbol.dispose]()
      await agent.program[Symbol.asyncDispose]()
    })
    agents.push(agent)
  }
  using client = new HttpClient({ port: relay.port, path: share.path })
  const places = Array.from({ length: sessions }, () => new Place(client, tally))
  const top = await topLoad(places)
  const callsPerS = rate ?? top / 2
  say(
    `top load ${top.toFixed(0)} calls/s; ${minutes} minutes at ${callsPerS.toFixed(0)} calls/s with ${sessions} sessions and ${agentCount} agents`,
  )
  const shareId = share.path.split('/')[2] ?? ''
  const reset = async (): Promise<void> => void (await fetch(`${relay.origin}/chaos/abort/${shareId}`, { method: 'POST' }))
  const untilMs = Date.now() + minutes * 60_000
  const parts = [
    { name: 'workerd', pid: relay.workerd.pid, inspectorPort: relay.inspectorPort },
    ...agents.map(({ program, inspectorPort }, at) => ({ name: `agent ${at}`, pid: program.pid, inspectorPort })),
  ]
  const heaps = new Map<string, () => Promise<number>>()
  for (const { name, inspectorPort } of parts) {
    const inspector = stack.use(await Inspector.connect(inspectorPort))
    heaps.set(`${name}, heap in use`, () => inspector.heapBytes())
  }
  const [resident, heap] = await Promise.all([
    sample(new Map(parts.map(({ name, pid }) => [`${name}, resident`, () => rssBytes(pid)])), SAMPLE_MS, untilMs),
    sample(heaps, HEAP_SAMPLE_MS, untilMs),
    pace(places, callsPerS, untilMs),
    disturb(places, agents, reset, everyMs, tally, untilMs),
  ])
  say(`answered ${tally.answered}; disconnects: ${shown(tally.faults)}`)
  const failed = [...tally.failed.values()].reduce((sum, count) => sum + count, 0)
  for (const [reason, count] of tally.failed) say(`failed ${count}: ${reason}`)
  const { lines, growing } = judgeGrowth(new Map([...resident, ...heap]), minutes, limitKib)
  for (const line of lines) say(line)
  const wrong = [...growing]
  if (failed > 0) wrong.push(`${failed} calls have failed`)
  for (const place of places) await place.close()
  return [...wrong, ...(await leftOver(relay, agents))]
}

/** All sessions have ended: no server may run, and no row of theirs may be left. */
async function leftOver(relay: ProfiledRelay, agents: readonly AgentAt[]): Promise<string[]> {
  const servers = (): number => agents.flatMap(({ program }) => descendants(program.pid)).filter(isServer).length
  for (let waitedMs = 0; waitedMs < END_MS && servers() > 0; waitedMs += 250) await delay(250)
  const wrong = servers() === 0 ? [] : [`${servers()} servers run for nobody`]
  const all = agents.flatMap(({ program }) => [program.pid, ...descendants(program.pid)])
  await Promise.all(agents.map(({ program }) => program.kill9()))
  await relay.workerd.kill9()
  for (let waitedMs = 0; waitedMs < END_MS && all.some(isAlive); waitedMs += 250) await delay(250)
  const orphans = all.filter(isAlive).length
  if (orphans > 0) wrong.push(`${orphans} orphans`)
  const rows = tableRows(relay.file('storage'), 'Share')
  say(`orphans: ${orphans}; rows: ${shown(rows)}`)
  for (const [table, count] of rows) {
    const allowed = OF_SESSIONS.has(table) ? 0 : MAX_ROWS_OF_SHARE
    if (count > allowed) wrong.push(`${count} rows in ${table}`)
  }
  return wrong
}

/** Tables whose rows are of sessions, and end with them. What others have is of the share, or of its agents. */
const OF_SESSIONS: ReadonlySet<string> = new Set(['session', 'handshake', 'channel', 'snapshot', 'parked', 'kept', 'listen'])
const MAX_ROWS_OF_SHARE = 8

function isServer(pid: number): boolean {
  return isAlive(pid) && argumentsOf(pid).some((word) => basename(word) === basename(CHILD_FILE))
}

function shown(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ')
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function readOptions(args: readonly string[]): Options | undefined {
  const text = (value: string) => ({ type: 'string', default: value }) as const
  const options = {
    minutes: text('30'),
    sessions: text('16'),
    agents: text('2'),
    every: text('3000'),
    limit: text('100'),
    rate: { type: 'string' },
    help: { type: 'boolean' },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  if (values.help === true) return undefined
  const number = (name: 'minutes' | 'sessions' | 'agents' | 'every' | 'limit' | 'rate'): number => {
    const value = Number(values[name])
    if (!(value > 0)) throw new Error(`--${name} must be a positive number`)
    return value
  }
  return {
    minutes: number('minutes'),
    sessions: number('sessions'),
    agents: number('agents'),
    rate: values.rate === undefined ? undefined : number('rate'),
    everyMs: number('every'),
    limitKib: number('limit'),
  }
}

const options = readOptions(process.argv.slice(2))
if (options === undefined) say(USAGE)
else {
  const wrong = await soak(options)
  for (const text of wrong) say(`NOT WELL: ${text}`)
  if (wrong.length === 0) say('flat, and nothing left over')
  process.exitCode = wrong.length === 0 ? 0 : 1
}
