/** A share that eight objects carry: clients of each era, the agent killed and back on every lane, and its owner's view. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Agent, createShare, createToken, fixture, type Relay, type Share, startAgent, startRelay } from '../../harness/selfhost.ts'
import { asArray, asObject, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { connectSdk1Http, connectSdk1Sse } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import { ELICITED, type TestClient } from '../../harness/test-client.ts'

const LANES = 8
const SESSIONS = 24

const stack = new AsyncDisposableStack()
let relay: Relay
let share: Share
let agent: Agent

beforeAll(async () => {
  relay = stack.use(await startRelay())
  share = await createShare(relay, { lanes: LANES })
  agent = await startAgent(share, { command: fixture('echo'), args: ['--name', 'laptop'] })
})
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]()
  await stack.disposeAsync()
})

async function clients(): Promise<Readonly<Record<string, TestClient>>> {
  const own = (): Promise<string> => createToken(share, 'client')
  return {
    'SDK 1': stack.use(await connectSdk1Http(share.url, share.clientToken)),
    'SDK 1 over HTTP+SSE': stack.use(await connectSdk1Sse(share.sseUrl, share.clientToken)),
    'SDK 2 with a handshake': stack.use(await connectSdk2Http(share.url, share.clientToken)),
    'SDK 2 of 2026-07-28': stack.use(await connectSdk2Http(share.url, share.clientToken, 'pinned')),
    'another principal of 2026-07-28': stack.use(await connectSdk2Http(share.url, await own(), 'pinned')),
  }
}

/** Which of the share's lanes have sessions. */
async function lanesInUse(): Promise<number> {
  const counters = asObject((await relay.describe(share))['counters'])
  return asArray(counters['by_lane']).filter((lane) => Number(asObject(lane)['sessions']) > 0).length
}

test('a share with 8 lanes serves clients of each era, and goes on when its agent was killed and is back', async () => {
  const all = await clients()
  const sessions = Array.from({ length: SESSIONS }, () => new RawClient(share.shareUrl))
  for (const session of sessions) await session.initialize()
  expect(await lanesInUse()).toBeGreaterThan(LANES / 2)
  const every = async (text: string): Promise<void> => {
    for (const [name, client] of Object.entries(all)) expect(toolText(await client.callTool('echo', { text })), name).toBe(text)
    const texts = sessions.map((_, at) => `${text} ${at}`)
    const answers = await Promise.all(sessions.map((session, at) => session.callTool('echo', { text: texts[at] })))
    expect(answers.map((answer) => toolText(answer.last['result']))).toEqual(texts)
  }
  await every('before')
  for (const [name, client] of Object.entries(all))
    expect(toolText(await client.callTool('elicit', { message: 'who?' })), name).toContain(ELICITED.content.name)

  await agent.program.kill9()
  agent = await startAgent(share, { command: fixture('echo'), args: ['--name', 'laptop'] })
  await every('after')
  const facts = await relay.describe(share)
  expect(facts).toMatchObject({ lanes: LANES, agents: [{ name: 'laptop', lanes: Array.from({ length: LANES }, (_, lane) => lane) }] })
  expect(Number(facts['sessions'])).toBe(SESSIONS + 3)
}, 180_000)

test('a share with 8 lanes is gone from all of them once its owner has ended it', async () => {
  const mine = await createShare(relay, { lanes: LANES })
  await using ended = await startAgent(mine, { command: fixture('echo') })
  const sessions = Array.from({ length: LANES }, () => new RawClient(mine.shareUrl))
  for (const session of sessions) await session.initialize()
  expect((await relay.api('DELETE', `shares/${mine.id}`)).status).toBe(204)
  expect(await ended.program.exited).toMatchObject({ code: 6 })
  for (const session of sessions) expect((await session.callTool('echo', { text: 'x' })).status).toBe(404)
})

/** Names of the share's agents, with the number of lanes that each has a link to. */
async function agentsOf(mine: Share): Promise<Readonly<Record<string, number>>> {
  const agents = asArray((await relay.describe(mine))['agents']).map(asObject)
  return Object.fromEntries(agents.map((one) => [String(one['name']), asArray(one['lanes']).length]))
}

test('agents join, replace and refuse each other on all lanes alike', async () => {
  const mine = await createShare(relay, { lanes: LANES })
  const command = fixture('echo')
  await using agents = new AsyncDisposableStack()
  const start = async (...args: readonly string[]): Promise<Agent> => agents.use(await startAgent(mine, { command, args }))
  const first = await start('--name', 'first')
  const intruder = agents.use(new Agent(mine, { command, args: ['--name', 'intruder'] }))
  expect(await intruder.program.exited).toMatchObject({ code: 6 })
  expect(await agentsOf(mine)).toEqual({ first: LANES })
  await start('--name', 'second', '--replica')
  expect(await agentsOf(mine)).toEqual({ first: LANES, second: LANES })
  await start('--name', 'third', '--replace')
  expect(await first.program.exited).toMatchObject({ code: 6 })
  await expect.poll(() => agentsOf(mine)).toEqual({ third: LANES })
}, 120_000)

test('of two agents that come at once one serves all lanes, and the other none', async () => {
  const mine = await createShare(relay, { lanes: LANES })
  await using agents = new AsyncDisposableStack()
  const both = ['a', 'b'].map((name) => agents.use(new Agent(mine, { command: fixture('echo'), args: ['--name', name] })))
  const loser = await Promise.race(both.map(async (one, at) => ({ at, exit: await one.program.exited })))
  expect(loser.exit).toMatchObject({ code: 6 })
  const [winner] = both.filter((_, at) => at !== loser.at)
  await winner?.event('ready')
  expect(Object.values(await agentsOf(mine))).toEqual([LANES])
}, 120_000)
