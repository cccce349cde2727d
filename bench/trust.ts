/** `npm run bench -- trust`: what a call costs more under a policy with rules on arguments and under limits. Prints a table; nothing is written. */
import { NODE } from '../test/harness/program.ts'
import { asObject, type JsonObject, textField } from '../test/harness/json.ts'
import { createShare, type Relay, type Share, startAgent } from '../test/harness/selfhost.ts'
import { openSession, type Session } from './cases/session.ts'
import { benchPair } from './paired.ts'
import { CHILD_FILE } from './profile/relay.ts'
import { type Figures, medians } from './report/figures.ts'
import { roundRatio } from './report/round-ratio.ts'
import { shown } from './report/table.ts'

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
export function benchTrust(args: readonly string[]): Promise<void> {
  return benchPair(args, {
    usage: USAGE,
    text: '/home/me/docs/notes',
    warmUpMs: 1500,
    heads: ['', 'off', 'on', 'costs', 'of the rounds', `at most ${WANTED}`],
    prepare,
    rows,
  })
}
