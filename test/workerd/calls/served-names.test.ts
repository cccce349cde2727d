/** Agents of one share that serve different names (--serves): clients see one list, and each call goes to the agent whose patterns fit. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CLOSE } from '../../../protocol/handshake.ts'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import { verifies } from '../../requirements/verifies.ts'
import { postModern } from '../harness/handshake-child.ts'
import { createShare, TestClient, type TestShare } from '../harness/relay.ts'
import { SelfAnsweringAgent } from '../harness/self-answering-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import { callOf, said } from '../harness/tool-calls.ts'

const listOf = (id: number, what = 'tools'): string => `{"jsonrpc":"2.0","id":${id},"method":"${what}/list"}`

afterEach(() => {
  vi.restoreAllMocks()
})

interface Scene {
  readonly share: TestShare
  readonly git: SelfAnsweringAgent
  readonly files: SelfAnsweringAgent
}

/** A share with two agents that serve different names. Each lists one tool that is the other's, and one that is nobody's. */
async function scene(hello: Parameters<typeof SelfAnsweringAgent.connect>[3] = {}): Promise<Scene> {
  const share = await createShare()
  const git = await SelfAnsweringAgent.connect(share, 'git', { tools: ['git_log', 'fs_read', 'other'] }, { patterns: ['git_*'], ...hello })
  const files = await SelfAnsweringAgent.connect(
    share,
    'files',
    { tools: ['fs_read', 'git_log', 'stat'] },
    { patterns: ['fs_*', 'stat'], ...hello },
  )
  return { share, git, files }
}

/** The text of each door's answer. */
interface Door {
  readonly list: () => Promise<unknown>
  readonly call: (name: string) => Promise<unknown>
}

async function sessionOf(share: TestShare): Promise<Door & { readonly client: TestClient }> {
  const client = new TestClient(share)
  expect((await client.initialize()).status).toBe(200)
  let id = 10
  const ask = async (body: string): Promise<unknown> => (await client.post(body)).json()
  return { client, list: () => ask(listOf(id++)), call: (name) => ask(callOf(id++, name)) }
}

async function sseOf(share: TestShare): Promise<Door> {
  const client = await SseClient.connect(share)
  await client.initialize()
  await client.next()
  let id = 10
  const ask = async (body: string): Promise<unknown> => {
    await client.post(body)
    return client.next()
  }
  return { list: () => ask(listOf(id++)), call: (name) => ask(callOf(id++, name)) }
}

function modernOf(share: TestShare): Promise<Door> {
  const ask = async (method: string, params: Record<string, unknown> = {}): Promise<unknown> =>
    (await postModern(share, method, params)).json()
  return Promise.resolve({ list: () => ask('tools/list'), call: (name) => ask('tools/call', { name, arguments: {} }) })
}

const named = (...names: string[]): object => ({ result: { tools: names.map((name) => ({ name })) } })

describe.each([
  ['of a session', sessionOf, {}],
  ['of a session over HTTP+SSE', sseOf, {}],
  ['without a session, on servers of the handshake era', modernOf, {}],
  ['without a session, on servers of 2026-07-28', modernOf, { era: 'modern' }],
  ['of a session where one process serves all', sessionOf, { isolation: 'share' }],
  ['without a session where one process serves all', modernOf, { isolation: 'share' }],
] as const)('a client %s', (_what, doorOf, hello) => {
  test('is listed what each agent serves, and calls it there', async () => {
    verifies('promise.serves.one-list', 'promise.serves.routed')
    const { share, git, files } = await scene(hello)
    const door = await doorOf(share)
    expect(await door.list()).toMatchObject(named('fs_read', 'stat', 'git_log'))
    expect(await door.call('git_log')).toMatchObject(said('git: git_log'))
    expect(await door.call('fs_read')).toMatchObject(said('files: fs_read'))
    expect(await door.call('stat')).toMatchObject(said('files: stat'))
    expect(await door.call('git_log')).toMatchObject(said('git: git_log'))
    expect([git.count('tools/call'), files.count('tools/call')]).toEqual([2, 2])
    // Each client has one child on each agent.
    expect([git.opened.size, files.opened.size]).toEqual([1, 1])
  })

  test('is told by name what no agent serves, and what is the name of an agent that has gone', async () => {
    verifies('promise.serves.away')
    const { share, git } = await scene(hello)
    const door = await doorOf(share)
    await door.list()
    expect(JSON.stringify(await door.call('other'))).toMatch(/NAME_NOT_SERVED.*other: no agent/)
    vi.spyOn(ShareClient.prototype, 'awayWaitMs', 'get').mockReturnValue(0)
    await git.agent.leave(CLOSE.GOING_AWAY)
    expect(JSON.stringify(await door.call('git_log'))).toMatch(/NAME_NOT_SERVED.*git_log: an agent with --serves 'git_\*' is not connected/)
    expect(await door.call('stat')).toMatchObject(said('files: stat'))
    expect(await door.list()).toMatchObject(named('fs_read', 'stat'))
  })
})
