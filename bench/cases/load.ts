/** Cases of calls: how long one takes, how many go through, how fast large results come. */
import type { Case, Column, Subject } from './case.ts'
import { prepared } from './case.ts'
import { census } from '../contenders/contender.ts'
import { type Figures, type Load, loadFigures, runLoad } from '../report/figures.ts'
import { isAgent, isRelay } from '../contenders/ours.ts'
import { availableBytes, cpuUs, sum } from '../process-tree.ts'
import { OPEN_BOUND_MS, openSession, openSessions, Session } from './session.ts'
import { HttpClient } from './http-client.ts'

const ONE_SESSION = ['ours', 'supergateway', 'mcp-proxy', 'mcp-proxy+pipenet', 'supergateway+localtunnel']
const MANY_SESSIONS = ['ours', 'ours-share', 'supergateway', 'mcp-proxy', 'mcp-proxy+pipenet', 'supergateway+localtunnel']
const WARM_UP_MS = 600
const CALL_BOUND_MS = 10_000
/** A server process per session must not take the machine down. */
const MIN_AVAILABLE_BYTES = 4 * 1024 ** 3
/** What a quick run leaves out: tunnels whose failures cost more time than all others' figures, and a thousand processes. */
const SLOW = ['supergateway+localtunnel']
const SLOW_WITH_SESSIONS = ['mcp-proxy+pipenet', 'supergateway+localtunnel']
const SLOW_WITH_MANY = ['supergateway', ...SLOW_WITH_SESSIONS]
const KIB = 1024
const MIB = 1024 * KIB

const LATENCY: readonly Column[] = [
  { figure: 'p50Ms', heading: 'p50 ms', digits: 2 },
  { figure: 'p99Ms', heading: 'p99 ms', digits: 1 },
  { figure: 'callsPerS', heading: 'calls/s', digits: 0 },
  { figure: 'ownCpuUs', heading: 'CPU µs/call', digits: 0 },
  { figure: 'childCpuUs', heading: 'server CPU µs/call', digits: 0 },
]

/** A load's figures, with the processor time that the contender took for each call. */
async function measured({ name, running, childFile }: Subject, load: () => Promise<Load>): Promise<Figures> {
  const { own, children } = census(running, childFile)
  const parts = { own, child: children, ...(name.startsWith('ours') ? { relay: own.filter(isRelay), agent: own.filter(isAgent) } : {}) }
  const before = Object.values(parts).map((pids) => sum(pids.map(cpuUs)))
  const figures = loadFigures(await load())
  const calls = figures['calls'] ?? 1
  const costs = Object.entries(parts).map(([part, pids], at) => [`${part}CpuUs`, (sum(pids.map(cpuUs)) - (before[at] ?? 0)) / calls])
  return { ...figures, ...Object.fromEntries(costs) }
}

function inFlight(name: string, title: string, count: number, rounds?: number): Case {
  return {
    name,
    title,
    columns: LATENCY,
    contenders: [...ONE_SESSION, 'bare'],
    notQuick: count > 1 ? SLOW : [],
    processes: 'standing',
    ...(rounds === undefined ? {} : { rounds }),
    prepare: async (subject) => {
      const { client, session } = await openSession(subject.running.endpoint, { boundMs: OPEN_BOUND_MS })
      const tasks = Array.from({ length: count }, () => () => session.echo(CALL_BOUND_MS))
      await runLoad(tasks, WARM_UP_MS)
      return prepared(
        (forMs) => measured(subject, () => runLoad(tasks, forMs)),
        async () => {
          await session.end()
          client[Symbol.dispose]()
        },
      )
    },
  }
}

function manySessions(name: string, count: number, contenders: readonly string[], processes: Case['processes']): Case {
  return {
    name,
    title: `${count.toLocaleString('en')} sessions, each with its GET stream and one call at a time`,
    columns: LATENCY,
    contenders,
    notQuick: processes === 'alone' ? SLOW_WITH_MANY : SLOW_WITH_SESSIONS,
    processes,
    rounds: 3,
    prepare: async (subject) => {
      const guard = (): void => {
        if (availableBytes() < MIN_AVAILABLE_BYTES) throw new Error('stopped: less than 4 GiB of memory are left')
      }
      const { client, sessions } = await openSessions(subject.running.endpoint, count, { boundMs: OPEN_BOUND_MS }, guard)
      const tasks = sessions.map((session) => () => session.echo(CALL_BOUND_MS))
      await runLoad(tasks, WARM_UP_MS)
      return prepared(
        async (forMs) => ({ ...(await measured(subject, () => runLoad(tasks, forMs))), sessions: sessions.length }),
        () => client[Symbol.dispose](),
      )
    },
  }
}

function results(name: string, shown: string, bytes: number): Case {
  return {
    name,
    title: `Results of ${shown}, one at a time`,
    columns: [
      { figure: 'mbPerS', heading: 'MB/s', digits: 1 },
      { figure: 'p50Ms', heading: 'p50 ms', digits: 2 },
    ],
    contenders: ONE_SESSION,
    notQuick: SLOW,
    processes: 'standing',
    rounds: 3,
    prepare: async (subject) => {
      const { client, session } = await openSession(subject.running.endpoint, { boundMs: OPEN_BOUND_MS })
      const call = () => session.call('big', `{"bytes":${bytes}}`, '"text":"The quick', bytes, CALL_BOUND_MS)
      await runLoad([call], bytes > MIB ? 1 : WARM_UP_MS)
      const round = async (forMs: number): Promise<Figures> => {
        const figures = await measured(subject, () => runLoad([call], forMs))
        return { ...figures, mbPerS: ((figures['callsPerS'] ?? 0) * bytes) / 1e6 }
      }
      return prepared(round, async () => {
        await session.end()
        client[Symbol.dispose]()
      })
    },
  }
}

const FIRST_CALL: Case = {
  name: 'first-call',
  title: 'First call on a new session: initialize, initialized, tools/call, with a new server process where there is one per session',
  columns: [
    { figure: 'p50Ms', heading: 'p50 ms', digits: 1 },
    { figure: 'p99Ms', heading: 'p99 ms', digits: 1 },
  ],
  contenders: MANY_SESSIONS,
  notQuick: SLOW,
  processes: 'fresh',
  rounds: 3,
  prepare: async ({ running }) => {
    const client = new HttpClient(running.endpoint)
    const once = async (latenciesMs: number[]): Promise<void> => {
      const startMs = performance.now()
      const session = await Session.open(client, { stream: 'none', boundMs: OPEN_BOUND_MS })
      await session.echo(CALL_BOUND_MS)
      latenciesMs.push(performance.now() - startMs)
      await session.end()
    }
    await once([])
    const round = async (forMs: number): Promise<Figures> => {
      const latenciesMs: number[] = []
      const { elapsedMs } = await runLoad([() => once(latenciesMs)], forMs)
      return loadFigures({ latenciesMs, elapsedMs })
    }
    return prepared(round, () => client[Symbol.dispose]())
  },
}

export const LOAD_CASES: readonly Case[] = [
  inFlight('one-at-a-time', 'One call at a time', 1),
  inFlight('16-in-flight', '16 calls in flight on one session', 16),
  inFlight('128-in-flight', '128 calls in flight on one session', 128, 3),
  results('result-1k', '1 KiB', KIB),
  results('result-64k', '64 KiB', 64 * KIB),
  results('result-1m', '1 MiB', MIB),
  results('result-16m', '16 MiB', 16 * MIB),
  FIRST_CALL,
  manySessions('16-sessions', 16, MANY_SESSIONS, 'fresh'),
  manySessions('128-sessions', 128, MANY_SESSIONS, 'fresh'),
  manySessions('1000-sessions', 1000, MANY_SESSIONS.slice(1, -1), 'alone'),
]
