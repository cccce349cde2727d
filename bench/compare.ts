/** `npm run compare -- <other checkout>`: relay and agent of another checkout and of this one, in turns. Prints a table; nothing is written. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { NODE, ROOT } from '../test/harness/program.ts'
import type { Prepared } from './cases/case.ts'
import { LOAD_CASES } from './cases/load.ts'
import { type Figures, medians } from './report/figures.ts'
import { machine } from './machine.ts'
import { startApart } from './contenders/ours.ts'
import { CHILD_FILE } from './profile/relay.ts'
import { inTurn, roundRatio } from './report/round-ratio.ts'
import { shown, textTable } from './report/table.ts'

const USAGE = `npm run compare -- <other checkout> [options]

Relay and agent of the other checkout ("before") and of this one ("after"), with its npm packages installed: same client, same server.

  --rounds N     rounds of each case, both checkouts in each (default 7: about three minutes)
  --seconds N    length of a round for each checkout (default 5)`

const CASES = LOAD_CASES.filter(({ name }) => name === 'one-at-a-time' || name === '16-in-flight')
const COLUMNS = [
  ['callsPerS', 'calls/s', 0],
  ['p50Ms', 'p50 ms', 2],
  ['ownCpuUs', 'CPU µs/call', 0],
] as const

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
})

/** One checkout in one case. */
interface Candidate {
  readonly prepared: Prepared
  readonly rounds: Figures[]
}

/** Starts a checkout, with a session of its own for each case. */
async function start(checkout: string, ending: AsyncDisposableStack): Promise<readonly Candidate[]> {
  const running = ending.use(await startApart({ command: [NODE, CHILD_FILE] }, checkout))
  const candidates: Candidate[] = []
  for (const one of CASES) {
    const prepared = await one.prepare({ name: 'ours', running, childFile: CHILD_FILE }, { rounds: 1, roundMs: 0, isQuick: false })
    candidates.push({ prepared: ending.use(prepared), rounds: [] })
  }
  return candidates
}

function rows(before: Candidate, after: Candidate): string[][] {
  const [mediansBefore, mediansAfter] = [medians(before.rounds), medians(after.rounds)]
  return COLUMNS.map(([figure, heading, digits]) => {
    const { median, least, most } = roundRatio(before.rounds, after.rounds, figure)
    const spread = `${shown(least, 2)}–${shown(most, 2)}`
    return [heading, shown(mediansBefore[figure], digits), shown(mediansAfter[figure], digits), shown(median, 3), spread]
  })
}

async function compare(checkout: string, rounds: number, roundMs: number): Promise<void> {
  await using ending = new AsyncDisposableStack()
  const before = await start(checkout, ending)
  const after = await start(ROOT, ending)
  for (const [at, { title }] of CASES.entries()) {
    const [one, other] = [before[at], after[at]]
    if (one === undefined || other === undefined) continue
    for (let round = 0; round < rounds; round++)
      for (const { prepared, rounds: done } of inTurn(one, other, round)) done.push(await prepared.round(roundMs))
    console.log(`\n${title}\n${textTable([['', 'before', 'after', 'after ÷ before', 'of the rounds'], ...rows(one, other)])}`)
  }
}

const [checkout] = positionals
if (values.help || checkout === undefined) console.log(USAGE)
else {
  console.log(JSON.stringify(machine()))
  await compare(resolve(checkout), Number(values.rounds), Number(values.seconds) * 1000)
}
