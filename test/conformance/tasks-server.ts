/** The stdio server of revision 2026-07-28 that the official suite's scenarios of the Tasks extension (SEP-2663) meet behind a share: their tools, as tasks kept in memory. No SDK has them yet. */
import { randomUUID } from 'node:crypto'
import { type Call, isObject, type Json, type JsonObject, notify, Peer, RpcError, send, text } from '../fixtures/stdio-peer.ts'

const META = 'io.modelcontextprotocol/'
const EXTENSION = `${META}tasks`
const TTL_MS = 60_000

interface Task {
  readonly id: string
  readonly createdAt: string
  status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled'
  inputRequests: Record<string, JsonObject>
  readonly answers: Record<string, JsonObject>
  outcome: JsonObject
}

const tasks = new Map<string, Task>()
/** Listens, by their ids: the tasks that each hears of. */
const listens = new Map<string | number, readonly unknown[]>()

const complete = (result: JsonObject): JsonObject => ({ resultType: 'complete', ...result })

function stateOf({ id, status, createdAt, inputRequests, outcome }: Task): JsonObject {
  const times = { createdAt, lastUpdatedAt: new Date().toISOString(), ttlMs: TTL_MS, pollIntervalMs: 100 }
  return { taskId: id, status, ...times, ...(status === 'input_required' ? { inputRequests } : {}), ...outcome }
}

async function change(task: Task, status: Task['status'], outcome: JsonObject = {}): Promise<void> {
  Object.assign(task, { status, outcome })
  for (const [listen, wanted] of listens) {
    if (!wanted.includes(task.id)) continue
    await notify('notifications/tasks', { ...stateOf(task), _meta: { [`${META}subscriptionId`]: listen } })
  }
}

function declared({ params }: Call): boolean {
  const meta = isObject(params['_meta']) ? params['_meta'] : {}
  const capabilities = meta[`${META}clientCapabilities`]
  const extensions = isObject(capabilities) && isObject(capabilities['extensions']) ? capabilities['extensions'] : {}
  return isObject(extensions[EXTENSION])
}

async function missing({ id }: Call): Promise<undefined> {
  const data = { requiredCapabilities: { extensions: { [EXTENSION]: {} } } }
  await send({ id, error: { code: -32021, message: 'Missing required client capability', data } })
}

/** Does the work of a tool behind its answer. */
type Work = (task: Task, args: JsonObject) => Promise<void>

function form(name: string, message: string): JsonObject {
  const requestedSchema = { type: 'object', properties: { [name]: { type: 'string' } } }
  return { method: 'elicitation/create', params: { mode: 'form', message, requestedSchema } }
}

async function ask(task: Task, inputRequests: Record<string, JsonObject>): Promise<void> {
  task.inputRequests = inputRequests
  await change(task, 'input_required')
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const finish = (task: Task, result: JsonObject): Promise<void> =>
  task.status === 'cancelled' ? Promise.resolve() : change(task, 'completed', { result: complete(result) })

const WORKS: Readonly<Record<string, Work>> = {
  slow_compute: async (task, { seconds }) => {
    await after(Number(seconds ?? 1) * 1000)
    await finish(task, text(`computed for ${String(seconds)} s`))
  },
  failing_job: async (task) => {
    await after(500)
    await finish(task, { ...text('the job failed'), isError: true })
  },
  protocol_error_job: async (task) => {
    await after(200)
    await change(task, 'failed', { error: { code: -32603, message: 'the server broke' } })
  },
  confirm_delete: (task, { filename }) => ask(task, { [randomUUID()]: form('confirm', `Delete ${String(filename)}?`) }),
  multi_input: (task) => ask(task, { [randomUUID()]: form('name', 'Your name?'), [randomUUID()]: form('age', 'Your age?') }),
  test_tool_with_task: (task, { user }) => finish(task, text(`Hello, ${String(user)}!`)),
}
/** Of those that can only run as tasks. */
const REQUIRED: ReadonlySet<unknown> = new Set(['failing_job', 'multi_input', 'protocol_error_job', 'test_tool_with_task'])

async function begin(call: Call, work: Work, args: JsonObject): Promise<undefined> {
  const task: Task = {
    id: randomUUID(),
    createdAt: new Date().toISOString(),
    status: 'working',
    inputRequests: {},
    answers: {},
    outcome: {},
  }
  tasks.set(task.id, task)
  await send({ id: call.id, result: { resultType: 'task', ...stateOf(task) } })
  await work(task, args)
}

async function callTool(call: Call): Promise<Json | undefined> {
  const { name, arguments: given, inputResponses } = call.params
  const args = isObject(given) ? given : {}
  if (name === 'greet') return complete(text(`Hello, ${String(args['name'])}!`))
  const work = typeof name === 'string' ? WORKS[name] : undefined
  if (work === undefined) throw new RpcError(-32602, `no tool ${String(name)}`)
  if (!declared(call)) return REQUIRED.has(name) ? missing(call) : complete(text('done at once'))
  if (name !== 'test_tool_with_task') return begin(call, work, args)
  const answer = isObject(inputResponses) ? inputResponses['user_name'] : undefined
  if (!isObject(answer))
    return { resultType: 'input_required', inputRequests: { user_name: form('name', 'Your name?') }, requestState: 'asked' }
  const content = isObject(answer['content']) ? answer['content'] : {}
  return begin(call, work, { user: content['name'] ?? content['user_name'] ?? Object.values(content)[0] ?? '' })
}

/** The task that a request names, where its client has declared that it knows of tasks. */
async function withTask(call: Call, act: (task: Task) => JsonObject | Promise<JsonObject>): Promise<Json | undefined> {
  if (!declared(call)) return missing(call)
  const task = tasks.get(String(call.params['taskId']))
  if (task === undefined) throw new RpcError(-32602, 'Task not found')
  return complete(await act(task))
}

async function update(task: Task, given: Json | undefined): Promise<JsonObject> {
  for (const [key, answer] of Object.entries(isObject(given) ? given : {})) {
    if (task.inputRequests[key] === undefined || !isObject(answer)) continue
    task.answers[key] = answer
    delete task.inputRequests[key]
  }
  if (task.status === 'input_required' && Object.keys(task.inputRequests).length === 0)
    await finish(task, text(JSON.stringify(task.answers)))
  return {}
}

async function cancel(task: Task): Promise<JsonObject> {
  if (task.status === 'working' || task.status === 'input_required') await change(task, 'cancelled')
  return {}
}

const CACHE = { ttlMs: 0, cacheScope: 'private' }

new Peer({
  methods: {
    'server/discover': () =>
      complete({ supportedVersions: ['2026-07-28'], capabilities: { tools: {}, extensions: { [EXTENSION]: {} } }, ...CACHE }),
    'tools/list': () =>
      complete({ tools: ['greet', ...Object.keys(WORKS)].map((name) => ({ name, inputSchema: { type: 'object' } })), ...CACHE }),
    'tools/call': callTool,
    'tasks/get': (call) => withTask(call, stateOf),
    'tasks/update': (call) => withTask(call, (task) => update(task, call.params['inputResponses'])),
    'tasks/cancel': (call) => withTask(call, cancel),
    'subscriptions/listen': async ({ id, params }) => {
      const notifications = isObject(params['notifications']) ? params['notifications'] : {}
      listens.set(id, Array.isArray(notifications['taskIds']) ? notifications['taskIds'] : [])
      await notify('notifications/subscriptions/acknowledged', { _meta: { [`${META}subscriptionId`]: id }, notifications })
      return undefined
    },
  },
  onNotification: (method, { requestId }) => {
    if (method === 'notifications/cancelled' && (typeof requestId === 'string' || typeof requestId === 'number')) listens.delete(requestId)
  },
})
