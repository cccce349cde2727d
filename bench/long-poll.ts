/** `npm run bench -- long-poll`: what a call costs more where no WebSocket gets through. Prints a table; nothing is written. */
import { parseArgs } from 'node:util'
import { NODE } from '../test/harness/program.ts'
import { createShare, type Relay, startAgent, startRelay } from '../test/harness/selfhost.ts'
import { openSession, type Session } from './cases/session.ts'
import { machine, ownVersions } from './machine.ts'
import { CHILD_FILE } from './profile/relay.ts'
import { type Figures, loadFigures, medians, runLoad } from './report/figures.ts'
import { inTurn, roundRatio } from './report/round-ratio.ts'
import { shown, textTable } from './report/table.ts'

const USAGE = `npm run bench -- long-poll [options]

One relay, two shares with the same server: one agent has a WebSocket, the other polls. All on one machine, so that no network adds its
round trips, of which a call over polls has one more.

  --rounds N     rounds of each case, both agents in each (default 7)
  --seconds N    length of a round for each agent (default 5)`

const ARGUMENTS = '{"text":"hello"}'
const WARM_UP_MS = 500
const CALL_BOUND_MS = 10_000

const CASES = [
  { title: 'One call at a time', inFlight: 1 },
  { title: '16 calls in flight on one session', inFlight: 16 },
] as const

const COLUMNS = [
  ['p50Ms', 'p50 ms', 3],
  ['p99Ms', 'p99 ms', 3],
  ['callsPerS', 'calls/s', 0],
] as const

async function prepare(relay: Relay, ending: AsyncDisposableStack, transport: 'websocket' | 'poll'): Promise<Session> {
  const share = await createShare(relay)
  ending.use(await startAgent(share, { command: [NODE, CHILD_FILE], args: ['--transport', transport] }))
  const url = new URL(share.shareUrl)
  const { client, session } = await openSession({ port: Number(url.port), path: url.pathname })
  ending.use(client)
  return session
}

async function measure(session: Session, inFlight: number, forMs: number): Promise<Figures> {
  const call = () => session.call('echo', ARGUMENTS, '"text":"hello"', 0, CALL_BOUND_MS)
  return loadFigures(
    await runLoad(
      Array.from({ length: inFlight }, () => call),
      forMs,
    ),
  )
}

function rows(sockets: readonly Figures[], polls: readonly Figures[]): string[][] {
  const [bySocket, byPolls] = [medians(sockets), medians(polls)]
  return COLUMNS.map(([figure, heading, digits]) => {
    const { median, least, most } = roundRatio(sockets, polls, figure)
    return [
      heading,
      shown(bySocket[figure], digits),
      shown(byPolls[figure], digits),
      shown(median, 2),
      `${shown(least, 2)}–${shown(most, 2)}`,
    ]
  })
}

/** Measures and prints. `args`: as typed behind `long-poll`. */
export async function benchLongPoll(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '5' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(USAGE)
  const [rounds, roundMs] = [Number(values.rounds), Number(values.seconds) * 1000]
  await using relay = await startRelay()
  await using ending = new AsyncDisposableStack()
  const sessions = { socket: await prepare(relay, ending, 'websocket'), polls: await prepare(relay, ending, 'poll') }
  console.log(JSON.stringify({ ...machine(), ...ownVersions() }))
  for (const { title, inFlight } of CASES) {
    for (const session of Object.values(sessions)) await measure(session, inFlight, WARM_UP_MS)
    const done = { socket: [] as Figures[], polls: [] as Figures[] }
    for (let round = 0; round < rounds; round++)
      for (const name of inTurn('socket' as const, 'polls' as const, round))
        done[name].push(await measure(sessions[name], inFlight, roundMs))
    const heads = ['', 'WebSocket', 'long poll', 'long poll ÷ WebSocket', 'of the rounds']
    console.log(`\n${title}; medians of ${rounds} rounds\n${textTable([heads, ...rows(done.socket, done.polls)])}`)
  }
}
