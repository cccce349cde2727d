/** What a policy costs: a bounded call asks its Share once when warm, and lists tools only when their state is another. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { HandshakeChild, postModern } from '../harness/handshake-child.ts'
import { parked, retry } from '../harness/parked-call.ts'
import { createShare, EventReader, factsOf, stubOf, type TestShare } from '../harness/relay.ts'
import { connected, ScriptedAgent } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"look","arguments":{"path":"/docs/a"}}}'
const LIST_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
const TOOLS = '{"tools":[{"name":"look","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]}'
const POLICY = '{"access":"read","arguments":["look(path^=/docs)"]}'

afterEach(() => {
  vi.restoreAllMocks()
})

function bind(share: TestShare, policy: string): Promise<unknown> {
  return stubOf(share).admin({ op: 'share_changed', trust: { version: 2, expiresAtMs: 4e12, isPaused: false, policy } })
}

async function bounded() {
  const { share, agent, client } = await connected()
  await bind(share, POLICY)
  const called = vi.spyOn(Share.prototype, 'call')
  let channel = ''
  /** Makes a call, which the server answers after it has answered `lists` questions for its tools; returns how often the Share was asked. */
  const call = async (lists: number): Promise<number> => {
    called.mockClear()
    const response = client.post(CALL)
    for (let list = 0; list < lists; list++) {
      const { header, body } = await agent.expect('call')
      const { id, method } = JSON.parse(new TextDecoder().decode(body)) as { id: string; method: string }
      expect(method).toBe('tools/list')
      agent.answer(header, JSON.stringify(id), TOOLS)
    }
    const { header } = await agent.expect('call')
    channel = header.ch
    expect(header.method).toBe('tools/call')
    agent.answer(header, '7', '{"content":[]}')
    expect(await (await response).json()).toMatchObject({ id: 7, result: { content: [] } })
    return called.mock.calls.length
  }
  return { share, agent, call, channel: () => channel }
}

test('a bounded call asks its Share once when warm, and writes no row', async () => {
  verifies('promise.7.one')
  const { share, call } = await bounded()
  // The new policy, the state of the tools, their list, the call.
  expect(await call(1)).toBe(4)
  const changes = (await factsOf(share)).counters.total_changes
  expect(await call(0)).toBe(1)
  expect(await call(0)).toBe(1)
  expect((await factsOf(share)).counters.total_changes).toBe(changes)
})

test('a bounded call lists the tools anew once the server has said that they have changed', async () => {
  verifies('promise.11.fresh')
  const { agent, call, channel } = await bounded()
  await call(1)
  agent.notify(channel(), LIST_CHANGED)
  // Nobody listens.
  await agent.expect('hold')
  expect(await call(1)).toBe(3)
  expect(await call(0)).toBe(1)
})

test('a hidden tool is answered like one that does not exist, whatever headers it wants', async () => {
  verifies('promise.11.hidden')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  await bind(share, '{"tools":{"deny":["hidden"]}}')
  const schema = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } }
  const call = async (name: string): Promise<unknown> => {
    const response = await postModern(share, 'tools/call', { name, arguments: { region: 'eu' } })
    return { status: response.status, body: await response.json() }
  }
  const hidden = call('hidden')
  await agent.expect('open')
  agent.answer((await agent.expect('call')).header, '0', JSON.stringify({ tools: [{ name: 'hidden', inputSchema: schema }] }))
  expect(await hidden).toEqual(await call('unknown'))
})

test('a call that waits for input of its client is not gone on with once its tool is denied', async () => {
  verifies('promise.11.changes')
  const { child, state } = await parked()
  await bind(child.share, '{"tools":{"deny":["a"]}}')
  const response = await retry(child.share, state)
  expect(await response.json()).toMatchObject({ error: { data: { code: 'NOT_OFFERED' } } })
  expect(child.agent.waiting).toEqual([])
})

describe('a listen of 2026-07-28 that was open before', () => {
  const updated = (uri: string): string => `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"${uri}"}}`
  const NOTIFICATIONS = { notifications: { resourceSubscriptions: ['x:/a', 'x:/b'] } }
  const DENIED = '{"resources":{"deny":["x:/a"]}}'

  test('brings nothing of a resource that is denied since, of a server of the handshake era', async () => {
    verifies('promise.11.changes')
    const child = await HandshakeChild.connect()
    expect(await child.hasHeardNothing()).toBe(true)
    const events = new EventReader(await postModern(child.share, 'subscriptions/listen', NOTIFICATIONS))
    expect(await events.next()).toContain('acknowledged')
    const { ch } = (await child.expect('call')).header
    await bind(child.share, DENIED)
    for (const uri of ['x:/a', 'x:/b']) child.agent.notify(ch, updated(uri), { uri })
    expect(await events.next()).toContain('x:/b')
    await events.cancel()
  })

  test('brings nothing of a resource that is denied since, of a server of its own', async () => {
    verifies('promise.11.changes')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern' })
    const response = postModern(share, 'subscriptions/listen', NOTIFICATIONS)
    await agent.expect('open')
    const { ch, ra } = (await agent.expect('call')).header
    agent.notify(ch, updated('x:/a'), { uri: 'x:/a', ra, sure: true })
    const events = new EventReader(await response)
    expect(await events.next()).toContain('x:/a')
    await bind(share, DENIED)
    for (const uri of ['x:/a', 'x:/b']) agent.notify(ch, updated(uri), { uri, ra, sure: true })
    expect(await events.next()).toContain('x:/b')
    await events.cancel()
  })
})
