/** Tasks of both eras through real parts: four agents and eight lanes, whose processes, agents and relay are killed while tasks go on. */
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { asArray, asObject, type JsonObject, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { NODE, ROOT } from '../../harness/program.ts'
import { connectSdk1Http, connectSdk1Sse } from '../../harness/sdk1-client.ts'
import { type Agent, type Command, createShare, createToken, fixture, type Share, startAgent, StateFolder } from '../../harness/selfhost.ts'
import { ELICITED } from '../../harness/test-client.ts'
import { KillableRelay } from '../../interop/killable-relay.ts'

const stack = new AsyncDisposableStack()
afterAll(() => stack.disposeAsync())

const META = 'io.modelcontextprotocol/'
const TASKS = { extensions: { [`${META}tasks`]: {} } }

type Era = 'legacy' | 'modern'

/** What a client of either era does with tasks. */
interface TaskClient {
  begin(id?: string): Promise<JsonObject>
  ask(method: string, task: string): Promise<JsonObject>
  end(task: string): Promise<void>
}

/** Revision 2026-07-28 has no sessions: `capabilities` are what it says of itself, with each request. */
class SessionlessClient implements TaskClient {
  readonly #client: RawClient
  readonly #capabilities: JsonObject
  #lastId = 0

  constructor({ url }: Share, token: string, capabilities: JsonObject) {
    this.#client = new RawClient(url, token)
    this.#capabilities = capabilities
  }

  async begin(id?: string): Promise<JsonObject> {
    return this.#post('tools/call', { name: 'begin', arguments: id === undefined ? {} : { id } })
  }

  async ask(method: string, task: string): Promise<JsonObject> {
    return this.#post(method, { taskId: task })
  }

  async end(task: string): Promise<void> {
    expect(toolText((await this.#post('tools/call', { name: 'end', arguments: { id: task } }))['result'])).toBe('ended')
  }

  async #post(method: string, params: JsonObject): Promise<JsonObject> {
    const meta = { [`${META}protocolVersion`]: '2026-07-28', [`${META}clientCapabilities`]: this.#capabilities }
    const name = params['name'] ?? params['taskId']
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': String(name) }
    const body = JSON.stringify({ jsonrpc: '2.0', id: ++this.#lastId, method, params: { ...params, _meta: meta } })
    return (await this.#client.exchange(body, { headers })).last
  }
}

class SessionClient implements TaskClient {
  readonly client: RawClient

  constructor(client: RawClient) {
    this.client = client
  }

  async begin(id?: string): Promise<JsonObject> {
    const params = { name: 'begin', arguments: id === undefined ? {} : { id }, task: {} }
    return (await this.client.request('tools/call', params)).last
  }

  async ask(method: string, task: string): Promise<JsonObject> {
    return (await this.client.request(method, { taskId: task })).last
  }

  async end(task: string): Promise<void> {
    expect(toolText((await this.client.callTool('end', { id: task })).last['result'])).toBe('ended')
  }
}

async function connect(era: Era, share: Share, token: string, at: number): Promise<TaskClient> {
  if (era === 'modern') return new SessionlessClient(share, token, { ...TASKS, ...(at === 0 ? {} : { experimental: { at } }) })
  return new SessionClient(await RawClient.connect(share, {}, token))
}

function taskOf({ result }: JsonObject): string {
  const begun = asObject(result)
  return String(asObject(begun['task'] ?? begun)['taskId'])
}

async function started(era: Era, body: JsonObject, ...args: readonly string[]) {
  // Ended with each test, and with the file where a test fails.
  const relay = stack.use(await KillableRelay.start(stack.use(await StateFolder.create())))
  const share = await createShare(relay.relay, body)
  const store = stack.use(await StateFolder.create())
  const agentOf = async (name: string): Promise<Agent> =>
    stack.use(await startAgent(share, { command: fixture('tasks-on-disk', era, store.path), args: ['--name', name, '--replica', ...args] }))
  return { relay, share, agentOf }
}

describe.each(['legacy', 'modern'] as const)('tasks of a %s server', (era) => {
  test('are found by their clients alone, on every lane, while processes, agents and relay are killed', async () => {
    verifies('promise.13.outlives', 'promise.13.process', 'promise.13.owner')
    const { share, agentOf, ...killable } = await started(era, { lanes: 8 })
    let { relay } = killable
    const agents = await Promise.all(['a', 'b', 'c', 'd'].map(agentOf))
    const other = await createToken(share, 'client')
    const own = await Promise.all([0, 1, 2, 3, 4, 5].map((at) => connect(era, share, share.clientToken, at)))
    const strangers = await Promise.all([0, 1].map((at) => connect(era, share, other, at)))
    const tasks = await Promise.all(own.map(async (client) => taskOf(await client.begin())))
    const theirs = await Promise.all(strangers.map(async (client) => taskOf(await client.begin())))

    const found = async (): Promise<void> => {
      for (const task of tasks) {
        const told = await Promise.all(own.map((client) => client.ask('tasks/get', task)))
        expect(told.map(({ result }) => asObject(result)['taskId'])).toEqual(own.map(() => task))
        // All are told by the process of the one that has begun it.
        expect(new Set(told.map(({ result }) => asObject(result)['pid'])).size).toBe(1)
        for (const stranger of strangers)
          for (const method of ['tasks/get', 'tasks/cancel'])
            expect(await stranger.ask(method, task)).toMatchObject({ error: { code: -32602, data: { code: 'TASK_NOT_FOUND' } } })
      }
      for (const task of theirs) expect(asObject((await strangers[0]?.ask('tasks/get', task))?.['result'])['status']).toBe('working')
    }
    await found()

    const [first] = tasks
    const pid = Number(asObject((await own[0]?.ask('tasks/get', first ?? ''))?.['result'])['pid'])
    process.kill(pid, 'SIGKILL')
    await found()
    await agents[1]?.program.kill9()
    agents[1] = await agentOf('b')
    await found()
    relay = stack.use(await relay.killAndStart())
    await found()

    for (const [at, task] of tasks.entries()) {
      await own[at]?.end(task)
      const told = await own[(at + 1) % own.length]?.ask(era === 'legacy' ? 'tasks/result' : 'tasks/get', task)
      expect(JSON.stringify(told?.['result'])).toContain(`result of ${task}`)
    }
    for (const agent of agents) await agent[Symbol.asyncDispose]()
    await relay[Symbol.asyncDispose]()
  }, 240_000)

  test('of equal ids are each its principal’s, and of one process nobody’s', async () => {
    verifies('promise.13.equal-ids')
    const { relay, share, agentOf } = await started(era, {}, '--isolate', 'share')
    const agent = await agentOf('a')
    const other = await createToken(share, 'client')
    const [client, stranger] = [await connect(era, share, share.clientToken, 0), await connect(era, share, other, 0)]
    expect(taskOf(await client.begin('same'))).toBe('same')
    expect(await stranger.begin('same')).toMatchObject({ error: { data: { code: 'TASK_NAME_TAKEN' } } })
    for (const one of [client, stranger])
      expect(await one.ask('tasks/get', 'same')).toMatchObject({ error: { data: { code: 'TASK_NOT_FOUND' } } })
    await agent[Symbol.asyncDispose]()
    await relay[Symbol.asyncDispose]()
  }, 120_000)

  test('keep their process from being stopped for being idle, until they have ended', async () => {
    verifies('promise.13.working')
    const { relay, share, agentOf } = await started(era, { pinning: 'off' }, '--idle-stop', '1', '--verbose')
    const agent = await agentOf('a')
    const client = await connect(era, share, share.clientToken, 0)
    const task = taskOf(await client.begin())
    const pid = asObject((await client.ask('tasks/get', task))['result'])['pid']
    // Another principal's process is idle meanwhile, and is stopped.
    const stranger = await connect(era, share, await createToken(share, 'client'), 0)
    await stranger.end('other')
    await agent.event('channel.end')
    expect(asObject((await client.ask('tasks/get', task))['result'])['pid']).toBe(pid)
    await client.end(task)
    expect(JSON.stringify(await client.ask('tasks/get', task))).toContain('completed')
    await agent.program.stderr.find((line) => (line.includes('channel.end') ? line : undefined), 'the end of a channel')
    await agent[Symbol.asyncDispose]()
    await relay[Symbol.asyncDispose]()
  }, 120_000)
})

test('a list of tasks has its principal’s only, though the server keeps them where all its processes find them', async () => {
  verifies('promise.13.owner')
  const { relay, share, agentOf } = await started('legacy', {})
  const agent = await agentOf('a')
  const client = await RawClient.connect(share)
  const stranger = await RawClient.connect(share, {}, await createToken(share, 'client'))
  const listed = async (one: RawClient): Promise<unknown[]> =>
    asArray(asObject((await one.request('tasks/list')).last['result'])['tasks']).map((task) => asObject(task)['taskId'])
  const task = taskOf(await new SessionClient(client).begin())
  const theirs = taskOf(await new SessionClient(stranger).begin())
  expect([await listed(client), await listed(stranger)]).toEqual([[task], [theirs]])
  await agent[Symbol.asyncDispose]()
  await relay[Symbol.asyncDispose]()
}, 120_000)

test('a status that a shared process tells reaches the stream of the task’s owner, also one that is opened later', async () => {
  verifies('promise.13.told')
  const { relay, share, agentOf } = await started('legacy', {}, '--isolate', 'share')
  const agent = await agentOf('a')
  const client = await RawClient.connect(share)
  const stranger = await RawClient.connect(share, {}, await createToken(share, 'client'))
  const task = taskOf(await new SessionClient(client).begin())
  {
    await using early = await client.listen()
    expect(early.response.status).toBe(200)
  }
  await using later = await client.listen()
  await using others = await stranger.listen()
  expect(others.response.status).toBe(200)
  await new SessionClient(stranger).end(task)
  expect(await later.nextNotification('notifications/tasks/status')).toMatchObject({ params: { taskId: task, status: 'completed' } })
  await agent[Symbol.asyncDispose]()
  await relay[Symbol.asyncDispose]()
}, 120_000)

describe.each([
  ['Streamable HTTP', ({ url, clientToken }: Share) => connectSdk1Http(url, clientToken)],
  ['HTTP+SSE', ({ sseUrl, clientToken }: Share) => connectSdk1Sse(sseUrl, clientToken)],
] as const)('over %s a client with a session has a tool run that its server of 2026-07-28 runs only as a task', (_, connectTo) => {
  test('and gets what the task leads to, asked meanwhile for what that needs', async () => {
    verifies('promise.13.bridged')
    const relay = stack.use(await KillableRelay.start(stack.use(await StateFolder.create())))
    const share = await createShare(relay.relay)
    const command: Command = [NODE, join(ROOT, 'test/conformance/tasks-server.ts')]
    const agent = stack.use(await startAgent(share, { command }))
    await using client = await connectTo(share)
    expect(await client.callTool('failing_job')).toMatchObject({ isError: true })
    expect(toolText(await client.callTool('test_tool_with_task'))).toBe(`Hello, ${ELICITED.content.name}!`)
    const both = toolText(await client.callTool('multi_input'))
    expect(Object.values(JSON.parse(both) as object)).toMatchObject([ELICITED, ELICITED])
    await expect(client.callTool('protocol_error_job')).rejects.toThrow('the server broke')
    expect(toolText(await client.callTool('greet', { name: 'you' }))).toBe('Hello, you!')
    await agent[Symbol.asyncDispose]()
    await relay[Symbol.asyncDispose]()
  }, 120_000)
})
