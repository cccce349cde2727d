/** `node bench/lanes.ts`: the same load on shares of 1, 2, 4 and 8 lanes. Tables only; nothing is written. docs/scale.md has the figures. */
import { parseArgs } from 'node:util'
import { join } from 'node:path'
import { ROOT } from '../test/harness/program.ts'
import { type Figures, loadFigures, medians, runLoad } from './report/figures.ts'
import { machine, ownVersions } from './machine.ts'
import { cpuUs, pssBytes } from './process-tree.ts'
import { Caller } from './profile/caller.ts'
import { ProfiledRelay } from './profile/relay.ts'
import { shown, textTable } from './report/table.ts'

const USAGE = `node bench/lanes.ts [options]

  --lanes A,B      lanes of the shares (default 1,2,4,8)
  --sessions N     sessions of each share, each with one call in flight (default 64)
  --rounds N       rounds, all shares in each; the medians are shown (default 5)
  --seconds N      length of a round for each share (default 2)`

const WARM_UP_MS = 1000
const MIB = 1024 * 1024

const { values } = parseArgs({
  options: {
    lanes: { type: 'string', default: '1,2,4,8' },
    sessions: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
})

interface Candidate {
  readonly lanes: number
  readonly callers: readonly Caller[]
  readonly agentPid: number
  /** Of the agent without its servers, before the first call. */
  readonly agentMib: number
  readonly rounds: Figures[]
}

async function prepare(relay: ProfiledRelay, lanes: number, sessions: number, ending: DisposableStack): Promise<Candidate> {
  const share = await relay.createShare(lanes)
  const agent = await relay.startAgent(share, [], [])
  const agentMib = pssBytes(agent.pid) / MIB
  const callers = Array.from({ length: sessions }, () => ending.use(new Caller({ port: relay.port, path: share.path })))
  for (const caller of callers) await caller.initialize()
  return { lanes, callers, agentPid: agent.pid, agentMib, rounds: [] }
}

async function measure({ callers, agentPid, agentMib }: Candidate, relay: ProfiledRelay, forMs: number): Promise<Figures> {
  const before = { workerd: cpuUs(relay.workerd.pid), agent: cpuUs(agentPid) }
  const load = loadFigures(
    await runLoad(
      callers.map((caller) => () => caller.call()),
      forMs,
    ),
  )
  const each = (us: number): number => us / (load['calls'] ?? Number.NaN)
  const workerdCpuUs = each(cpuUs(relay.workerd.pid) - before.workerd)
  return { ...load, workerdCpuUs, agentCpuUs: each(cpuUs(agentPid) - before.agent), agentMib }
}

async function main(): Promise<void> {
  // One server process for each lane: with one for each session, it is those that the machine would be busy with.
  process.env['MCP_EDGE_ISOLATE'] = 'share'
  process.env['MCP_EDGE_MAX_CHILDREN'] = '64'
  const forMs = Number(values.seconds) * 1000
  await using relay = await ProfiledRelay.start(join(ROOT, 'worker/index.ts'))
  using ending = new DisposableStack()
  const candidates: Candidate[] = []
  for (const lanes of values.lanes.split(',')) candidates.push(await prepare(relay, Number(lanes), Number(values.sessions), ending))
  for (const candidate of candidates) await measure(candidate, relay, WARM_UP_MS)
  for (let round = 0; round < Number(values.rounds); round++)
    for (const candidate of candidates) candidate.rounds.push(await measure(candidate, relay, forMs))
  const columns = { callsPerS: 0, p50Ms: 1, p99Ms: 1, workerdCpuUs: 0, agentCpuUs: 0, agentMib: 1 } as const
  const rows = candidates.map(({ lanes, rounds }) => {
    const figures = medians(rounds)
    return [String(lanes), ...Object.entries(columns).map(([name, digits]) => shown(figures[name], digits))]
  })
  const heads = ['lanes', 'calls/s', 'p50 ms', 'p99 ms', 'workerd CPU µs/call', 'agent', 'agent MiB, idle']
  console.log(JSON.stringify({ ...machine(), ...ownVersions() }))
  console.log(
    `\n${values.sessions} sessions, a call of each in flight; medians of ${values.rounds} rounds\n\n${textTable([heads, ...rows])}`,
  )
}

if (values.help) console.log(USAGE)
else await main()
