/** `npm run bench -- trust`: what a call costs more under a policy with rules on arguments and under limits. Prints a table; nothing is written. */
import { parseArgs } from 'node:util'
import { NODE } from '../test/harness/program.ts'
import { asObject, type JsonObject, textField } from '../test/harness/json.ts'
import { createShare, type Relay, type Share, startAgent, startRelay } from '../test/harness/selfhost.ts'
import { openSession, type Session } from './cases/session.ts'
import { machine, ownVersions } from './machine.ts'
import { CHILD_FILE } from './profile/relay.ts'
import { type Figures, loadFigures, medians, runLoad } from './report/figures.ts'
import { inTurn, roundRatio } from './report/round-ratio.ts'
import { shown, textTable } from './report/table.ts'

const USAGE = `npm run bench -- trust [options]

One relay, two shares with the same server: calls by a link that nothing bounds ("off"), and by one with a policy, rules on arguments and
limits of link and share ("on"). Both are in the audit, which cannot be turned off.

  --rounds N     rounds of each case, both links in each (default 7)
  --seconds N    length of a round for each link (default 5)`

/** What is wanted: p50 of "on" ÷ "off", and calls/s of "off" ÷ "on", at most. */
const WANTED = 1.15

const POLICY = {
  access: 'read',
  tools: { allow: ['echo', 'read_*', 'list_*'], deny: ['*_secret', 'delete_*'] },
  resources: { allow: ['file:///home/me/docs/*'] },
  arguments: ['echo(text^=/home/me/docs)', 'read_*(path^=/home/me/docs)', 'list_*(path^=/home/me/docs)'],
}
/** More of each than a run uses up, so that all of them are counted and none refuses. */
const LIMITS = { calls: '1000000/second', bytes: '1000GB/day', seconds: '1000000/day', concurrent: 1000 }

const ARGUMENTS = '{"text":"/home/me/docs/notes"}'
const WARM_UP_MS = 1500
const CALL_BOUND_MS = 10_000

const CASES = [
  { title: 'One call at a time', inFlight: 1 },
  { title: '16 calls in flight on one session', inFlight: 16 },
] as const

const COLUMNS = [
  ['p50Ms', 'p50 ms', 3],
  ['callsPerS', 'calls/s', 0],
] as const

/** A link of a share, as its clients' URL; `bounds`: what it may do, else everything. */
async function linkOf(share: Share, bounds?: JsonObject): Promise<string> {
  if (bounds === undefined) return share.shareUrl
  const response = await share.relay.api('POST', `shares/${share.id}/tokens`, { kind: 'key', name: 'bounded', ...bounds })
  if (response.status !== 201) throw new Error(`the link was not made: ${response.status} ${await response.text()}`)
  return textField(asObject(await response.json()), 'share_url')
}

async function prepare(relay: Relay, ending: AsyncDisposableStack, isBounded: boolean): Promise<Session> {
  const share = await createShare(relay, isBounded ? { limits: LIMITS } : {})
  ending.use(await startAgent(share, { command: [NODE, CHILD_FILE] }))
  const url = new URL(await linkOf(share, isBounded ? { policy: POLICY, limits: LIMITS } : undefined))
  const { client, session } = await openSession({ port: Number(url.port), path: url.pathname })
  ending.use(client)
  return session
}

async function measure(session: Session, inFlight: number, forMs: number): Promise<Figures> {
  const call = () => session.call('echo', ARGUMENTS, '"text":"/home/me/docs/notes"', 0, CALL_BOUND_MS)
  const tasks = Array.from({ length: inFlight }, () => call)
  return loadFigures(await runLoad(tasks, forMs))
}

function rows(off: readonly Figures[], on: readonly Figures[]): string[][] {
  const [mediansOff, mediansOn] = [medians(off), medians(on)]
  return COLUMNS.map(([figure, heading, digits]) => {
    const { median, least, most } = figure === 'p50Ms' ? roundRatio(off, on, figure) : roundRatio(on, off, figure)
    const verdict = median <= WANTED ? 'yes' : 'no'
    return [
      heading,
      shown(mediansOff[figure], digits),
      shown(mediansOn[figure], digits),
      shown(median, 3),
      `${shown(least, 2)}–${shown(most, 2)}`,
      verdict,
    ]
  })
}

/** Measures and prints. `args`: as typed behind `trust`. */
export async function benchTrust(args: readonly string[]): Promise<void> {
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
  const off = await prepare(relay, ending, false)
  const on = await prepare(relay, ending, true)
  console.log(JSON.stringify({ ...machine(), ...ownVersions() }))
  for (const { title, inFlight } of CASES) {
    for (const session of [off, on]) await measure(session, inFlight, WARM_UP_MS)
    const done = { off: [] as Figures[], on: [] as Figures[] }
    for (let round = 0; round < rounds; round++)
      for (const name of inTurn('off' as const, 'on' as const, round))
        done[name].push(await measure(name === 'off' ? off : on, inFlight, roundMs))
    const heads = ['', 'off', 'on', 'costs', 'of the rounds', `at most ${WANTED}`]
    console.log(`\n${title}; medians of ${rounds} rounds\n${textTable([heads, ...rows(done.off, done.on)])}`)
  }
}
