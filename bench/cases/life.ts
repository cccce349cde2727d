/** Cases of living and dying: what sixteen sessions occupy, what a client learns of a death, a long silence, a modern client. */
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive } from '../../test/harness/processes.ts'
import { type Case, prepared, type Subject } from './case.ts'
import { census } from '../contenders/contender.ts'
import { type Figures, loadFigures, runLoad } from '../report/figures.ts'
import { HttpClient, NoAnswer } from './http-client.ts'
import { isAgent, isRelay } from '../contenders/ours.ts'
import { pssBytes, sum } from '../process-tree.ts'
import { OPEN_BOUND_MS, openSession, openSessions, type Session } from './session.ts'

const ALL = ['ours', 'supergateway', 'mcp-proxy', 'mcp-proxy+pipenet', 'supergateway+localtunnel']
const SESSIONS = 16
const IDLE_MS = 3000
/** Beyond the idle time: a client that left without a word is noticed at a write, sweeps run at intervals, processes take their time. */
const GONE_BOUND_MS = IDLE_MS + 37_000
const POLL_MS = 50
const MIB = 1024 ** 2

/** Milliseconds until so many server processes at most are left, or NaN when they stay. */
async function goneMs({ running, childFile }: Subject, atMost: number): Promise<number> {
  const startMs = performance.now()
  while (performance.now() - startMs < GONE_BOUND_MS) {
    if (census(running, childFile).children.length <= atMost) return performance.now() - startMs
    await delay(POLL_MS)
  }
  return Number.NaN
}

const FOOTPRINT: Case = {
  name: 'footprint',
  title: `16 sessions, one server process each (mcp-proxy: one for all): memory (PSS), processes, and when they go (idle time ${IDLE_MS / 1000} s)`,
  columns: [
    { figure: 'ownMiB', heading: 'MiB without servers', digits: 0 },
    { figure: 'allMiB', heading: 'MiB in all', digits: 0 },
    { figure: 'processes', heading: 'processes', digits: 0 },
    { figure: 'goneAfterDeleteMs', heading: 'gone after DELETE, ms', digits: 0 },
    { figure: 'goneAfterLeaveMs', heading: 'gone after leaving, ms', digits: 0 },
  ],
  contenders: ALL,
  notQuick: ALL.slice(2),
  start: { idleMs: IDLE_MS },
  processes: 'alone',
  rounds: 1,
  prepare: async (subject) => {
    const { name, running, childFile } = subject
    const idleChildren = census(running, childFile).children.length
    const { client, sessions } = await openSessions(running.endpoint, SESSIONS, { boundMs: OPEN_BOUND_MS })
    await runLoad(
      sessions.map((session) => () => session.echo()),
      500,
    )
    const round = async (): Promise<Figures> => {
      const { own, children } = census(running, childFile)
      const mib = (pids: readonly number[]): number => sum(pids.map(pssBytes)) / MIB
      const parts: Figures = name.startsWith('ours') ? { relayMiB: mib(own.filter(isRelay)), agentMiB: mib(own.filter(isAgent)) } : {}
      const figures = { ownMiB: mib(own), ...parts, allMiB: mib([...own, ...children]), processes: own.length + children.length }
      // mcp-proxy's one server stays, as it should.
      const perSession = (children.length - idleChildren) / SESSIONS
      const half = sessions.slice(0, SESSIONS / 2)
      await Promise.all(half.map((session) => session.end()))
      const goneAfterDeleteMs = await goneMs(subject, idleChildren + (perSession * SESSIONS) / 2)
      for (const session of sessions.slice(SESSIONS / 2)) session.leave()
      client[Symbol.dispose]()
      return { ...figures, goneAfterDeleteMs, goneAfterLeaveMs: await goneMs(subject, idleChildren) }
    }
    return prepared(round, () => client[Symbol.dispose]())
  },
}

/** How long the relay waits for an agent that may only be cut off is its grace of 30 s; clients here wait longer. */
const DEATH_BOUND_MS = 40_000
/** How soon a supervisor would have a dead agent back. */
const RESTART_MS = 500

/** Milliseconds until a call that runs for ever has ended, once it is known to run. */
async function endOfHangMs(session: Session, kill: () => void, started: number): Promise<number> {
  const call = session.call('hang', '{}', '"text":"', 0, DEATH_BOUND_MS).catch((error: unknown) => {
    if (error instanceof NoAnswer && error.message.startsWith('no answer within')) throw error
  })
  await delay(started)
  const startMs = performance.now()
  kill()
  await call
  return performance.now() - startMs
}

function killed(name: string, title: string, restarts: boolean): Case {
  return {
    name,
    title,
    columns: [{ figure: 'knowsMs', heading: 'ms until the client knows', digits: 0 }],
    contenders: restarts ? ['ours'] : ALL,
    notQuick: restarts ? [] : ALL,
    start: { apart: true },
    processes: 'fresh',
    rounds: 1,
    together: true,
    prepare: async ({ running }) => {
      const { client, session } = await openSession(running.endpoint, { boundMs: OPEN_BOUND_MS })
      const kill = (): void => {
        process.kill(running.agentPid, 'SIGKILL')
        if (restarts) void delay(RESTART_MS).then(running.restart)
      }
      return prepared(
        async () => {
          if (!isAlive(running.agentPid)) throw new Error('the agent is not there')
          return { knowsMs: await endOfHangMs(session, kill, 500) }
        },
        () => client[Symbol.dispose](),
      )
    },
  }
}

const SILENT: Case = {
  name: 'silent-45s',
  title: 'A call that is silent for 45 s',
  columns: [{ figure: 'answeredMs', heading: 'answered after ms', digits: 0 }],
  contenders: ALL,
  processes: 'fresh',
  rounds: 1,
  together: true,
  needsLong: true,
  prepare: async ({ running }) => {
    const { client, session } = await openSession(running.endpoint, { boundMs: OPEN_BOUND_MS })
    const round = async (): Promise<Figures> => {
      const startMs = performance.now()
      await session.call('sleep', '{"ms":45000}', 'slept', 0, 60_000)
      return { answeredMs: performance.now() - startMs }
    }
    return prepared(round, () => client[Symbol.dispose]())
  },
}

const META =
  '{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}'
const MODERN_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'echo',
}

const MODERN: Case = {
  name: 'modern',
  title: 'A client and a server of revision 2026-07-28, one call at a time',
  columns: [
    { figure: 'p50Ms', heading: 'p50 ms', digits: 2 },
    { figure: 'p99Ms', heading: 'p99 ms', digits: 1 },
    { figure: 'callsPerS', heading: 'calls/s', digits: 0 },
  ],
  contenders: ALL,
  notQuick: ['supergateway+localtunnel'],
  start: { modern: true },
  processes: 'fresh',
  rounds: 3,
  prepare: async ({ running }) => {
    const client = new HttpClient(running.endpoint)
    let lastId = 0
    const call = async (): Promise<void> => {
      const id = ++lastId
      const params = `{"name":"echo","arguments":{"text":"hello"},"_meta":${META}}`
      const { status, body } = await client.send(
        'POST',
        MODERN_HEADERS,
        `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`,
      )
      const text = body.toString()
      if (status !== 200 || !text.includes(`"id":${id}`) || !text.includes('"resultType":"complete"'))
        throw new Error(`tools/call: ${status} ${text.slice(0, 160)}`)
    }
    await runLoad([call], 500)
    return prepared(
      async (forMs) => loadFigures(await runLoad([call], forMs)),
      () => client[Symbol.dispose](),
    )
  },
}

export const LIFE_CASES: readonly Case[] = [
  FOOTPRINT,
  killed('agent-killed', 'kill -9 of the agent (of the bridge, of the tunnel’s client) in the middle of a call', false),
  killed('agent-restarted', `The same when a supervisor starts the agent again after ${RESTART_MS} ms`, true),
  SILENT,
  MODERN,
]
