/** `node bench/cost.ts`: what each thing that a relay does asks of its platform, measured in workerd; docs/cost.md has the prices. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { GRACE_MS } from '../protocol/limits.ts'
import { asObject } from '../test/harness/json.ts'
import { fixture } from '../test/harness/selfhost.ts'
import { NODE, Program } from '../test/harness/program.ts'
import { readHelpOnly } from '../test/harness/usage.ts'
import { AWAY_WAIT_MS } from '../worker/limits.ts'
import { ABANDONED_HEADINGS, isLetGo, measureAbandoned, shownAbandoned } from './abandoned/measure.ts'
import { usdPerMillion } from './cost-model.ts'
import { machine, ownVersions } from './machine.ts'
import { cpuUs } from './process-tree.ts'
import { NOTHING } from './profile/counters.ts'
import { ProfiledRelay, type ShareAccess, untilReady } from './profile/relay.ts'
import { textTable } from './report/table.ts'

const METER = join(import.meta.dirname, 'profile/worker/meter.ts')
const CALLS = 1000
const STREAMED_CALLS = 200
const EVENTS = 10
const LONG_CALLS = 5
const SESSIONS = 12
const STREAMS = 100
const SILENT_MS = 45_000
const IDLE_MS = 60_000
const PING_MS = 1000

const NONE = { ...NOTHING, cpuMs: 0 }
type Reading = Readonly<typeof NONE>
const FIELDS = Object.keys(NONE) as (keyof Reading)[]

class Meter {
  readonly #relay: ProfiledRelay
  readonly rows: string[][] = []
  readonly prices: string[][] = []

  constructor(relay: ProfiledRelay) {
    this.#relay = relay
  }

  /** Does something, and notes what it took for each of `count`. */
  async measure(title: string, count: number, act: () => Promise<unknown>): Promise<void> {
    const before = await this.#read()
    await act()
    // What follows an answer (receipts, closing sockets) belongs to it.
    await delay(500)
    const after = await this.#read()
    const value = (field: keyof Reading): number => (after[field] - before[field]) / count
    const each = (field: keyof Reading): string => round(value(field))
    const sent = (after.sentMessages - before.sentMessages - (after.workerMessages - before.workerMessages)) / count
    this.rows.push([
      title,
      each('workerRequests'),
      each('objectRequests'),
      each('alarmsRung'),
      each('agentMessages'),
      each('workerMessages'),
      round(sent),
      each('rowsRead'),
      each('rowsWritten'),
      each('alarmsSet'),
      each('awakeMs'),
      each('cpuMs'),
      round(after.constructions - before.constructions),
    ])
    const messagesIn = value('agentMessages') + value('workerMessages')
    const rowsWritten = value('rowsWritten') + value('alarmsSet')
    const [workerRequests, objectRequests, rowsRead] = [value('workerRequests'), value('objectRequests'), value('rowsRead')]
    const usage = { workerRequests, objectRequests, messagesIn, rowsRead, rowsWritten, awakeMs: value('awakeMs'), cpuMs: value('cpuMs') }
    this.prices.push([title, usdPerMillion(usage).toFixed(2), usdPerMillion({ ...usage, awakeMs: 0 }).toFixed(2)])
  }

  async #read(): Promise<Reading> {
    const told = asObject(await (await fetch(`${this.#relay.origin}/meter`)).json())
    const cpuMs = cpuUs(this.#relay.workerd.pid) / 1000
    return { ...NONE, ...Object.fromEntries(FIELDS.map((field) => [field, field === 'cpuMs' ? cpuMs : Number(told[field])])) }
  }
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toFixed(2)))
}

const HEADINGS = [
  'per',
  'Worker requests',
  'object requests',
  'of them alarms',
  'messages in from agent',
  'from Worker',
  'out',
  'rows read',
  'written',
  'alarms set',
  'awake ms',
  'CPU ms',
  'constructed',
]

const PRICE_HEADINGS = ['a million of them', 'USD', 'of it not for being awake']

/** A client that knows no more than it must. */
class Client {
  readonly #url: string
  #session = ''
  #lastId = 0

  constructor(relay: ProfiledRelay, share: ShareAccess) {
    this.#url = `${relay.origin}${share.path}`
  }

  async open(): Promise<void> {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'cost', version: '1' } }
    const response = await this.#post({ id: 0, method: 'initialize', params })
    this.#session = response.headers.get('mcp-session-id') ?? ''
    await response.text()
    await (await this.#post({ method: 'notifications/initialized' })).text()
  }

  /** Opens the GET stream; the client goes on without reading it. */
  async listen(): Promise<void> {
    const response = await fetch(this.#url, { headers: { ...this.#headers(), accept: 'text/event-stream' } })
    if (response.status !== 200) throw new Error(`GET: ${response.status}`)
    void response.text().catch(() => undefined)
  }

  async call(name: string, args: object, token?: string): Promise<string> {
    const meta = token === undefined ? {} : { _meta: { progressToken: token } }
    const response = await this.#post({ id: ++this.#lastId, method: 'tools/call', params: { name, arguments: args, ...meta } })
    const text = await response.text()
    if (response.status !== 200 || !text.includes('"content"')) throw new Error(`${name}: ${response.status} ${text.slice(0, 200)}`)
    return text
  }

  /** A call for which no agent is there: waits until the relay gives it up. */
  async callInVain(): Promise<void> {
    const response = await this.#post({ id: ++this.#lastId, method: 'tools/call', params: { name: 'echo', arguments: {} } })
    const text = await response.text()
    if (!text.includes('AGENT_AWAY')) throw new Error(`nobody was there, and it was answered with ${response.status} ${text.slice(0, 200)}`)
  }

  async end(): Promise<void> {
    await (await fetch(this.#url, { method: 'DELETE', headers: this.#headers() })).text()
  }

  #post(message: object): Promise<Response> {
    return fetch(this.#url, { method: 'POST', headers: this.#headers(), body: JSON.stringify({ jsonrpc: '2.0', ...message }) })
  }

  #headers(): Record<string, string> {
    const session = this.#session === '' ? {} : { 'mcp-session-id': this.#session }
    return { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...session }
  }
}

async function startAgent(relay: ProfiledRelay, share: ShareAccess, isolation: 'session' | 'share'): Promise<Program> {
  const own = ['agent/cli.ts', '--relay', relay.origin, '--json', '--keepalive', `${PING_MS}ms`, '--isolate', isolation]
  const agent = new Program(NODE, [...own, '--', ...fixture('echo')], { env: { MCP_EDGE_TOKEN: share.agentToken } })
  await untilReady(agent)
  return agent
}

/** An agent with a server for each session comes, serves, and goes. */
async function measureSessions(relay: ProfiledRelay, meter: Meter): Promise<void> {
  const share = await relay.createShare()
  let agent: Program | undefined
  await using stack = new AsyncDisposableStack()
  stack.defer(() => agent?.[Symbol.asyncDispose]())
  await meter.measure('agent that connects', 1, async () => {
    agent = await startAgent(relay, share, 'session')
  })
  const clients = Array.from({ length: SESSIONS }, () => new Client(relay, share))
  await meter.measure('session that begins', SESSIONS, async () => {
    for (const client of clients) await client.open()
  })
  await meter.measure('GET stream that opens', SESSIONS, async () => {
    for (const client of clients) await client.listen()
  })
  await meter.measure('session that ends', SESSIONS, async () => {
    for (const client of clients) await client.end()
  })
  await meter.measure('agent that leaves', 1, async () => {
    await agent?.stop('SIGTERM')
    await delay(GRACE_MS + 1000)
  })
}

/** A call waits for an agent that does not come: each object request that is no alarm is a subrequest of the one that the client has made. */
async function measureAway(relay: ProfiledRelay, meter: Meter): Promise<void> {
  const share = await relay.createShare()
  const client = new Client(relay, share)
  {
    await using _agent = await startAgent(relay, share, 'session')
    await client.open()
    // What is behind that would be counted, too.
    await relay.untilPinned(share)
  }
  // Its alarm would be counted.
  await delay(GRACE_MS + 1000)
  await meter.measure(`call that waits ${AWAY_WAIT_MS / 1000} s for an agent in vain`, 1, () => client.callInVain())
}

async function measureCalls(relay: ProfiledRelay, meter: Meter): Promise<void> {
  const share = await relay.createShare()
  await using _agent = await startAgent(relay, share, 'share')
  const client = new Client(relay, share)
  await client.open()
  for (let at = 0; at < CALLS; at++) await client.call('echo', { text: 'warm' })
  await meter.measure('short call', CALLS, async () => {
    for (let at = 0; at < CALLS; at++) await client.call('echo', { text: 'hello' })
  })
  await meter.measure('call of 1 s', LONG_CALLS, async () => {
    for (let at = 0; at < LONG_CALLS; at++) await client.call('slow', { ms: 1000 })
  })
  await meter.measure(`call with ${EVENTS} progress events`, STREAMED_CALLS, async () => {
    for (let at = 0; at < STREAMED_CALLS; at++) await client.call('progress', { steps: EVENTS }, `t${at}`)
  })
  await meter.measure(`call that is silent for ${SILENT_MS / 1000} s`, 1, () => client.call('slow', { ms: SILENT_MS }))
  const idle = `${IDLE_MS / 1000} s idle, a ping each ${PING_MS / 1000} s`
  await meter.measure(`${idle}, no stream`, 1, () => delay(IDLE_MS))
  const others = Array.from({ length: STREAMS }, () => new Client(relay, share))
  for (const other of others) {
    await other.open()
    await other.listen()
  }
  await meter.measure(`${idle}, ${STREAMS} GET streams`, 1, () => delay(IDLE_MS))
  await meter.measure('first call after that', 1, () => client.call('echo', { text: 'awake' }))
}

readHelpOnly(`node bench/cost.ts

Measures in workerd what each thing that a relay does asks of its platform: requests, messages, rows, time. It takes some minutes
and has no options; docs/cost.md says what the figures mean.

Exit code: 0 when the object slept after all that clients left behind, and served the next call, else 1.`)

await using relay = await ProfiledRelay.start(METER)
const meter = new Meter(relay)
await measureCalls(relay, meter)
await measureSessions(relay, meter)
await measureAway(relay, meter)
const abandoned = await measureAbandoned(relay)
process.stdout.write(
  `${JSON.stringify({ ...machine(), ...ownVersions() })}\n${textTable([HEADINGS, ...meter.rows])}\n\n${textTable([PRICE_HEADINGS, ...meter.prices])}\n\n${textTable([ABANDONED_HEADINGS, ...abandoned.map(shownAbandoned)])}\n`,
)
if (!abandoned.every(isLetGo)) process.exitCode = 1
