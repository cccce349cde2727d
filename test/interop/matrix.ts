/** `npm run matrix`: which client can do what with a server of either era, through a real relay and agent. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { within } from '../harness/deadline.ts'
import {
  type Command,
  conformanceServer,
  createShare,
  fixture,
  npmServer,
  type Relay,
  type Share,
  startAgent,
  startRelay,
} from '../harness/selfhost.ts'
import { toolText } from '../harness/json.ts'
import { NODE, ROOT } from '../harness/program.ts'
import { connectSdk1Http, connectSdk1Stdio } from '../harness/sdk1-client.ts'
import { connectSdk2Http, type Mode } from '../harness/sdk2-client.ts'
import { ELICITED, ROOTS, SAMPLED, type TestClient } from '../harness/test-client.ts'
import { readHelpOnly } from '../harness/usage.ts'

/** Far more than any cell takes on a busy machine: only a hang reaches it. */
const CELL_MS = 30_000
/** Pause before a resource is changed again. */
const AGAIN_MS = 4000
const UPDATED_URI = 'demo://resource/dynamic/text/7'
const WATCHED_URI = 'test://watched-resource'

const PROXY = join(ROOT, 'node_modules/mcp-remote/dist/proxy.js')
const PROXY_ENV = { HOME: tmpdir(), MCP_REMOTE_CONFIG_DIR: join(tmpdir(), `mcp-remote-${process.pid}`) }

const sdk2 = (mode: Mode) => (share: Share) => connectSdk2Http(share.url, share.clientToken, mode)

const CLIENTS: Readonly<Record<string, (share: Share) => Promise<TestClient>>> = {
  'SDK 2.x auto': sdk2('auto'),
  'SDK 2.x legacy': sdk2('legacy'),
  'SDK 2.x pinned': sdk2('pinned'),
  'SDK 1.x': (share) => connectSdk1Http(share.url, share.clientToken),
  'mcp-remote auto': (share) =>
    connectSdk1Stdio([NODE, PROXY, share.url, '--protocol', 'auto', '--header', `Authorization: Bearer ${share.clientToken}`], PROXY_ENV),
}

const SERVERS = {
  everything: npmServer('server-everything'),
  modern: conformanceServer('modern'),
  legacy: conformanceServer('legacy'),
  echo: fixture('echo'),
} as const satisfies Readonly<Record<string, Command>>

type ServerName = keyof typeof SERVERS

/** Throws what is wrong. */
type Prove = (client: TestClient) => Promise<void>

/** On which server a thing is proved, and how; or why it cannot be. */
type Cell = readonly [server: ServerName, prove: Prove] | { readonly why: string }

interface Row {
  readonly what: string
  readonly legacy: Cell
  readonly modern: Cell
}

function says(name: string, args: Record<string, unknown>, part: string): Prove {
  return async (client) => {
    const text = JSON.stringify(await client.callTool(name, args))
    if (!text.includes(part)) throw new Error(`no ${part} in ${text}`)
  }
}

function progresses(name: string, args: Record<string, unknown>, expected: readonly number[]): Prove {
  return async (client) => {
    const seen: number[] = []
    await client.callTool(name, args, { onProgress: (step) => seen.push(step) })
    // SDK 2.x drops what it reads together with the answer: the last step may be missing, the others not.
    const isPrefix = seen.every((step, at) => step === expected[at])
    if (!isPrefix || seen.length < expected.length - 1) throw new Error(`progress ${seen.join(' ')}`)
  }
}

function hearsListChange(trigger: string): Prove {
  return async (client) => {
    await client.watch({ toolsListChanged: true })
    await client.callTool(trigger)
    await client.notifications.next('notifications/tools/list_changed')
  }
}

function hearsUpdate(wanted: string, trigger: string, stop?: string): Prove {
  return async (client) => {
    await client.watch({ resourceSubscriptions: [wanted] })
    const heard = client.notifications.next('notifications/resources/updated', ({ uri }) => uri === wanted)
    await client.callTool(trigger)
    // mcp-remote answers a subscription seconds before it listens: what changes in between it does not hear.
    const isHeard = await Promise.race([heard.then(() => true), delay(AGAIN_MS, false)])
    if (!isHeard && stop === undefined) await client.callTool(trigger)
    await heard
    if (stop !== undefined) await client.callTool(stop)
  }
}

/** The child itself says which of its calls were cancelled. */
const cancels: Prove = async (client) => {
  const leave = new AbortController()
  const waiting = client.callTool('wait', { key: 'leave' }, { signal: leave.signal }).then(
    () => 'answered',
    () => 'ended',
  )
  await client.callTool('waiting', { key: 'leave' })
  leave.abort()
  if ((await waiting) !== 'ended') throw new Error('the call was answered')
  if (toolText(await client.callTool('cancelled')) === '[]') throw new Error('the child has heard nothing')
}

const NAME = ELICITED.content.name
const BOTH_ROUNDS = `${NAME} likes ${ELICITED.content.color}`
const ROOT_URI = ROOTS.roots[0]?.uri ?? ''
const SAMPLE = SAMPLED.content.text

const ROWS: readonly Row[] = [
  {
    what: 'tools',
    legacy: ['everything', says('echo', { message: 'grüße' }, 'Echo: grüße')],
    modern: ['modern', says('test_simple_text', {}, 'simple text response')],
  },
  {
    what: 'elicitation',
    legacy: ['everything', says('trigger-elicitation-request', {}, NAME)],
    modern: ['modern', says('test_input_required_result_elicitation', {}, NAME)],
  },
  {
    what: 'two-round elicitation',
    legacy: ['legacy', says('test_input_required_result_multi_round', {}, BOTH_ROUNDS)],
    modern: ['modern', says('test_input_required_result_multi_round', {}, BOTH_ROUNDS)],
  },
  {
    what: 'sampling',
    legacy: ['everything', says('trigger-sampling-request', { prompt: 'hi' }, SAMPLE)],
    modern: ['modern', says('test_input_required_result_sampling', {}, SAMPLE)],
  },
  {
    what: 'roots',
    // server-everything asks soon after its start, perhaps in the middle of no call, and keeps what it is told then.
    legacy: ['legacy', says('test_input_required_result_list_roots', {}, ROOT_URI)],
    modern: ['modern', says('test_input_required_result_list_roots', {}, ROOT_URI)],
  },
  {
    what: 'progress',
    // server-everything asks for roots soon after its start: while a call waits for that answer, nobody hears its progress.
    legacy: ['legacy', progresses('test_tool_with_progress', {}, [0, 50, 100])],
    modern: ['modern', progresses('test_tool_with_progress', {}, [0, 50, 100])],
  },
  {
    what: 'list-changed',
    legacy: ['echo', hearsListChange('change-list')],
    modern: ['modern', hearsListChange('test_trigger_tool_change')],
  },
  {
    what: 'resource updates',
    legacy: ['everything', hearsUpdate(UPDATED_URI, 'toggle-subscriber-updates', 'toggle-subscriber-updates')],
    modern: ['modern', hearsUpdate(WATCHED_URI, 'test_update_resource')],
  },
  {
    what: 'cancellation',
    legacy: ['echo', cancels],
    modern: ['modern', cancels],
  },
]

/** What a client cannot do by its own making, by client and row of the legacy servers. */
const CLIENT_LIMITS: Readonly<Record<string, string>> = {
  'mcp-remote auto, cancellation':
    'mcp-remote posts notifications/cancelled and keeps the stream open; over HTTP revision 2026-07-28 cancels by closing it',
}

interface Outcome {
  readonly text: string
  readonly holds: boolean
}

/** One cell, with a client of its own: nothing that came before can help or hurt it. */
async function attempt(connect: (share: Share) => Promise<TestClient>, share: Share, prove: Prove): Promise<Outcome> {
  const opening = connect(share)
  try {
    await within(opening.then(prove), 'the cell', CELL_MS)
    return { text: 'yes', holds: true }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { text: `no (${reason.replaceAll(/\s+/g, ' ').slice(0, 160)})`, holds: false }
  } finally {
    // The outcome is known; what cannot be closed ends with this process.
    await opening.then((client) => client[Symbol.asyncDispose]()).catch(() => {})
  }
}

async function shareOf(relay: Relay, stack: AsyncDisposableStack, command: Command): Promise<Share> {
  const share = await createShare(relay)
  stack.use(await startAgent(share, { command }))
  return share
}

async function main(): Promise<number> {
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await startRelay())
  let passed = 0
  let failed = 0
  console.log('| client | server | what | |\n|---|---|---|---|')
  for (const [name, connect] of Object.entries(CLIENTS)) {
    for (const era of ['legacy', 'modern'] as const) {
      for (const { what, [era]: cell } of ROWS) {
        const why = 'why' in cell ? cell.why : CLIENT_LIMITS[`${name}, ${what}`]
        if ('why' in cell || why !== undefined) {
          console.log(`| ${name} | ${era} | ${what} | n/a (${why}) |`)
          continue
        }
        const [server, prove] = cell
        // Agents of their own: a call that was cancelled in one cell makes the asks of the next less certain.
        await using own = new AsyncDisposableStack()
        const { text, holds } = await attempt(connect, await shareOf(relay, own, SERVERS[server]), prove)
        console.log(`| ${name} | ${era}: ${server} | ${what} | ${text} |`)
        if (holds) passed++
        else failed++
      }
    }
  }
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

readHelpOnly(`npm run matrix

Every client on servers of every era, through a real relay and agent: a row for each thing that it can do with them, or why it
cannot. It takes a few minutes and has no options.
Exit codes: 0 every cell that can hold does, 1 one does not, 2 wrong usage.`)

process.exitCode = await main()
