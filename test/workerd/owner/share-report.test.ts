/** What the owner is told of a share's agents: who is there when that is asked, and how their servers ended. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, expect, test, vi } from 'vitest'
import { GRACE_MS } from '../../../protocol/limits.ts'
import { ROLL_CALL_FRESH_MS, ROLL_CALL_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { askAsOwner, createShare, stubOf, type TestShare } from '../harness/relay.ts'
import { connected, ScriptedAgent } from '../harness/scripted-agent.ts'

afterEach(() => void vi.restoreAllMocks())

interface AgentFacts {
  readonly name: string
  readonly last_words?: Readonly<Record<string, unknown>>
}

async function agentsOf(share: TestShare): Promise<readonly AgentFacts[]> {
  const response = await askAsOwner('GET', `/api/shares/${share.id}`)
  const { agents }: { agents: AgentFacts[] } = await response.json()
  return agents
}

/** From now on it is so much later. */
function passTime(ms: number): void {
  const laterMs = Date.now() + ms
  vi.spyOn(Date, 'now').mockReturnValue(laterMs)
}

test('an agent is listed when it answers, and one that is frozen is not, and is given up after the grace time', async () => {
  verifies('promise.3.listed-when-there')
  const share = await createShare()
  const alive = await ScriptedAgent.connect(share, { agent: 'alive' })
  const frozen = await ScriptedAgent.connect(share, { agent: 'frozen', join: 'replica' })
  const waits = heldTimers(ROLL_CALL_MS)
  passTime(2 * ROLL_CALL_FRESH_MS)
  const listed = agentsOf(share)
  const { header } = await alive.expect('notify')
  alive.send({ type: 'receipts', keys: [header.key] })
  await frozen.expect('notify')
  waits.end()
  expect((await listed).map(({ name }) => name)).toEqual(['alive'])
  passTime(GRACE_MS + 1)
  await runDurableObjectAlarm(stubOf(share))
  await frozen.closed
  expect(alive.waiting).toEqual([])
})

test('the catalogue calls a share online by agents that answer, and not by one that is frozen', async () => {
  verifies('seeds.catalog.follows')
  const share = await createShare()
  const frozen = await ScriptedAgent.connect(share, { agent: 'frozen' })
  const entry = async (): Promise<unknown> => {
    const { servers }: { servers: { share: string }[] } = await (await askAsOwner('GET', '/api/catalog')).json()
    return servers.find((one) => one.share === share.id)
  }
  expect(await entry()).toMatchObject({ state: 'online', agents: 1 })
  const waits = heldTimers(ROLL_CALL_MS)
  passTime(2 * ROLL_CALL_FRESH_MS)
  const asked = entry()
  const { header } = await frozen.expect('notify')
  waits.end()
  expect(await asked).toMatchObject({ state: 'offline', agents: 0 })
  const again = entry()
  const next = await frozen.expect('notify')
  frozen.send({ type: 'receipts', keys: [header.key, next.header.key] })
  expect(await again).toMatchObject({ state: 'online', agents: 1 })
})

test('an agent of which something has just been heard is not asked', async () => {
  const { share, agent } = await connected()
  expect(await agentsOf(share)).toMatchObject([{ name: 'scripted' }])
  expect(agent.waiting).toEqual([])
})

test('the last words of a server that ended by itself are told to the owner, after sleep too, and to no client', async () => {
  verifies('promise.9.stderr')
  const { share, agent, client, ch } = await connected()
  const response = client.post('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}')
  const { header } = await agent.expect('call')
  agent.fail(header, 'CHILD_DIED', 'unknown')
  agent.send({ type: 'died', ch, reason: 'exit', exitCode: 3, signal: null, lastWords: 'no such table: secrets' })
  expect(await (await response).text()).not.toContain('secrets')
  await evictDurableObject(stubOf(share))
  const words = { exit_code: 3, words: 'no such table: secrets' }
  expect(await agentsOf(share)).toMatchObject([{ name: 'scripted', last_words: words }])
})
