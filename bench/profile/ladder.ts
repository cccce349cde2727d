/** The floor, rung by rung: what HTTP, the Worker, the object, the WebSocket and the pipe cost when nothing else is done; and ours beside it. */
import { join } from 'node:path'
import { type Figures, loadFigures, medians, runLoad } from '../report/figures.ts'
import { HttpClient } from '../cases/http-client.ts'
import { cpuUs } from '../process-tree.ts'
import { ROOT } from '../../test/harness/program.ts'
import { Caller } from './caller.ts'
import { ProfiledRelay, serverOf } from './relay.ts'

export interface Rung {
  readonly title: string
  readonly figures: Figures
}

interface Candidate {
  readonly title: string
  readonly call: () => Promise<unknown>
  /** Processes whose time is counted, by name. */
  readonly processes: Readonly<Record<string, number>>
}

const WARM_UP_MS = 1000
const BODY = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello 1"}}}'

/** Rounds of all rungs, interleaved, with so many calls in flight. */
export async function measureLadder(inFlight: number, rounds: number, roundMs: number): Promise<readonly Rung[]> {
  await using bare = await ProfiledRelay.start(join(import.meta.dirname, 'worker/bare.ts'))
  const echoAgent = await bare.startEchoAgent()
  await using ours = await ProfiledRelay.start(join(ROOT, 'worker/index.ts'))
  const share = await ours.createShare()
  const agent = await ours.startAgent(share, [], [])
  using caller = new Caller({ port: ours.port, path: share.path })
  await caller.initialize()
  await caller.call()
  const clients = new DisposableStack()
  using _clients = clients
  const bareRung = (path: string, title: string): Candidate => {
    const client = clients.use(new HttpClient({ port: bare.port, path }))
    const call = async (): Promise<void> => {
      const { status, body } = await client.send('POST', { 'content-type': 'application/json' }, BODY)
      if (status !== 200 || !body.includes('hello 1')) throw new Error(`${path}: ${status} ${body.toString()}`)
    }
    return { title, call, processes: { workerd: bare.workerd.pid, agent: echoAgent.pid, server: serverOf(echoAgent.pid) } }
  }
  const candidates = [
    bareRung('/worker', 'bare: client → Worker'),
    bareRung('/object', 'bare: … → object (RPC)'),
    bareRung('/agent', 'bare: … → agent (WebSocket)'),
    bareRung('/child', 'bare: … → server (pipe)'),
    {
      title: 'ours',
      call: () => caller.call(),
      processes: { workerd: ours.workerd.pid, agent: agent.pid, server: serverOf(agent.pid) },
    },
  ]
  const results = candidates.map((candidate) => ({ candidate, rounds: [] as Figures[] }))
  for (const { call } of candidates) await runLoad(tasks(call, inFlight), WARM_UP_MS)
  for (let round = 0; round < rounds; round++)
    for (const { candidate, rounds: figures } of results) figures.push(await measure(candidate, inFlight, roundMs))
  return results.map(({ candidate, rounds: figures }) => ({ title: candidate.title, figures: medians(figures) }))
}

async function measure({ call, processes }: Candidate, inFlight: number, roundMs: number): Promise<Figures> {
  const names = Object.entries(processes)
  const before = names.map(([, pid]) => cpuUs(pid))
  const load = await runLoad(tasks(call, inFlight), roundMs)
  const cpu = names.map(([name, pid], at) => [`${name}CpuUs`, (cpuUs(pid) - (before[at] ?? 0)) / load.latenciesMs.length] as const)
  return { ...loadFigures(load), ...Object.fromEntries(cpu) }
}

function tasks(call: () => Promise<unknown>, inFlight: number): (() => Promise<unknown>)[] {
  return Array.from({ length: inFlight }, () => call)
}
