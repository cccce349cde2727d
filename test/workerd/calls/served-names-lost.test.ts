/** Agents of one share that serve different names (--serves), where one is lost or comes while calls run: no call runs twice, and none is told of another's agent. */
import { describe, expect, test, vi } from 'vitest'
import type { Hello } from '../../../protocol/handshake.ts'
import { CLOSE } from '../../../protocol/handshake.ts'
import { verifies } from '../../requirements/verifies.ts'
import { postModern } from '../harness/handshake-child.ts'
import { askAsOwner, createShare, resetShare, TestClient, type TestShare } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'
import { SelfAnsweringAgent } from '../harness/self-answering-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import { callOf, said } from '../harness/tool-calls.ts'

interface Scene {
  readonly share: TestShare
  readonly git: SelfAnsweringAgent
  readonly files: SelfAnsweringAgent
}

/** A share whose clients begin with the agent `git`. */
async function scene(hello: Partial<Omit<Hello, 'type'>> = {}): Promise<Scene> {
  const share = await createShare()
  const git = await SelfAnsweringAgent.connect(share, 'git', { tools: ['git_log'] }, { patterns: ['a_git', 'git_*'], ...hello })
  const files = await SelfAnsweringAgent.connect(share, 'files', { tools: ['fs_read'] }, { patterns: ['fs_*'], ...hello })
  return { share, git, files }
}

describe('a call that may have run', () => {
  test('is not made on an agent that has come since, whose patterns fit better', async () => {
    verifies('promise.serves.once')
    const { share, files } = await scene()
    const client = new TestClient(share)
    await client.initialize()
    files.held.add('fs_read')
    const response = client.post(callOf(1, 'fs_read'))
    await files.call('tools/call')
    const better = { patterns: ['fs_read'] }
    const newer = await SelfAnsweringAgent.connect(share, 'newer', { tools: ['fs_read'] }, better)
    // Its child for the session is there before the call is made again.
    await client.post('{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
    const [ch = ''] = newer.opened.keys()
    await resetShare(share)
    const channels = [{ ch, n: newer.agent.lastNumber(ch) }]
    const link = await ScriptedAgent.connect(share, { agent: 'newer', instance: 'newer-1', ...better, channels })
    const back = new SelfAnsweringAgent(link, 'newer', { tools: ['fs_read'] }, false)
    expect(await (await response).json()).toMatchObject({ error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    expect(newer.count('tools/call') + back.count('tools/call')).toBe(0)
  })
})

describe('a session over HTTP+SSE', () => {
  test('is told of the loss of an agent for the calls that it had, and for no others', async () => {
    verifies('promise.serves.once', 'promise.serves.away')
    const { share, git, files } = await scene()
    const client = await SseClient.connect(share)
    await client.initialize()
    await client.next()
    git.held.add('git_log')
    files.held.add('fs_read')
    await client.post(callOf(1, 'git_log'))
    await git.call('tools/call')
    await client.post(callOf(2, 'fs_read'))
    const running = await files.call('tools/call')
    await git.agent.leave(CLOSE.GOING_AWAY)
    expect(await client.next()).toMatchObject({ id: 1, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    files.answer(running, 'done')
    expect(await client.next()).toMatchObject({ id: 2, ...said('done') })
    await client.post(callOf(3, 'fs_read'))
    await files.call('tools/call')
    await files.agent.leave(CLOSE.GOING_AWAY)
    expect(await client.next()).toMatchObject({ id: 3, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
  })

  test('has a call made again that never reached its agent when that is back, and not when another is', async () => {
    verifies('promise.serves.once', 'promise.2.sse-again')
    const { share, git, files } = await scene()
    const client = await SseClient.connect(share)
    await client.initialize()
    await client.next()
    files.held.add('fs_read')
    await client.post(callOf(1, 'fs_read'))
    const running = await files.call('tools/call')
    await git.agent.leave()
    const [own = ''] = git.opened.keys()
    const channels = [{ ch: own, n: git.agent.lastNumber(own) }]
    await ScriptedAgent.connect(share, { agent: 'git', instance: 'git-1', patterns: ['a_git', 'git_*'], channels })
    files.answer(running, 'done')
    expect(await client.next()).toMatchObject({ id: 1, ...said('done') })
    await client.post(callOf(2, 'fs_read'))
    const lost = await files.call('tools/call')
    await files.agent.leave()
    const back = await ScriptedAgent.connect(share, {
      agent: 'files',
      instance: 'files-1',
      patterns: ['fs_*'],
      channels: [{ ch: lost.header.ch, n: files.agent.lastNumber(lost.header.ch) }],
    })
    const { header } = await back.expect('call')
    expect(header).toMatchObject({ ch: lost.header.ch, key: lost.header.key })
    back.answer(header, '2', '{"again":true}')
    expect(await client.next()).toMatchObject({ id: 2, result: { again: true } })
  })
})

describe('a call of a tool that only reads, on an agent of other names', () => {
  const spreading = { spreads: true } as const

  test('goes over HTTP+SSE to all agents of these names that spread', async () => {
    verifies('promise.serves.routed')
    const { share, files } = await scene(spreading)
    const other = await SelfAnsweringAgent.connect(share, 'other', files.offered, { patterns: ['fs_*'], join: 'replica', ...spreading })
    for (const agent of [files, other]) agent.readOnly.add('fs_read')
    const client = await SseClient.connect(share)
    await client.initialize()
    await client.next()
    await client.post(callOf(1, 'fs_read'))
    const lines = ['files', 'files: fs_read', 'other', 'other: fs_read'].map((text) => ({ type: 'text', text }))
    expect(await client.next()).toMatchObject({ id: 1, result: { content: lines } })
  })

  test.each(['session', 'none'] as const)('is cancelled on all of them (%s)', async (by) => {
    verifies('promise.serves.once')
    const { share, files } = await scene(spreading)
    const other = await SelfAnsweringAgent.connect(share, 'other', files.offered, { patterns: ['fs_*'], join: 'replica', ...spreading })
    for (const agent of [files, other]) {
      agent.readOnly.add('fs_read')
      agent.held.add('fs_read')
    }
    const client = new TestClient(share)
    const leave = new AbortController()
    if (by === 'session') await client.initialize()
    const params = { name: 'fs_read', arguments: {} }
    const response =
      by === 'session'
        ? client.post(callOf(1, 'fs_read'))
        : postModern(share, 'tools/call', params, {}, {}, leave.signal).catch(() => undefined)
    const calls = await Promise.all([files, other].map((agent) => agent.call('tools/call')))
    if (by === 'session') await client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')
    leave.abort()
    await vi.waitFor(() => expect([files.cancelled, other.cancelled]).toEqual(calls.map(({ header }) => [header.tag])))
    for (const [at, agent] of [files, other].entries()) if (calls[at]) agent.agent.fail(calls[at].header, 'CANCELLED', 'unknown')
    await response
  })
})

describe('what was held back of an agent', () => {
  test.each([
    ['is no first listing', ['fs_*']],
    ['of all names neither', undefined],
  ])('under other patterns %s', async (_what, patterns) => {
    verifies('promise.serves.judged')
    const share = await createShare({ pinning: 'on' })
    const states = async (): Promise<object> => {
      const { tools } = await (
        await askAsOwner('GET', `/api/shares/${share.id}/tools`)
      ).json<{ tools: { name: string; state: string }[] }>()
      return Object.fromEntries(tools.map(({ name, state }) => [name, state]))
    }
    const before = { instance: 'one', ...(patterns === undefined ? {} : { patterns }) }
    const files = await SelfAnsweringAgent.connect(share, 'files', { tools: ['fs_read'] }, before)
    await vi.waitFor(async () => expect(await states()).toEqual({ fs_read: 'pinned' }))
    await files.agent.leave(CLOSE.GOING_AWAY)
    const offered = { tools: ['fs_read', 'fs_new'] }
    const changed = await SelfAnsweringAgent.connect(share, 'files', offered, { ...before, instance: 'two' })
    await vi.waitFor(async () => expect(await states()).toEqual({ fs_read: 'pinned', fs_new: 'new' }))
    await changed.agent.leave(CLOSE.GOING_AWAY)
    const anew = await SelfAnsweringAgent.connect(share, 'files', offered, { instance: 'three', patterns: ['fs_*', 'x'] })
    await vi.waitFor(() => expect(anew.closed.length).toBeGreaterThan(0))
    expect(await states()).toEqual({ fs_read: 'pinned', fs_new: 'new' })
  })
})

describe('agents of which one runs one process for all', () => {
  test.each([
    ['the own agent of a session', 'share', 'session'],
    ['another', 'session', 'share'],
  ] as const)('serve a bound client, where it is %s, by the lists of both', async (_what, first, second) => {
    verifies('promise.serves.judged')
    const share = await createShare()
    const git = await SelfAnsweringAgent.connect(
      share,
      'git',
      { tools: ['git_log', 'git_push'] },
      { patterns: ['a_git', 'git_*'], isolation: first },
    )
    const files = await SelfAnsweringAgent.connect(share, 'files', { tools: ['fs_read'] }, { patterns: ['fs_*'], isolation: second })
    const policy = { access: 'admin', tools: { allow: ['git_log', 'fs_*'] } }
    const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy })
    const { token } = await made.json<{ token: string }>()
    const client = new TestClient({ ...share, clientToken: token })
    await client.initialize()
    const ask = async (id: number, name: string): Promise<unknown> => (await client.post(callOf(id, name))).json()
    expect(await ask(1, 'git_log')).toMatchObject(said('git: git_log'))
    expect(await ask(2, 'fs_read')).toMatchObject(said('files: fs_read'))
    expect(await ask(3, 'git_push')).toMatchObject({ error: { data: { code: 'NOT_OFFERED' } } })
    const lists = git.count('tools/list') + files.count('tools/list')
    for (const [id, name] of [
      [4, 'git_log'],
      [5, 'fs_read'],
      [6, 'git_log'],
      [7, 'fs_read'],
    ] as const)
      await ask(id, name)
    expect(git.count('tools/list') + files.count('tools/list')).toBe(lists)
  })
})

test('a child that is started anew is told of the subscriptions to what its agent serves, and of no others', async () => {
  verifies('promise.serves.once')
  const { share, git, files } = await scene()
  const client = new TestClient(share)
  await client.initialize()
  const own = { patterns: ['a_git', 'git_*'], instance: 'git-2' }
  const subscribe = (id: number, uri: string): Promise<Response> =>
    client.post(`{"jsonrpc":"2.0","id":${id},"method":"resources/subscribe","params":{"uri":"${uri}"}}`)
  const better = await SelfAnsweringAgent.connect(share, 'docs', { resources: ['doc:a'] }, { patterns: ['doc:*'] })
  await subscribe(1, 'doc:a')
  await subscribe(2, 'http://b')
  expect([better, git, files].map((agent) => agent.count('resources/subscribe'))).toEqual([1, 1, 0])
  await git.agent.leave(CLOSE.GOING_AWAY)
  const anew = await SelfAnsweringAgent.connect(share, 'git', { tools: ['git_log'] }, own)
  expect(await (await client.post(callOf(3, 'git_log'))).json()).toMatchObject(said('git: git_log'))
  const told = anew.heard.filter(({ header }) => header.method === 'resources/subscribe')
  expect(told.map(({ params }) => params['uri'])).toEqual(['http://b'])
})
