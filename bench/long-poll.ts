/** `npm run bench -- long-poll`: what a call costs more where no WebSocket gets through. Prints a table; nothing is written. */
import { NODE } from '../test/harness/program.ts'
import { createShare, type Relay, startAgent } from '../test/harness/selfhost.ts'
import { openSession, type Session } from './cases/session.ts'
import { benchPair } from './paired.ts'
import { CHILD_FILE } from './profile/relay.ts'
import { type Figures, medians } from './report/figures.ts'
import { roundRatio } from './report/round-ratio.ts'
import { shown } from './report/table.ts'

const USAGE = `npm run bench -- long-poll [options]

One relay, two shares with the same server: one agent has a WebSocket, the other polls. All on one machine, so that no network adds its
round trips, of which a call over polls has one more.

  --rounds N     rounds of each case, both agents in each (default 7)
  --seconds N    length of a round for each agent (default 5)`

const COLUMNS = [
  ['p50Ms', 'p50 ms', 3],
  ['p99Ms', 'p99 ms', 3],
  ['callsPerS', 'calls/s', 0],
] as const

async function prepare(relay: Relay, ending: AsyncDisposableStack, isPolled: boolean): Promise<Session> {
  const share = await createShare(relay)
  ending.use(await startAgent(share, { command: [NODE, CHILD_FILE], args: ['--transport', isPolled ? 'poll' : 'websocket'] }))
  const url = new URL(share.shareUrl)
  const { client, session } = await openSession({ port: Number(url.port), path: url.pathname })
  ending.use(client)
  return session
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
export function benchLongPoll(args: readonly string[]): Promise<void> {
  return benchPair(args, {
    usage: USAGE,
    text: 'hello',
    warmUpMs: 500,
    heads: ['', 'WebSocket', 'long poll', 'long poll ÷ WebSocket', 'of the rounds'],
    prepare,
    rows,
  })
}
