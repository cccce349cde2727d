/** What holds for every call holds for one that goes by its name to another agent: who joins, asks, cancellations, policies, pins, losses, and what a client is told of changes. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CLOSE } from '../../../protocol/handshake.ts'
import { GRACE_MS } from '../../../protocol/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { asked, callTool, postModern } from '../harness/handshake-child.ts'
import { askAsOwner, createShare, EventReader, factsOf, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'
import { SelfAnsweringAgent } from '../harness/self-answering-agent.ts'
import { callOf, said } from '../harness/tool-calls.ts'

const GIT = { patterns: ['git_*'] }
const FILES = { patterns: ['fs_*', 'file:///*'] }

afterEach(() => {
  vi.restoreAllMocks()
})

interface Scene {
  readonly share: TestShare
  readonly git: SelfAnsweringAgent
  readonly files: SelfAnsweringAgent
  readonly client: TestClient
}

/** A session whose own agent is the first. */
async function scene(): Promise<Scene> {
  const share = await createShare()
  const git = await SelfAnsweringAgent.connect(share, 'git', { tools: ['git_log', 'git_push'] }, { ...GIT, asksApart: true })
  const client = new TestClient(share)
  expect((await client.initialize()).status).toBe(200)
  const offered = { tools: ['fs_read'], prompts: ['fs_ask'], resources: ['file:///a', 'http://b'] }
  const files = await SelfAnsweringAgent.connect(share, 'files', offered, { ...FILES, asksApart: true })
  return { share, git, files, client }
}

async function ask(client: TestClient, body: string): Promise<unknown> {
  return (await client.post(body)).json()
}

describe('agents', () => {
  test('of different patterns join by themselves; of the same only as replicas', async () => {
    verifies('promise.serves.joins')
    const share = await createShare()
    await ScriptedAgent.connect(share, { agent: 'plain' })
    await ScriptedAgent.connect(share, { agent: 'git', patterns: ['a', 'b'] })
    const same = await ScriptedAgent.dial(share, { agent: 'same', patterns: ['b', 'a'] })
    expect(await same.closed).toMatchObject({ code: CLOSE.NAME_REFUSED })
    await ScriptedAgent.connect(share, { agent: 'replica', join: 'replica', patterns: ['b', 'a'] })
    // Only those of its own patterns go.
    await ScriptedAgent.connect(share, { agent: 'new', join: 'replace', patterns: ['a', 'b'] })
    const described = await (await askAsOwner('GET', `/api/shares/${share.id}`)).json<{ agents: { name: string; serves?: string[] }[] }>()
    const serves = described.agents.map((agent) => [agent.name, agent.serves])
    expect(Object.fromEntries(serves)).toEqual({ new: ['a', 'b'], plain: undefined })
  })

  test('without patterns serve what no other has', async () => {
    verifies('promise.serves.routed', 'promise.serves.one-list')
    const share = await createShare()
    const plain = await SelfAnsweringAgent.connect(share, 'plain', { tools: ['git_log', 'time'] })
    await SelfAnsweringAgent.connect(share, 'git', { tools: ['git_log', 'time'] }, GIT)
    const client = new TestClient(share)
    await client.initialize()
    const listed = (await (await client.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).text()).replaceAll(/"id":1/g, '')
    expect(listed).toContain(
      '{"tools":[{"name":"time","inputSchema":{"type":"object"},"n":1.0},{"name":"git_log","inputSchema":{"type":"object"},"n":1.0}]}',
    )
    expect(await ask(client, callOf(2, 'git_log'))).toMatchObject(said('git: git_log'))
    expect(await ask(client, callOf(3, 'time'))).toMatchObject(said('plain: time'))
    expect(await ask(client, callOf(4, 'unknown'))).toMatchObject(said('plain: unknown'))
    expect(plain.count('tools/call')).toBe(2)
  })
})

describe('a session', () => {
  test('is offered prompts and resources of all, and what only some of them can do', async () => {
    verifies('promise.serves.routed', 'promise.serves.one-list')
    const { share, client } = await scene()
    expect(await ask(client, '{"jsonrpc":"2.0","id":1,"method":"prompts/list"}')).toMatchObject({
      result: { prompts: [{ name: 'fs_ask' }] },
    })
    const prompt = '{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"fs_ask"}}'
    expect(await ask(client, prompt)).toMatchObject({ result: { description: 'files: fs_ask' } })
    expect(await ask(client, '{"jsonrpc":"2.0","id":3,"method":"resources/list"}')).toMatchObject({
      result: { resources: [{ uri: 'file:///a' }] },
    })
    const read = '{"jsonrpc":"2.0","id":4,"method":"resources/read","params":{"uri":"file:///a"}}'
    expect(await ask(client, read)).toMatchObject({ result: { contents: [{ text: 'files: file:///a' }] } })
    expect(await ask(client, read.replace('file:///a', 'http://b'))).toMatchObject({ result: { contents: [{ text: 'git: http://b' }] } })
    const later = new TestClient(share)
    expect(await (await later.initialize()).json()).toMatchObject({
      result: { capabilities: { tools: {}, prompts: { listChanged: true }, resources: {} } },
    })
  })

  test('is asked by a child of another agent, whose answer finds it though its own child has asked by the same id', async () => {
    verifies('promise.serves.once')
    const { git, files, client } = await scene()
    for (const [agent, name] of [
      [git, 'git_log'],
      [files, 'fs_read'],
    ] as const)
      agent.held.add(name)
    const response = client.postForEvents(callOf(1, 'fs_read'))
    const call = await files.call('tools/call')
    const { askTag } = files.opened.get(call.header.ch) ?? {}
    expect(askTag).toMatch(/^mcp-edge~\+/)
    const id = JSON.stringify(`${askTag} 0`)
    files.elicit(call, id)
    const events = new EventReader(await response)
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: `${askTag} 0`, method: 'elicitation/create' })
    const ownResponse = client.postForEvents(callOf(2, 'git_log'))
    const ownCall = await git.call('tools/call')
    git.elicit(ownCall, '0')
    const own = new EventReader(await ownResponse)
    expect(JSON.parse((await own.next()) ?? '')).toMatchObject({ id: 0, method: 'elicitation/create' })
    expect((await client.post(`{"jsonrpc":"2.0","id":${id},"result":{"action":"accept"}}`)).status).toBe(202)
    expect((await client.post('{"jsonrpc":"2.0","id":0,"result":{"action":"decline"}}')).status).toBe(202)
    expect([files.responded, git.responded]).toEqual([[id], ['0']])
    files.answer(call, 'done')
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 1, ...said('done') })
    git.answer(ownCall, 'own')
    expect(JSON.parse((await own.next()) ?? '')).toMatchObject({ id: 2, ...said('own') })
  })

  test('cancels a call where it runs, comes back for it by its stream, and ends its children with itself', async () => {
    verifies('promise.serves.once')
    const { files, client } = await scene()
    files.held.add('fs_read')
    const response = client.post(callOf(1, 'fs_read'))
    const call = await files.call('tools/call')
    const cancelling = client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')
    await vi.waitFor(() => expect(files.cancelled).toEqual([call.header.tag]))
    files.agent.fail(call.header, 'CANCELLED', 'unknown')
    expect(await (await response).json()).toMatchObject({ error: { data: { code: 'CANCELLED' } } })
    expect((await cancelling).status).toBe(202)
    const leaving = client.postForEvents(callOf(2, 'fs_read').replace('"arguments"', '"_meta":{"progressToken":"p"},"arguments"'))
    const second = await files.call('tools/call')
    const { ch, ra, key } = second.header
    const told = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}'
    const { header } = files.agent.notify(ch, told, { ra, sure: true })
    const events = new EventReader(await leaving)
    const seen = await events.nextEvent()
    expect(seen?.data).toBe(told)
    await events.cancel()
    const back = new EventReader(await client.resume(seen?.id ?? ''))
    await vi.waitFor(() => expect(files.replays).toMatchObject([{ ch, key, after: header.n }]))
    files.answer(second, 'late')
    expect(JSON.parse((await back.next()) ?? '')).toMatchObject({ id: 2, ...said('late') })
    await client.leave()
    await vi.waitFor(() => expect(files.closed).toEqual([call.header.ch]))
  })

  test('is told when agents come and are lost for good, and goes on with the others', async () => {
    verifies('promise.serves.away')
    const { share, git, client } = await scene()
    const events = new EventReader(await client.listen())
    await git.agent.leave()
    expect(await ask(client, callOf(1, 'fs_read'))).toMatchObject(said('files: fs_read'))
    expect(await ask(client, '{"jsonrpc":"2.0","id":2,"method":"tools/list"}')).toMatchObject({ result: { tools: [{ name: 'fs_read' }] } })
    const nowMs = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => nowMs + GRACE_MS)
    await runDurableObjectAlarm(stubOf(share))
    expect(await events.next()).toContain('notifications/tools/list_changed')
    expect(JSON.stringify(await ask(client, callOf(3, 'git_log')))).toContain('git_log: no agent that is connected serves this name')
    await SelfAnsweringAgent.connect(share, 'git', { tools: ['git_log'] }, GIT)
    for (let event = ''; !event.includes('notifications/tools/list_changed');) event = (await events.next()) ?? ''
    expect(await ask(client, callOf(4, 'git_log'))).toMatchObject(said('git: git_log'))
  })

  test('finds a call again on its agent after a cut, which is not run twice, and goes on with a replica of the same patterns', async () => {
    verifies('promise.serves.once')
    const { share, files, client } = await scene()
    files.held.add('fs_read')
    const response = client.post(callOf(1, 'fs_read'))
    const call = await files.call('tools/call')
    const other = await SelfAnsweringAgent.connect(share, 'other', { tools: ['fs_read'] }, { ...FILES, join: 'replica' })
    await files.agent.leave()
    const held = { held: [call.header.key], channels: [{ ch: call.header.ch, n: files.agent.lastNumber(call.header.ch) }] }
    const back = await ScriptedAgent.connect(share, { agent: 'files', instance: 'files-1', ...FILES, ...held })
    back.answer(call.header, '1', '{"content":[{"type":"text","text":"once"}]}')
    expect(await (await response).json()).toMatchObject(said('once'))
    expect(other.count('tools/call')).toBe(0)
    await back.leave(CLOSE.GOING_AWAY)
    expect(await ask(client, callOf(2, 'fs_read'))).toMatchObject({
      result: { content: [{ text: 'other: fs_read' }], _meta: { 'mcp-edge/restarted': true } },
    })
  })
})

describe('a client that is bound', () => {
  test.each(['session', 'none'] as const)('by a policy is listed and may call what that allows, on each agent (%s)', async (by) => {
    verifies('promise.serves.judged')
    const { share, git, files } = await scene()
    const policy = { access: 'admin', tools: { allow: ['git_log', 'fs_*'] } }
    const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy })
    const { token } = await made.json<{ token: string }>()
    const bound = { ...share, clientToken: token }
    const client = new TestClient(bound)
    if (by === 'session') await client.initialize()
    const list = async (): Promise<unknown> =>
      by === 'session' ? ask(client, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}') : (await postModern(bound, 'tools/list')).json()
    const call = async (name: string): Promise<unknown> =>
      by === 'session' ? ask(client, callOf(2, name)) : (await postModern(bound, 'tools/call', { name, arguments: {} })).json()
    expect(await list()).toMatchObject({ result: { tools: [{ name: 'fs_read' }, { name: 'git_log' }] } })
    expect(await call('fs_read')).toMatchObject(said('files: fs_read'))
    expect(await call('git_log')).toMatchObject(said('git: git_log'))
    expect(await call('git_push')).toMatchObject({ error: { data: { code: 'NOT_OFFERED' } } })
    const lists = git.count('tools/list') + files.count('tools/list')
    expect(await call('fs_read')).toMatchObject(said('files: fs_read'))
    expect(git.count('tools/list') + files.count('tools/list')).toBe(lists)
    files.offered = { tools: [] }
    files.agent.notify([...files.opened.keys()].at(-1) ?? '', '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
    await factsOf(share)
    expect(await call('fs_read')).toMatchObject({ error: { data: { code: 'NOT_OFFERED' } } })
    expect(await call('git_log')).toMatchObject(said('git: git_log'))
    expect(git.count('tools/call') + files.count('tools/call')).toBe(4)
  })

  test('by pins is offered what an agent of other names lists first, and nothing that comes later', async () => {
    verifies('promise.serves.judged')
    const share = await createShare({ pinning: 'on' })
    const offered = async (): Promise<string[]> => {
      const { tools } = await (
        await askAsOwner('GET', `/api/shares/${share.id}/tools`)
      ).json<{ tools: { name: string; state: string }[] }>()
      return tools.flatMap(({ name, state }) => (state === 'pinned' ? [name] : []))
    }
    await SelfAnsweringAgent.connect(share, 'git', { tools: ['git_log'] }, GIT)
    await vi.waitFor(async () => expect(await offered()).toEqual(['git_log']))
    const client = new TestClient(share)
    await client.initialize()
    const events = new EventReader(await client.listen())
    const files = await SelfAnsweringAgent.connect(share, 'files', { tools: ['fs_read', 'git_log'] }, FILES)
    await vi.waitFor(async () => expect(await offered()).toEqual(['fs_read', 'git_log']))
    // When the agent has come, and when what it offers is accepted.
    for (let told = 0; told < 2;) told += (await events.next())?.includes('tools/list_changed') === true ? 1 : 0
    await events.cancel()
    const list = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    expect(await ask(client, list)).toMatchObject({ result: { tools: [{ name: 'fs_read' }, { name: 'git_log' }] } })
    expect(await ask(client, callOf(2, 'fs_read'))).toMatchObject(said('files: fs_read'))
    files.offered = { tools: ['fs_read', 'fs_new'] }
    expect(await ask(client, list)).toMatchObject({ result: { tools: [{ name: 'fs_read' }, { name: 'git_log' }] } })
    // What fits an agent that is there already is no first listing of a closer pattern.
    await SelfAnsweringAgent.connect(share, 'closer', { tools: ['git_lost'] }, { patterns: ['git_l*'] })
    expect(await ask(client, callOf(4, 'git_lost'))).toMatchObject({ error: { data: { code: 'NOT_OFFERED' } } })
    // The same patterns once more are no first listing.
    await SelfAnsweringAgent.connect(share, 'other', { tools: ['fs_other'] }, { ...FILES, join: 'replica' })
    await files.agent.leave(CLOSE.GOING_AWAY)
    expect(await ask(client, list)).toMatchObject({ result: { tools: [] } })
    expect(await ask(client, callOf(3, 'fs_other'))).toMatchObject({ error: { data: { code: 'NOT_OFFERED' } } })
    const accepted = await offered()
    for (const name of ['git_lost', 'fs_new', 'fs_other']) expect(accepted).not.toContain(name)
  })
})

describe('what goes on behind a call', () => {
  test('finds the child that has asked a client without a session, which brings what it wanted', async () => {
    verifies('promise.serves.once')
    const { share, files } = await scene()
    files.held.add('fs_read')
    const first = asked(callTool(share, 'fs_read'))
    const call = await files.call('tools/call')
    files.elicit(call, '5')
    const { requestState, inputRequests } = await first
    const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, { action: 'accept', content: {} }]))
    const second = postModern(share, 'tools/call', { name: 'fs_read', arguments: {}, requestState, inputResponses })
    await vi.waitFor(() => expect(files.responded).toEqual(['5']))
    files.answer(call, 'done')
    expect(await (await second).json()).toMatchObject(said('done'))
  })

  test('finds a task by the tool that has begun it', async () => {
    verifies('promise.serves.routed')
    const { git, files, client } = await scene()
    files.held.add('fs_read')
    const begun = ask(client, callOf(1, 'fs_read').replace('"arguments"', '"task":{"ttl":60000},"arguments"'))
    const at = '2026-01-01T00:00:00Z'
    const task = { taskId: 't1', status: 'working', createdAt: at, lastUpdatedAt: at, ttl: 60_000 }
    files.answerAs(await files.call('tools/call'), JSON.stringify({ task }).slice(0, -1))
    expect(await begun).toMatchObject({ result: { task: { taskId: 't1' } } })
    const get = '{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{"taskId":"t1"}}'
    expect(await ask(client, get)).toMatchObject({ result: { said: true } })
    expect([git.count('tasks/get'), files.count('tasks/get')]).toEqual([0, 1])
  })

  test('waits for the owner, who is told which agent is to run it', async () => {
    verifies('promise.serves.judged')
    const { share, files } = await scene()
    const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy: { access: 'admin', hold: ['fs_*'] } })
    const { token } = await made.json<{ token: string }>()
    const client = new TestClient({ ...share, clientToken: token })
    await client.initialize()
    const response = ask(client, callOf(1, 'fs_read'))
    const path = `/api/shares/${share.id}/approvals`
    type Waiting = { readonly approvals: readonly { readonly id: string; readonly agent: string; readonly tool: string }[] }
    const waiting = await vi.waitFor(async () => {
      const { approvals } = await (await askAsOwner('GET', path)).json<Waiting>()
      expect(approvals).toMatchObject([{ agent: 'files', tool: 'fs_read' }])
      return approvals
    })
    expect(files.count('tools/call')).toBe(0)
    expect((await askAsOwner('POST', `${path}/${waiting[0]?.id ?? ''}`, { decision: 'allow' })).status).toBe(200)
    expect(await response).toMatchObject(said('files: fs_read'))
  })
})

test('a client without a session is ended on each agent that served it', async () => {
  verifies('promise.serves.once')
  const { share, git, files } = await scene()
  expect(await (await postModern(share, 'tools/list')).json()).toMatchObject({ result: { tools: [{}, {}, {}] } })
  const path = `/api/shares/${share.id}/sessions`
  const { sessions } = await (await askAsOwner('GET', path)).json<{ sessions: readonly { readonly id: string; readonly kind: string }[] }>()
  const group = sessions.find(({ kind }) => kind === 'group')
  expect((await askAsOwner('DELETE', `${path}/${group?.id ?? ''}`)).status).toBe(204)
  await vi.waitFor(() => expect([git.closed.length, files.closed.length]).toEqual([1, 1]))
})
