/** Clients that have come back for a call that no agent has got yet: its Worker still waits for one, and they are told what becomes of that. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, expect, test, vi } from 'vitest'
import { GRACE_MS } from '../../../protocol/limits.ts'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import { AWAY_WAIT_MS, LEFT_LOOK_MS, TOLD_CALL_MS } from '../../../worker/limits.ts'
import { ClientFrames } from '../../../worker/share/answers/client-frames.ts'
import { verifies } from '../../requirements/verifies.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { callAfterReplays, expectReplay, leaveUnmade } from '../harness/left-stream.ts'
import { awaitingNews, EventReader, stubOf } from '../harness/relay.ts'
import { BARE_SERVER, connected, ScriptedAgent } from '../harness/scripted-agent.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const OTHER = { agent: 'other', instance: 'o1', join: 'replica' } as const

/** Stops all clocks, and sets them on by so many milliseconds each time. */
function clock(): (ms: number) => void {
  let nowMs = Date.now()
  vi.spyOn(Date, 'now').mockImplementation(() => nowMs)
  return (ms) => void (nowMs += ms)
}

test('a call that has found no agent in vain once more waits on, though its first agent is lost for good', async () => {
  verifies('promise.2.nothing-lost')
  const { share, agent, client } = await connected()
  const other = await ScriptedAgent.connect(share, OTHER)
  const setOn = clock()
  await agent.leave()
  setOn(GRACE_MS - AWAY_WAIT_MS / 4)
  await other.leave()
  const opened = vi.spyOn(ShareClient.prototype, 'open')
  const waits = (): number => opened.mock.calls.filter(([{ kind }]) => kind === 'news').length
  const events = new EventReader(await client.resume(await leaveUnmade(client)))
  await vi.waitFor(async () => expect([waits(), await awaitingNews(share)]).toEqual([1, 1]))
  const looked = vi.spyOn(ClientFrames.prototype, 'failUnlessOnItsWay')
  setOn(AWAY_WAIT_MS / 4)
  const late = heldTimers(TOLD_CALL_MS)
  await runDurableObjectAlarm(stubOf(share))
  // Its Worker was told that the first agent is lost, and has found no other.
  await vi.waitFor(async () => expect([waits(), await awaitingNews(share)]).toEqual([2, 1]))
  setOn(TOLD_CALL_MS)
  late.end()
  // Another look, when it would have come to another agent.
  await vi.waitFor(() => expect(looked).toHaveBeenCalledTimes(2))
  const back = await ScriptedAgent.connect(share, OTHER)
  back.answer(await callAfterReplays(back), '0', BARE_SERVER)
  const call = await callAfterReplays(back)
  await expectReplay(back)
  back.answer(call, '7', '{"late":true}')
  expect(await events.next()).toContain('"late":true')
})

test('a call whose Worker has given up ends so, and is known not to have run', async () => {
  verifies('promise.3.says-executed')
  const { share, agent, client } = await connected()
  await agent.leave()
  const wait = heldTimers(LEFT_LOOK_MS)
  const events = new EventReader(await client.resume(await leaveUnmade(client)))
  await vi.waitFor(async () => expect(await awaitingNews(share)).toBe(1))
  const setOn = clock()
  setOn(AWAY_WAIT_MS)
  wait.end()
  const message = JSON.parse((await events.next()) ?? '')
  expect(message).toMatchObject({ id: 7, error: { data: { code: 'AGENT_AWAY', executed: 'no' } } })
  expect(await events.next()).toBeUndefined()
})
