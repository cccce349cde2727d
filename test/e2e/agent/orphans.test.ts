/** No process outlives its agent, however the agent ends and however stubborn the process. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Agent, createShare, fixture, type Relay, startAgent, startRelay, uniqueMark } from '../../harness/selfhost.ts'
import { asArray, toolText } from '../../harness/json.ts'
import { allGone, descendants, isAlive, noneWith, processesWith } from '../../harness/processes.ts'
import { ROOT } from '../../harness/program.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

interface Stubborn {
  readonly agent: Agent
  readonly client: RawClient
  /** The child and its own child. */
  readonly pids: readonly number[]
}

/** An agent over a child, and a grandchild, that ignore the end of stdin and SIGTERM. */
async function startStubborn(env: Readonly<Record<string, string>> = {}): Promise<Stubborn> {
  const share = await createShare(relay)
  const agent = stack.use(await startAgent(share, { command: fixture('life/ignores-sigterm'), env }))
  const client = new RawClient(share.shareUrl)
  await client.initialize()
  const pids = asArray(JSON.parse(toolText((await client.callTool('pids')).last['result']))).map(Number)
  expect(pids.map(isAlive)).toEqual([true, true])
  return { agent, client, pids }
}

test.each(['SIGTERM', 'SIGINT'] as const)('the agent ends by %s and ends stubborn children with it', async (signal) => {
  const { agent, pids } = await startStubborn()
  const all = [...pids, ...descendants(agent.program.pid)]
  expect(await agent.program.stop(signal)).toHaveProperty('code', 0)
  await allGone(all)
})

test('a fault of its own that nothing catches ends the agent in good order, and says so', async () => {
  verifies('promise.agent.uncaught')
  const { agent, pids } = await startStubborn({ NODE_OPTIONS: `--import ${join(ROOT, 'test/fixtures/life/rejects-when-told.ts')}` })
  const all = [...pids, ...descendants(agent.program.pid)]
  agent.program.signal('SIGUSR2')
  expect(await agent.event('fault')).toMatchObject({ level: 'error', origin: 'unhandledRejection' })
  expect(await agent.program.exited).toHaveProperty('code', 70)
  await allGone(all)
})

test('kill -9 of the agent ends the process group of a child that ignores the end of stdin', async () => {
  const { agent, pids } = await startStubborn()
  const all = [...pids, ...descendants(agent.program.pid)]
  await agent.program.kill9()
  await allGone(all)
})

test('DELETE of a session ends its child', async () => {
  const { agent, client, pids } = await startStubborn()
  await client.raw('DELETE')
  await allGone(pids)
  expect(agent.program.running).toBe(true)
})

test('kill -9 of the agent ends well-behaved children of many sessions', async () => {
  const share = await createShare(relay)
  const mark = uniqueMark()
  const agent = stack.use(await startAgent(share, { command: fixture('echo', mark) }))
  await Promise.all(Array.from({ length: 5 }, () => new RawClient(share.shareUrl).initialize()))
  // The agent itself has the mark among its arguments too.
  expect(processesWith(mark).filter((pid) => pid !== agent.program.pid).length).toBeGreaterThanOrEqual(5)
  await agent.program.kill9()
  await noneWith(mark)
})
