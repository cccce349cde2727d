/** Two ways to the same calls, measured in turn: one table for each case, with the ratios of rounds that stand beside each other. Prints; nothing is written. */
import { parseArgs } from 'node:util'
import { type Relay, startRelay } from '../test/harness/selfhost.ts'
import type { Session } from './cases/session.ts'
import { machine, ownVersions } from './machine.ts'
import { type Figures, loadFigures, runLoad } from './report/figures.ts'
import { inTurn } from './report/round-ratio.ts'
import { textTable } from './report/table.ts'

const CALL_BOUND_MS = 10_000

const CASES = [
  { title: 'One call at a time', inFlight: 1 },
  { title: '16 calls in flight on one session', inFlight: 16 },
] as const

/** What is measured, and how it is told. */
export interface Pair {
  readonly usage: string
  /** What `echo` is asked to say. */
  readonly text: string
  readonly warmUpMs: number
  readonly heads: readonly string[]
  /** A session of the first way, or of the second. `ending`: takes what is to be ended with the run. */
  readonly prepare: (relay: Relay, ending: AsyncDisposableStack, isSecond: boolean) => Promise<Session>
  readonly rows: (first: readonly Figures[], second: readonly Figures[]) => string[][]
}

/** `args`: as typed behind the name of the measurement. */
export async function benchPair(args: readonly string[], pair: Pair): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '5' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(pair.usage)
  const [rounds, roundMs] = [Number(values.rounds), Number(values.seconds) * 1000]
  await using relay = await startRelay()
  await using ending = new AsyncDisposableStack()
  const first = await pair.prepare(relay, ending, false)
  const second = await pair.prepare(relay, ending, true)
  console.log(JSON.stringify({ ...machine(), ...ownVersions() }))
  for (const { title, inFlight } of CASES) {
    for (const session of [first, second]) await measure(session, pair.text, inFlight, pair.warmUpMs)
    const done = new Map<Session, Figures[]>([
      [first, []],
      [second, []],
    ])
    for (let round = 0; round < rounds; round++)
      for (const session of inTurn(first, second, round)) done.get(session)?.push(await measure(session, pair.text, inFlight, roundMs))
    const rows = pair.rows(done.get(first) ?? [], done.get(second) ?? [])
    console.log(`\n${title}; medians of ${rounds} rounds\n${textTable([[...pair.heads], ...rows])}`)
  }
}

async function measure(session: Session, text: string, inFlight: number, forMs: number): Promise<Figures> {
  const said = JSON.stringify({ text })
  const call = () => session.call('echo', said, said.slice(1, -1), 0, CALL_BOUND_MS)
  const tasks = Array.from({ length: inFlight }, () => call)
  return loadFigures(await runLoad(tasks, forMs))
}
