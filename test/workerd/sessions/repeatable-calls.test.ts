/** Calls that may run twice are run by another agent while their own is lost; all others wait for it. */
import { describe, expect, test } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import type { DecodedFrame } from '../../../protocol/frame-codec.ts'
import { verifies } from '../../requirements/verifies.ts'
import { callTool, postModern } from '../harness/handshake-child.ts'
import { PlayingAgent } from '../harness/playing-agent.ts'
import { createClientToken, createShare, EventReader, TestClient } from '../harness/relay.ts'
import { bodyText, ScriptedAgent } from '../harness/scripted-agent.ts'

function toolCall(name: string, id = 7): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, _meta: { progressToken: 'p' } } })
}

interface Scene {
  readonly first: PlayingAgent
  readonly second: PlayingAgent
  readonly client: TestClient
}

/** A client whose session runs on the first of two agents, and which has asked for the tools. */
async function scene(isolation: 'session' | 'share' = 'session'): Promise<Scene> {
  const share = await createShare()
  const first = new PlayingAgent(await ScriptedAgent.connect(share, { agent: 'first', isolation }), 'first')
  const client = new TestClient(share)
  await client.initialize()
  await (await client.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).text()
  const second = new PlayingAgent(await ScriptedAgent.connect(share, { agent: 'second', join: 'replica', isolation }), 'second')
  first.isSilent = true
  return { first, second, client }
}

test.each([
  ['that only reads', 'look', 'session'],
  ['that is idempotent', 'set', 'session'],
  ['of a shared child that only reads', 'look', 'share'],
] as const)('a call %s is made by another agent as soon as its own is lost', async (_, tool, isolation) => {
  const { first, client } = await scene(isolation)
  const response = client.post(toolCall(tool))
  await first.call()
  first.agent.close()
  expect(await (await response).json()).toMatchObject({ id: 7, result: { by: 'second', _meta: { 'mcp-edge/restarted': true } } })
})

test('a call made while its agent is lost is made by another at once, if it only reads', async () => {
  verifies('promise.2.repeatable')
  const { first, client } = await scene()
  await first.agent.leave()
  expect(await (await client.post(toolCall('look'))).json()).toMatchObject({ result: { by: 'second' } })
})

test('any other call waits for its own agent, and the session is still there', async () => {
  verifies('promise.2.repeatable')
  const { first, client } = await scene()
  const response = client.post(toolCall('pay'))
  const { header } = await first.call()
  await first.agent.leave()
  expect(await (await client.post(toolCall('look', 8))).json()).toMatchObject({ result: { by: 'second' } })
  const back = await ScriptedAgent.connect(client.share, {
    agent: 'first',
    join: 'replica',
    held: [header.key],
    channels: [{ ch: header.ch, n: first.agent.lastNumber(header.ch) }],
  })
  back.answer(header, '7', '{"by":"first"}')
  expect(await (await response).json()).toMatchObject({ result: { by: 'first' } })
  const next = client.post(toolCall('pay', 9))
  const again = await back.expect('call')
  expect(again.header.ch).toBe(header.ch)
  back.answer(again.header, '9', '{}')
  expect((await next).status).toBe(200)
})

test('a call that has sent progress goes on with another agent on the same stream', async () => {
  const { first, second, client } = await scene()
  second.isSilent = true
  const response = client.post(toolCall('look'))
  const { header } = await first.call()
  const progress = (value: number): string =>
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":${value}}}`
  first.agent.notify(header.ch, progress(5), { ra: header.ra, sure: true })
  const events = new EventReader(await response)
  expect(await events.next()).toBe(progress(5))
  first.agent.close()
  const again = await second.call()
  expect(bodyText(again)).toContain('"look"')
  second.agent.answer(again.header, '1', '{"by":"second"}')
  const rest: string[] = []
  for (let event = await events.next(); event !== undefined; event = await events.next()) rest.push(event)
  expect(JSON.parse(rest.at(-1) ?? '')).toMatchObject({ id: 7, result: { by: 'second' } })
})

test('a call of which part of the answer was told is not made again', async () => {
  verifies('promise.2.repeatable', 'promise.2.never-twice')
  const { first, client } = await scene()
  const response = client.post(toolCall('look'))
  const { header } = await first.call()
  const body = new TextEncoder().encode('{"jsonrpc":"2.0","id":7,"result":{"text":"half')
  first.agent.send(
    {
      type: 'answer',
      ...first.agent.number(header.ch, body.length),
      size: 1000,
      key: header.key,
      ra: header.ra,
      id: [21, 22],
      failed: false,
    },
    body,
  )
  const reader = (await response).body?.getReader()
  await reader?.read()
  first.agent.close()
  await ScriptedAgent.connect(client.share, { agent: 'first', join: 'replica', instance: 'two' })
  const rest = async (): Promise<void> => {
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) expect(part.value).toBeDefined()
  }
  await expect(rest()).rejects.toThrow()
})

test.each(['legacy', 'modern'] as const)('a modern client is served by another agent too (%s child)', async (era) => {
  const share = await createShare()
  const first = new PlayingAgent(await ScriptedAgent.connect(share, { agent: 'first', era }), 'first')
  await (await postModern(share, 'tools/list')).text()
  await (await callTool(share, 'look')).text()
  const second = new PlayingAgent(await ScriptedAgent.connect(share, { agent: 'second', join: 'replica', era }), 'second')
  first.isSilent = true
  const reading = callTool(share, 'look')
  const paying = callTool(share, 'pay', { id: 2 })
  await first.call()
  await first.call()
  first.agent.close()
  expect(await (await reading).text()).toContain('"by":"second"')
  const back = await ScriptedAgent.connect(share, { agent: 'first', join: 'replica', instance: 'two', era })
  expect(await (await paying).text()).toContain('AGENT_LOST')
  back.close()
  second.agent.close()
})

describe('a call whose child dies under it', () => {
  /** Kills the child of a call in the middle of it. */
  function kill({ agent }: PlayingAgent, { header }: DecodedFrame<Call>): void {
    agent.fail(header, 'CHILD_DIED', 'unknown')
    agent.send({ type: 'died', ch: header.ch, reason: 'exit', exitCode: 1 })
  }

  test.each([
    ['only reads', 'look', 'session'],
    ['is idempotent', 'set', 'session'],
    ['only reads, of a shared child', 'look', 'share'],
  ] as const)(
    'and that %s is made again on a new child of the same agent, which is told that it may run twice',
    async (_, tool, isolation) => {
      verifies('promise.2.repeated-after-death')
      const { first, second, client } = await scene(isolation)
      second.agent.close()
      const response = client.post(toolCall(tool))
      const call = await first.call()
      kill(first, call)
      const again = await first.call()
      expect(again.header).toMatchObject({ key: call.header.key, repeats: true })
      expect(again.header.ch).not.toBe(call.header.ch)
      first.agent.answer(again.header, isolation === 'share' ? '1' : '7', '{"again":true}')
      expect(await (await response).json()).toMatchObject({ id: 7, result: { again: true, _meta: { 'mcp-edge/restarted': true } } })
    },
  )

  test.each([
    ['logging/setLevel', { level: 'info' }],
    ['resources/subscribe', { uri: 'a:b' }],
  ])('and that sets something for its session (%s) is made again, and the new child is told it by nothing else', async (method, params) => {
    verifies('promise.2.repeated-after-death')
    const { first, client } = await scene()
    const response = client.post(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }))
    const call = await first.call()
    kill(first, call)
    const again = await first.call()
    expect(again.header).toMatchObject({ key: call.header.key, method, repeats: true })
    first.agent.answer(again.header, '7', '{}')
    expect(await (await response).json()).toMatchObject({ id: 7, result: {} })
  })

  test('is made again once', async () => {
    const { first, client } = await scene()
    const response = client.post(toolCall('look'))
    kill(first, await first.call())
    kill(first, await first.call())
    expect(await (await response).json()).toMatchObject({ id: 7, error: { data: { code: 'CHILD_DIED', executed: 'unknown' } } })
  })

  test('goes on on its stream when it has told of progress', async () => {
    const { first, client } = await scene()
    const response = client.post(toolCall('look'))
    const call = await first.call()
    const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":5}}'
    first.agent.notify(call.header.ch, progress, { ra: call.header.ra, sure: true })
    const events = new EventReader(await response)
    expect(await events.next()).toBe(progress)
    kill(first, call)
    first.agent.answer((await first.call()).header, '7', '{"again":true}')
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 7, result: { again: true } })
  })

  test('and that may have done something is not made again', async () => {
    verifies('promise.2.never-twice')
    const { first, client } = await scene()
    const response = client.post(toolCall('pay'))
    kill(first, await first.call())
    expect(await (await response).json()).toMatchObject({ id: 7, error: { data: { code: 'CHILD_DIED', executed: 'unknown' } } })
  })

  test.each([
    ['legacy', false],
    ['legacy', true],
    ['modern', true],
  ] as const)('is made again for a modern client (%s child, beside others: %s)', async (era, isBesideOthers) => {
    verifies('promise.2.repeated-after-death')
    const share = await createShare()
    const player = new PlayingAgent(await ScriptedAgent.connect(share, { era }), 'first')
    // What the dead child said of itself is forgotten with it then.
    if (isBesideOthers) await (await postModern(share, 'tools/list', {}, { token: await createClientToken(share) })).text()
    await (await postModern(share, 'tools/list')).text()
    await (await callTool(share, 'look')).text()
    player.isSilent = true
    const reading = callTool(share, 'look')
    const call = await player.call()
    kill(player, call)
    const again = await player.call()
    expect(again.header).toMatchObject({ key: call.header.key, repeats: true })
    player.agent.answer(again.header, '1', '{"by":"again","resultType":"complete"}')
    expect(await (await reading).text()).toContain('"by":"again"')
    player.agent.close()
  })
})
