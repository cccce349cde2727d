/** Clients that listen hear that their server was started anew, since it may offer other tools than before. */
import { runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { UNTAKEN_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import * as bridged from '../harness/bridged-session.ts'
import { HandshakeChild, postModern } from '../harness/handshake-child.ts'
import { CALL, known, SERVER, untilKept } from '../harness/kept-lists.ts'
import { createShare, EventReader, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { type Connected, initialize, ScriptedAgent, survivorOf, takeOver } from '../harness/scripted-agent.ts'

const TOOLS_CHANGED = 'notifications/tools/list_changed'
const FILTER = { notifications: { toolsListChanged: true } }

/** A session whose server tells of changed tools, and not of prompts, though it has them. */
async function listening(): Promise<Connected & { readonly events: EventReader }> {
  const parts = await known()
  const events = new EventReader(await parts.client.listen())
  await parts.agent.expect('resume')
  return { ...parts, events }
}

/** How many GET streams are open. */
function listeners(share: TestShare): Promise<number> {
  return runInDurableObject(stubOf(share), (_, state) => state.getWebSockets().filter(({ readyState }) => readyState === 1).length - 1)
}

afterEach(() => void vi.restoreAllMocks())

async function nextMethod(events: EventReader): Promise<unknown> {
  const message: { method?: string } = JSON.parse((await events.next()) ?? '{}')
  return message.method
}

/** Calls a tool; its child is opened anew. */
async function callAnew(agent: ScriptedAgent, client: TestClient): Promise<unknown> {
  const called = client.post(CALL)
  agent.answer(await takeOver(agent, SERVER), '7', '{"content":[]}')
  return (await called).json()
}

describe('a listening session hears that its tools may have changed', () => {
  test('as soon as another instance of its agent is there, once, and of nothing that the server never tells of', async () => {
    verifies('promise.4.list-changed')
    const { share, agent, client, events } = await listening()
    await agent.leave()
    const back = await ScriptedAgent.connect(share, { instance: 'two' })
    expect(await nextMethod(events)).toBe(TOOLS_CHANGED)
    expect(await callAnew(back, client)).toMatchObject({ result: { _meta: { 'mcp-edge/restarted': true } } })
    back.notify(`${client.session}.2`, '{"jsonrpc":"2.0","method":"notifications/message","params":{}}')
    expect(await nextMethod(events)).toBe('notifications/message')
    await events.cancel()
  })

  test('when its child has died, with its next call', async () => {
    verifies('promise.4.list-changed')
    const { agent, client, ch, events } = await listening()
    agent.notify(ch, '{"jsonrpc":"2.0","method":"notifications/message","params":{}}')
    agent.send({ type: 'died', ch, reason: 'exit', exitCode: 1 })
    expect(await nextMethod(events)).toBe('notifications/message')
    await callAnew(agent, client)
    expect(await nextMethod(events)).toBe(TOOLS_CHANGED)
    await events.cancel()
  })

  test.each([
    ['though the stream on which it was told has ended', true],
    ['though the stream on which it was told looks open', false],
  ])('again on its next stream, %s', async (_, isNoticed) => {
    verifies('promise.5.never-untaken', 'promise.4.list-changed')
    const { share, agent, client, events } = await listening()
    await agent.leave()
    await ScriptedAgent.connect(share, { instance: 'two' })
    // It was written, and for all that the relay knows nobody read it.
    expect(await nextMethod(events)).toBe(TOOLS_CHANGED)
    if (isNoticed) {
      await events.cancel()
      await vi.waitFor(async () => expect(await listeners(share)).toBe(0))
    }
    const next = new EventReader(await client.listen())
    expect(await nextMethod(next)).toBe(TOOLS_CHANGED)
    await next.cancel()
  })

  test('but not again when it has surely heard it', async () => {
    const { share, agent, client, events } = await listening()
    await agent.leave()
    const back = await ScriptedAgent.connect(share, { instance: 'two' })
    expect(await nextMethod(events)).toBe(TOOLS_CHANGED)
    const laterMs = Date.now() + UNTAKEN_MS
    vi.spyOn(Date, 'now').mockReturnValue(laterMs)
    const next = new EventReader(await client.listen())
    await callAnew(back, client)
    back.notify(`${client.session}.2`, '{"jsonrpc":"2.0","method":"notifications/message","params":{}}')
    expect(await nextMethod(next)).toBe('notifications/message')
    await next.cancel()
  })

  test('when it began while no agent was there', async () => {
    const { share, agent, events: others } = await listening()
    await agent.leave()
    const client = new TestClient(share)
    expect((await client.initialize()).status).toBe(200)
    const events = new EventReader(await client.listen())
    await ScriptedAgent.connect(share, { instance: 'two' })
    expect([await nextMethod(events), await nextMethod(others)]).toEqual([TOOLS_CHANGED, TOOLS_CHANGED])
    await events.cancel()
    await others.cancel()
  })

  test('but not when the same agent is back after a cut', async () => {
    const { share, agent, events, ch } = await listening()
    const survivor = survivorOf(ch, agent)
    await agent.leave()
    const back = await ScriptedAgent.connect(share, survivor)
    back.notify(ch, '{"jsonrpc":"2.0","method":"notifications/message","params":{}}')
    expect(await nextMethod(events)).toBe('notifications/message')
    await events.cancel()
  })

  test('also of a server that knows no sessions', async () => {
    const { share, agent, client } = await bridged.connected({ server: bridged.SERVER })
    const events = new EventReader(await client.listen())
    await untilKept(share, 1)
    await agent.leave()
    await ScriptedAgent.connect(share, { era: 'modern', instance: 'two' })
    expect(await nextMethod(events)).toBe(TOOLS_CHANGED)
    await events.cancel()
  })

  test('where more than 32 listen, each with its next call', async () => {
    const { share, agent, client, events } = await listening()
    const others: EventReader[] = []
    for (let count = 0; count < 32; count++) {
      const other = new TestClient(share)
      await initialize(agent, other, SERVER)
      others.push(new EventReader(await other.listen()))
      await agent.expect('resume')
    }
    await agent.leave()
    const back = await ScriptedAgent.connect(share, { instance: 'two' })
    back.notify(`${client.session}.1`, '{"jsonrpc":"2.0","method":"notifications/message","params":{}}')
    expect(await nextMethod(events)).toBe('notifications/message')
    await callAnew(back, client)
    expect(await nextMethod(events)).toBe(TOOLS_CHANGED)
    for (const reader of [events, ...others]) await reader.cancel()
  })
})

describe('a listen of 2026-07-28 hears it before it ends', () => {
  test('on a server of its own era', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern' })
    const response = postModern(share, 'subscriptions/listen', FILTER, { id: 5 })
    await agent.expect('open')
    const { header } = await agent.expect('call')
    const { ch, ra } = header
    agent.notify(ch, '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{}}', { ra, sure: true })
    const events = new EventReader(await response)
    expect(await nextMethod(events)).toBe('notifications/subscriptions/acknowledged')
    await agent.leave()
    await ScriptedAgent.connect(share, { era: 'modern', instance: 'two' })
    const told: unknown = JSON.parse((await events.next()) ?? '{}')
    expect(told).toMatchObject({ method: TOOLS_CHANGED, params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 5 } } })
    expect(JSON.parse((await events.next()) ?? '{}')).toMatchObject({ id: 5, error: { data: { code: 'AGENT_LOST' } } })
    expect(await events.next()).toBeUndefined()
  })

  test('on a server of the handshake era', async () => {
    const child = await HandshakeChild.connect()
    expect(await child.hasHeardNothing()).toBe(true)
    const events = new EventReader(await postModern(child.share, 'subscriptions/listen', FILTER, { id: 5 }))
    expect(await nextMethod(events)).toBe('notifications/subscriptions/acknowledged')
    await child.agent.leave()
    await ScriptedAgent.connect(child.share, { era: 'legacy', instance: 'two' })
    const told: unknown = JSON.parse((await events.next()) ?? '{}')
    expect(told).toMatchObject({ method: TOOLS_CHANGED, params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 5 } } })
    await events.cancel()
  })
})
