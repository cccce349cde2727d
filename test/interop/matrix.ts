/** `npm run matrix`: which client can do what with a server of either era or both, through a real relay and agent, and over stdio. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { within } from '../harness/deadline.ts'
import { endOnSignal } from '../harness/interrupted.ts'
import {
  type Command,
  createShare,
  type Relay,
  type ServerEra,
  type Share,
  startAgent,
  startRelay,
  StateFolder,
} from '../harness/selfhost.ts'
import { NODE, ROOT } from '../harness/program.ts'
import { connectSdk1Http, connectSdk1Stdio } from '../harness/sdk1-client.ts'
import { connectSdk2Http, connectSdk2Stdio, type Mode } from '../harness/sdk2-client.ts'
import type { TestClient } from '../harness/test-client.ts'
import { type Prove, type Row, ROWS } from './matrix-rows.ts'

const USAGE = `npm run matrix [-- --client WORD --row WORD --server WORD]

Each client does each thing with a server of each era, through a relay of its own, and once more over stdio: what it gets must be
the same where both can be had. Ends with N passed, N failed.

  --client WORD   only clients whose name has the word: SDK 2.x auto, SDK 2.x legacy, SDK 2.x pinned, SDK 1.x, mcp-remote auto
  --row WORD      only rows whose name has it
  --server WORD   legacy, modern or both`

/** Far more than any cell takes on a busy machine: only a hang reaches it. */
const CELL_MS = 30_000
/** Characters of what a cell says. */
const LONGEST = 1200
const PROXY = join(ROOT, 'node_modules/mcp-remote/dist/proxy.js')

interface Kind {
  readonly throughShare: (share: Share) => Promise<TestClient>
  readonly overStdio: (command: Command) => Promise<TestClient>
}

const sdk2 = (mode: Mode): Kind => ({
  throughShare: (share) => connectSdk2Http(share.url, share.clientToken, mode),
  overStdio: (command) => connectSdk2Stdio(command, mode),
})

/** `home`: where mcp-remote keeps what it knows. */
function kinds(home: string): Readonly<Record<string, Kind>> {
  const proxyEnv = { HOME: home, MCP_REMOTE_CONFIG_DIR: home }
  return {
    'SDK 2.x auto': sdk2('auto'),
    'SDK 2.x legacy': sdk2('legacy'),
    'SDK 2.x pinned': sdk2('pinned'),
    'SDK 1.x': { throughShare: (share) => connectSdk1Http(share.url, share.clientToken), overStdio: connectSdk1Stdio },
    'mcp-remote auto': {
      throughShare: ({ url, clientToken }) =>
        connectSdk1Stdio([NODE, PROXY, url, '--protocol', 'auto', '--header', `Authorization: Bearer ${clientToken}`], proxyEnv),
      overStdio: connectSdk1Stdio,
    },
  }
}

/** What a client cannot do by its own making, by client and row: not tried, since it would only wait. */
const CLIENT_LIMITS: Readonly<Record<string, string>> = {
  'mcp-remote auto, cancellation':
    'mcp-remote posts notifications/cancelled and keeps the stream open; over HTTP revision 2026-07-28 cancels by closing it',
}

interface Otherwise {
  readonly why: string
  /** What is seen instead. */
  readonly seen: string
  /** Whether the cell may also be as over stdio: it depends on what comes first. */
  readonly orNot?: true
}

/** The next call may be there first: on a busy machine, or since the child was opened by it. */
const IN_CALLS_ONLY: Otherwise = {
  why: 'in revision 2026-07-28 a server can ask in a call only: one that asks outside is refused at once, and told so',
  seen: 'refused: The client cannot be asked for elicitation/create here',
  orNot: true,
}
const PROXY_IS_MODERN: Otherwise = {
  why: 'mcp-remote speaks 2026-07-28 to a server of both eras, and that has no asks outside calls',
  seen: 'this era has no asks outside calls',
}

/** What comes otherwise than over stdio, by client, server and row. */
const OTHERWISE: Readonly<Record<string, Otherwise>> = {
  'SDK 2.x auto, legacy, elicitation after a call': IN_CALLS_ONLY,
  'SDK 2.x pinned, legacy, elicitation after a call': IN_CALLS_ONLY,
  'mcp-remote auto, legacy, elicitation after a call': IN_CALLS_ONLY,
  'SDK 2.x auto, legacy, elicitation by a timer': IN_CALLS_ONLY,
  'SDK 2.x pinned, legacy, elicitation by a timer': IN_CALLS_ONLY,
  'mcp-remote auto, legacy, elicitation by a timer': IN_CALLS_ONLY,
  'mcp-remote auto, both, elicitation after a call': PROXY_IS_MODERN,
  'mcp-remote auto, both, roots after a call': PROXY_IS_MODERN,
  'mcp-remote auto, both, elicitation by a timer': PROXY_IS_MODERN,
  'mcp-remote auto, both, roots by a timer': PROXY_IS_MODERN,
}

/** What was got, or why nothing. */
interface Outcome {
  readonly got?: string
  readonly error?: string
}

/** One cell, with a client of its own: nothing that came before can help or hurt it. */
async function attempt(opening: Promise<TestClient>, prove: Prove): Promise<Outcome> {
  try {
    return { got: await within(opening.then(prove), 'the cell', CELL_MS) }
  } catch (error) {
    return { error: (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ') }
  } finally {
    // The outcome is known; what cannot be closed ends with this process.
    await opening.then((client) => client[Symbol.asyncDispose]()).catch(() => {})
  }
}

/** Whether a cell is as it must be, and in which words. */
function verdict(name: string, shared: Outcome, direct: Outcome): { readonly holds: boolean; readonly word: string } {
  const { got, error = '' } = shared
  const otherwise = OTHERWISE[name]
  const isSame = got !== undefined && (direct.got === undefined || direct.got === got)
  if (isSame && (otherwise === undefined || otherwise.orNot === true)) return { holds: true, word: 'yes' }
  if (isSame) return { holds: false, word: 'as over stdio: strike it from OTHERWISE' }
  if (otherwise !== undefined && (got ?? error).includes(otherwise.seen)) return { holds: true, word: `otherwise (${otherwise.why})` }
  return { holds: false, word: got === undefined ? `no (${error})` : `no (got ${got}, and over stdio ${direct.got})` }
}

/** Prints a cell and says whether it holds; undefined where it cannot be tried. */
async function tryCell(relay: Relay, [name, kind]: readonly [string, Kind], era: ServerEra, row: Row): Promise<boolean | undefined> {
  const { what, [era]: cell } = row
  const limit = CLIENT_LIMITS[`${name}, ${what}`]
  if (limit !== undefined) {
    console.log(`| ${name} | ${era} | ${what} | n/a (${limit}) | |`)
    return undefined
  }
  // Agents of their own: a call that was cancelled in one cell makes the asks of the next less certain.
  await using own = new AsyncDisposableStack()
  const share = await createShare(relay)
  own.use(await startAgent(share, { command: cell.command }))
  const shared = await attempt(kind.throughShare(share), cell.prove)
  const direct = await attempt(kind.overStdio(cell.command), cell.prove)
  const { holds, word } = verdict(`${name}, ${era}, ${what}`, shared, direct)
  console.log(`| ${name} | ${era}: ${cell.server} | ${what} | ${word.slice(0, LONGEST)} | ${direct.got === undefined ? 'cannot' : 'yes'} |`)
  return holds
}

async function main(): Promise<number> {
  const word = { type: 'string', default: '' } as const
  const { values } = parseArgs({ options: { client: word, row: word, server: word, help: { type: 'boolean', default: false } } })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  endOnSignal()
  await using stack = new AsyncDisposableStack()
  const home = stack.use(await StateFolder.create())
  const relay = stack.use(await startRelay())
  const clients = Object.entries(kinds(home.path)).filter(([name]) => name.includes(values.client))
  const eras = (['legacy', 'modern', 'both'] as const).filter((era) => era.includes(values.server))
  const rows = ROWS.filter(({ what }) => what.includes(values.row))
  const outcomes: (boolean | undefined)[] = []
  console.log('| client | server | what | through the share | over stdio |\n|---|---|---|---|---|')
  for (const client of clients) {
    for (const era of eras) {
      for (const row of rows) outcomes.push(await tryCell(relay, client, era, row))
    }
  }
  const failed = outcomes.filter((holds) => holds === false).length
  console.log(`${outcomes.filter((holds) => holds === true).length} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
