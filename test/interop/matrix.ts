/** `npm run matrix`: which client can do what with a server of either era or both, through a real relay and agent, and over stdio. */
import { readFile } from 'node:fs/promises'
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
import type { JsonObject } from '../harness/json.ts'
import { connectSdk1Http, connectSdk1Sse, connectSdk1Stdio } from '../harness/sdk1-client.ts'
import { connectSdk2Http, connectSdk2Sse, connectSdk2Stdio, type Mode } from '../harness/sdk2-client.ts'
import type { TestClient } from '../harness/test-client.ts'
import { EXTENSION_ROWS } from './matrix-extensions.ts'
import { type Prove, type Row, ROWS } from './matrix-rows.ts'
import { TASK_ROWS } from './matrix-tasks.ts'
import { differenceOf, type WrittenDifference, writtenDifferences } from './written-differences.ts'

const USAGE = `npm run matrix [-- --client WORD --row WORD --server WORD]

Each client does each thing with a server of each era, through a relay of its own, and once more over stdio: what it gets must be
the same where both can be had, but for what docs/protocol.md writes down. Ends with N passed, N failed.

  --client WORD   only clients whose name has the word: SDK 2.x auto, SDK 2.x legacy, SDK 2.x pinned, SDK 2.x over SSE, SDK 1.x,
                  SDK 1.x over SSE, mcp-remote auto
  --row WORD      only rows whose name has it; several are separated by semicolons
  --server WORD   legacy, modern or both`

/** Far more than any cell takes on a busy machine: only a hang reaches it. */
const CELL_MS = 30_000
/** Characters of what a cell says. */
const LONGEST = 1200
const PROXY = join(ROOT, 'node_modules/mcp-remote/dist/proxy.js')

interface Kind {
  readonly throughShare: (share: Share, declared?: JsonObject) => Promise<TestClient>
  readonly overStdio: (command: Command, declared?: JsonObject) => Promise<TestClient>
  /** Its own era, where it has one whatever its server speaks: only such a client is tried with servers that are alike. */
  readonly era?: 'legacy' | 'modern'
  /** It is tried with those only. */
  readonly isForAlike?: true
}

const sdk2 = (mode: Mode): Kind => ({
  throughShare: (share, declared) => connectSdk2Http(share.url, share.clientToken, mode, declared),
  overStdio: (command, declared) => connectSdk2Stdio(command, mode, declared),
  ...(mode === 'auto' ? {} : { era: mode === 'pinned' ? 'modern' : 'legacy' }),
})

/** `home`: where mcp-remote keeps what it knows. */
function kinds(home: string): Readonly<Record<string, Kind>> {
  const proxyEnv = { HOME: home, MCP_REMOTE_CONFIG_DIR: home }
  const sdk1 = (command: Command, declared?: JsonObject): Promise<TestClient> => connectSdk1Stdio(command, {}, declared)
  return {
    'SDK 2.x auto': sdk2('auto'),
    'SDK 2.x legacy': sdk2('legacy'),
    'SDK 2.x pinned': sdk2('pinned'),
    'SDK 1.x': {
      throughShare: (share, declared) => connectSdk1Http(share.url, share.clientToken, declared),
      overStdio: sdk1,
      era: 'legacy',
    },
    'SDK 2.x over SSE': {
      throughShare: (share, declared) => connectSdk2Sse(share.sseUrl, share.clientToken, declared),
      overStdio: (command, declared) => connectSdk2Stdio(command, 'legacy', declared),
      era: 'legacy',
      isForAlike: true,
    },
    'SDK 1.x over SSE': {
      throughShare: (share, declared) => connectSdk1Sse(share.sseUrl, share.clientToken, declared),
      overStdio: sdk1,
      era: 'legacy',
      isForAlike: true,
    },
    'mcp-remote auto': {
      throughShare: ({ url, clientToken }) =>
        connectSdk1Stdio([NODE, PROXY, url, '--protocol', 'auto', '--header', `Authorization: Bearer ${clientToken}`], proxyEnv),
      overStdio: sdk1,
    },
  }
}

/** What a client cannot do by its own making, by client and row: not tried, since it would only wait. */
const CLIENT_LIMITS: Readonly<Record<string, string>> = {
  'mcp-remote auto, cancellation':
    'mcp-remote posts notifications/cancelled and keeps the stream open; over HTTP revision 2026-07-28 cancels by closing it',
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

/** Whether a cell is as it must be, and in which words. `otherwise`: what docs/protocol.md says of it. */
function verdict(
  shared: Outcome,
  direct: Outcome,
  otherwise: WrittenDifference | undefined,
): { readonly holds: boolean; readonly word: string } {
  const { got, error = '' } = shared
  const isSame = got !== undefined && (direct.got === undefined || direct.got === got)
  if (isSame && (otherwise === undefined || otherwise.isSometimes)) return { holds: true, word: 'yes' }
  if (isSame) return { holds: false, word: 'as over stdio: strike it from docs/protocol.md' }
  if (otherwise !== undefined && (got ?? error).includes(otherwise.seen)) return { holds: true, word: `otherwise (${otherwise.why})` }
  return { holds: false, word: got === undefined ? `no (${error})` : `no (got ${got}, and over stdio ${direct.got})` }
}

/** What the client gets over stdio: of this very server, or where they have no era in common and the servers are alike, of that of its own. */
async function overStdio({ overStdio: connect, era: own }: Kind, era: ServerEra, { declares, isAlike, ...cells }: Row): Promise<Outcome> {
  const isOther = isAlike === true && era !== 'both' && era !== own
  const cell = cells[isOther && own !== undefined ? own : era]
  return cell === undefined ? {} : attempt(connect(cell.command, declares), cell.prove)
}

/** Prints a cell and says whether it holds; undefined where it cannot be tried. */
async function tryCell(
  { relay, written }: { readonly relay: Relay; readonly written: readonly WrittenDifference[] },
  [name, kind]: readonly [string, Kind],
  era: ServerEra,
  row: Row,
): Promise<boolean | undefined> {
  const { what, declares, [era]: cell } = row
  const isOnlyAlike = row.isAlike === true ? kind.era === undefined : kind.isForAlike === true
  if (cell === undefined || isOnlyAlike) return undefined
  const limit = CLIENT_LIMITS[`${name}, ${what}`]
  if (limit !== undefined) {
    console.log(`| ${name} | ${era} | ${what} | n/a (${limit}) | |`)
    return undefined
  }
  // Agents of their own: a call that was cancelled in one cell makes the asks of the next less certain.
  await using own = new AsyncDisposableStack()
  const share = await createShare(relay)
  const served = await startAgent(share, { command: cell.command }).then(
    (agent) => void own.use(agent),
    (error: unknown): Outcome => ({ error: String(error) }),
  )
  const shared = served ?? (await attempt(kind.throughShare(share, declares), cell.prove))
  const direct = await overStdio(kind, era, row)
  const words = [name, ...(kind.era === undefined ? [] : [kind.era === 'legacy' ? 'with a session' : '2026-07-28'])]
  const { holds, word } = verdict(shared, direct, differenceOf(written, { words, server: era, row: what }))
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
  const rows = [...ROWS, ...EXTENSION_ROWS, ...TASK_ROWS].filter(({ what }) =>
    values.row.split(';').some((part) => what.includes(part.trim())),
  )
  const written = writtenDifferences(await readFile(join(ROOT, 'docs/protocol.md'), 'utf8'))
  const outcomes: (boolean | undefined)[] = []
  console.log('| client | server | what | through the share | over stdio |\n|---|---|---|---|---|')
  for (const client of clients) {
    for (const era of eras) {
      for (const row of rows) outcomes.push(await tryCell({ relay, written }, client, era, row))
    }
  }
  const failed = outcomes.filter((holds) => holds === false).length
  console.log(`${outcomes.filter((holds) => holds === true).length} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
