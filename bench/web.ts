/** `npm run bench -- web`: a web app through our relay, through pipenet, and without any tunnel, side by side; and MCP calls beside a download. Prints tables; nothing is written. */
import { Worker } from 'node:worker_threads'
import { parseArgs } from 'node:util'
import { until } from '../test/harness/deadline.ts'
import { openSession, type Session } from './cases/session.ts'
import { installPeers, peerVersions } from './contenders/peer-packages.ts'
import { machine, ownVersions } from './machine.ts'
import { type Figures, loadFigures, medians, runLoad } from './report/figures.ts'
import { roundRatio } from './report/round-ratio.ts'
import { shown, textTable } from './report/table.ts'
import { WebClient, type WebEndpoint } from './web/client.ts'
import type { DownloadOrder } from './web/downloader.ts'
import { openWays, type Ways } from './web/ways.ts'

const USAGE = `npm run bench -- web [options]

One app, three ways to it at a time: through relay and agent on this machine ("mcp-edge"), through pipenet's own server and client
("pipenet"), and straight ("no tunnel"). Rounds are interleaved; ratios are of rounds that stand beside each other. Then one call of a
tool at a time, alone and beside a download of the same share.

  --rounds N     rounds of each case, each way in each (default 5)
  --seconds N    length of a round for each way (default 1)
  --no-install   use pipenet as an earlier run has installed it
  --calls        only the calls beside a download

Exit code: 0 when calls beside a download stay under three times their p50 without it, else 1.`

const MIB = 1024 * 1024
const WARM_UP_MS = 500
const CALL_BOUND_MS = 10_000
/** What is wanted of calls beside a download: their p50 ÷ their p50 alone, at most. */
const WANTED = 3

type Way = 'ours' | 'pipenet' | 'direct'

const WAYS: readonly Way[] = ['ours', 'pipenet', 'direct']

interface WebCase {
  readonly title: string
  /** What is compared of the figures: requests or megabytes a second. */
  readonly figure: 'perS' | 'mbPerS'
  readonly inFlight: number
  readonly bytes: number
  readonly ask: (client: WebClient, bytes: number) => Promise<number>
}

const CASES: readonly WebCase[] = [
  { title: 'Small pages, one at a time', figure: 'perS', inFlight: 1, bytes: 0, ask: (client) => client.ask('/') },
  { title: 'Small pages, 16 at a time', figure: 'perS', inFlight: 16, bytes: 0, ask: (client) => client.ask('/') },
  {
    title: 'Downloads of 16 MiB',
    figure: 'mbPerS',
    inFlight: 1,
    bytes: 16 * MIB,
    ask: (client, bytes) => client.ask(`/down?bytes=${bytes}`),
  },
  { title: 'Uploads of 16 MiB', figure: 'mbPerS', inFlight: 1, bytes: 16 * MIB, ask: (client, bytes) => client.ask('/up', bytes) },
]

async function measure({ ask, bytes, inFlight }: WebCase, client: WebClient, forMs: number): Promise<Figures> {
  const task = async (): Promise<void> => {
    const came = await ask(client, bytes)
    if (bytes > 0 && came !== bytes) throw new Error(`${came} bytes in place of ${bytes}`)
  }
  const { callsPerS = 0, ...figures } = loadFigures(
    await runLoad(
      Array.from({ length: inFlight }, () => task),
      forMs,
    ),
  )
  return { ...figures, perS: callsPerS, mbPerS: (callsPerS * bytes) / 1e6 }
}

/** One case: a table of the ways, with the ratio of ours to each. */
async function compareWays(one: WebCase, clients: Readonly<Record<Way, WebClient>>, rounds: number, roundMs: number): Promise<string> {
  const done: Record<Way, Figures[]> = { ours: [], pipenet: [], direct: [] }
  for (const way of WAYS) await measure(one, clients[way], WARM_UP_MS)
  for (let round = 0; round < rounds; round++)
    for (const way of round % 2 === 0 ? WAYS : WAYS.toReversed()) done[way].push(await measure(one, clients[way], roundMs))
  const unit = one.figure === 'perS' ? 'requests/s' : 'MB/s'
  const head = ['', 'mcp-edge', 'pipenet', 'no tunnel', '÷ pipenet', 'of the rounds', '÷ no tunnel', 'of the rounds']
  const cells = WAYS.map((way) => shown(medians(done[way])[one.figure], one.figure === 'perS' ? 0 : 1))
  const ratios = [done.pipenet, done.direct].flatMap((other) => {
    const { median, least, most } = roundRatio(other, done.ours, one.figure)
    return [shown(median, 2), `${shown(least, 2)}–${shown(most, 2)}`]
  })
  return textTable([head, [unit, ...cells, ...ratios]])
}

/** Calls of one tool at a time, while the share's app is downloaded from, or not. */
async function measureCalls(session: Session, forMs: number): Promise<Figures> {
  return loadFigures(await runLoad([() => session.echo(CALL_BOUND_MS)], forMs))
}

async function beside(session: Session, endpoint: WebEndpoint, perS: number, forMs: number): Promise<Figures> {
  const order: DownloadOrder = { endpoint, bytes: perS === 0 ? 4 * MIB : MIB, perS }
  const thread = new Worker(new URL('web/downloader.ts', import.meta.url), { workerData: order })
  let bytes = 0
  const begun = Promise.withResolvers<void>()
  thread.on('message', (more: number) => {
    bytes += more
    begun.resolve()
  })
  thread.on('error', begun.reject)
  try {
    await begun.promise
    const before = bytes
    const startMs = performance.now()
    const figures = await measureCalls(session, forMs)
    return { ...figures, mbPerS: (bytes - before) / 1e3 / (performance.now() - startMs) }
  } finally {
    await thread.terminate()
  }
}

/** Downloads as they come to a fast line, and as fast as this machine can; and the latter past the relay, for what the machine alone makes of calls. */
const DOWNLOADS = [
  { title: '12.5 MB/s (100 Mbit/s)', perS: 12_500_000, way: 'ours' },
  { title: 'as fast as it comes', perS: 0, way: 'ours' },
  { title: 'as fast, by pipenet', perS: 0, way: 'pipenet' },
  { title: 'as fast, with no tunnel', perS: 0, way: 'direct' },
] as const

/** Prints; whether calls stay under what is wanted. */
async function callsBeside({ share, ...ways }: Ways, rounds: number, roundMs: number): Promise<boolean> {
  const url = new URL(share.shareUrl)
  const { client, session } = await openSession({ port: Number(url.port), path: url.pathname })
  using _client = client
  await measureCalls(session, WARM_UP_MS)
  const rows = [['', 'download MB/s', 'p50 ms', 'p99 ms', 'calls/s', 'p50 ÷ alone', 'of the rounds', `at most ${WANTED}`]]
  let isMet = true
  for (const { title, perS, way } of DOWNLOADS) {
    const alone: Figures[] = []
    const loaded: Figures[] = []
    for (let round = 0; round < rounds; round++) {
      alone.push(await measureCalls(session, roundMs))
      loaded.push(await beside(session, ways[way], perS, roundMs))
    }
    const { median, least, most } = roundRatio(alone, loaded, 'p50Ms')
    const [quiet, busy] = [medians(alone), medians(loaded)]
    rows.push([
      `beside ${title}`,
      shown(busy['mbPerS'], 1),
      ...callCells(busy),
      shown(median, 2),
      `${shown(least, 2)}–${shown(most, 2)}`,
      way !== 'ours' ? '' : median < WANTED ? 'yes' : 'no',
    ])
    rows.push(['  alone, in turn', '–', ...callCells(quiet), '', '', ''])
    isMet &&= way !== 'ours' || median < WANTED
  }
  console.log(`\nOne call of a tool at a time; medians of ${rounds} rounds\n${textTable(rows)}`)
  return isMet
}

function callCells({ p50Ms, p99Ms, callsPerS }: Figures): string[] {
  return [shown(p50Ms, 2), shown(p99Ms, 2), shown(callsPerS, 0)]
}

/** Measures and prints; resolves with the exit code. `args`: as typed behind `web`. */
export async function benchWeb(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      install: { type: 'boolean', default: true },
      calls: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const [rounds, roundMs] = [Number(values.rounds), Number(values.seconds) * 1000]
  if (values.install) await installPeers(console.log)
  const { pipenet = '?' } = await peerVersions()
  await using ending = new AsyncDisposableStack()
  const ways = await openWays(ending)
  const clients = { ours: new WebClient(ways.ours), pipenet: new WebClient(ways.pipenet), direct: new WebClient(ways.direct) }
  for (const client of Object.values(clients)) ending.use(client)
  await until(
    () =>
      clients.pipenet.ask('/').then(
        () => true,
        () => false,
      ),
    'pipenet to reach the app',
  )
  console.log(JSON.stringify({ ...machine(), ...ownVersions(), pipenet }))
  for (const one of values.calls ? [] : CASES)
    console.log(`\n${one.title}; medians of ${rounds} rounds\n${await compareWays(one, clients, rounds, roundMs)}`)
  return (await callsBeside(ways, rounds, roundMs)) ? 0 : 1
}
