/** Several agents of one share, with real processes: what another takes over when one is killed in the middle of calls, and what all of them are asked at once. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { type Agent, createShare, fixture, type Relay, type Share, startAgent, startRelay, untilPinned } from '../../harness/selfhost.ts'
import { toolText } from '../../harness/json.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import type { TestClient } from '../../harness/test-client.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

const CLIENTS: readonly [string, (share: Share) => Promise<TestClient>][] = [
  ['the SDK 1.x', ({ url, clientToken }) => connectSdk1Http(url, clientToken)],
  ['the SDK 2.x', ({ url, clientToken }) => connectSdk2Http(url, clientToken)],
  ['the SDK 2.x in revision 2026-07-28', ({ url, clientToken }) => connectSdk2Http(url, clientToken, 'pinned')],
]

function start(share: Share, name: string, ...args: readonly string[]): Promise<Agent> {
  return startAgent(share, { command: fixture('annotated', ...args), args: ['--verbose', '--name', name, '--replica'] })
}

function startSpread(share: Share, name: string, answer: string): Promise<Agent> {
  return startAgent(share, { command: fixture('annotated', answer), args: ['--name', name, '--replica', '--spread', '--max-calls', '2'] })
}

/** Resolves when the agent has got a call of a tool. */
async function called(agent: Agent, times: number): Promise<void> {
  let seen = 0
  await agent.program.stderr.find((line) => {
    if (line.includes('"event":"call.begin"') && line.includes('"method":"tools/call"')) seen++
    return seen >= times ? line : undefined
  }, `${times} calls at the agent`)
}

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  test('whose agent is killed in the middle of calls: those that may run twice are answered by another, the rest fails once', async () => {
    verifies('promise.2.repeatable')
    const share = await createShare(relay)
    const first = stack.use(await start(share, 'one'))
    await using client = await connect(share)
    expect(await client.listTools()).toEqual(['look', 'set', 'pay'])
    stack.use(await start(share, 'two', 'by the second'))
    const paying = client.callTool('pay').then(
      () => 'answered',
      (error: unknown) => JSON.stringify(error),
    )
    const looking = client.callTool('look')
    const setting = client.callTool('set')
    await called(first, 3)
    await first.program.kill9()
    expect(toolText(await looking)).toBe('by the second')
    expect(toolText(await setting)).toBe('by the second')
    stack.use(await start(share, 'one', 'by the third'))
    const outcome = await paying
    expect(outcome).toContain('AGENT_LOST')
    expect(outcome).toContain('"executed":"unknown"')
    expect(toolText(await client.callTool('pay'))).toMatch(/by the (second|third)/)
  }, 60_000)
})

test.each(CLIENTS)(
  'a client of %s is told by all agents that were started with --spread what a tool says that only reads',
  async (_, connect) => {
    verifies('promise.spread.all', 'promise.spread.only-reads')
    const share = await createShare(relay)
    await using _one = await startSpread(share, 'one', 'by the first')
    await using _two = await startSpread(share, 'two', 'by the second')
    await using client = await connect(share)
    const texts = async (tool: string): Promise<unknown[]> => {
      const { content } = (await client.callTool(tool)) as { content: { text?: unknown }[] }
      return content.map(({ text }) => text)
    }
    expect(await texts('look')).toEqual(['one', 'by the first', 'two', 'by the second'])
    expect(await texts('look')).toEqual(['one', 'by the first', 'two', 'by the second'])
    expect(await texts('pay')).toHaveLength(1)
  },
)

test('clients of each SDK see one server where agents serve different names, and lose no more than what has gone', async () => {
  verifies('promise.serves.one-list', 'promise.serves.routed', 'promise.serves.away')
  await using hasty = await startRelay([], { AWAY_WAIT_SECONDS: '1' })
  const share = await createShare(hasty)
  await using _looks = await startAgent(share, { command: fixture('annotated', 'seen'), args: ['--name', 'looks', '--serves', 'look'] })
  await untilPinned(share)
  const files = await startAgent(share, { command: fixture('echo'), args: ['--name', 'files'], env: { MCP_EDGE_SERVES: 'ech*,wait' } })
  await using own = new AsyncDisposableStack()
  own.use(files)
  const clients = await Promise.all(CLIENTS.map(async ([, connect]) => own.use(await connect(share))))
  for (const client of clients) {
    // What an agent lists first is accepted a moment after it has come.
    await vi.waitFor(async () => expect(await client.listTools()).toEqual(['echo', 'wait', 'look']), { timeout: 10_000 })
    expect(toolText(await client.callTool('look'))).toBe('seen')
    expect(toolText(await client.callTool('echo', { text: 'said' }))).toBe('said')
  }
  await files.program.kill9()
  const gone = clients.map((client) =>
    client.callTool('echo', { text: 'said' }).catch((error: unknown) => JSON.stringify(error) + String(error)),
  )
  for (const client of clients) expect(toolText(await client.callTool('look'))).toBe('seen')
  for (const told of await Promise.all(gone)) expect(told).toMatch(/echo: an agent with --serves 'ech\*,wait' is not connected/)
}, 60_000)
