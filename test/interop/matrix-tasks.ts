/** Rows of the matrix about tools that run as tasks: of 2025-11-25 by both SDKs, and of the extension (SEP-2663) by the package of MCP Tasks. */
import type { JSONRPCRequest } from '@modelcontextprotocol/client'
import { createTaskSessionFromClient, type JsonRpcResponse, type TaskEnabledSession } from '@modelcontextprotocol/ext-tasks/client'
import { within } from '../harness/deadline.ts'
import { asObject, type JsonObject, textField, toolText } from '../harness/json.ts'
import { tasksServer } from '../harness/selfhost.ts'
import { CLIENT_INFO, ELICITED, type SdkClient, type TestClient } from '../harness/test-client.ts'
import type { Cell, Prove, Row } from './matrix-rows.ts'

const MODERN = '2026-07-28'

/** How a call ended: as a task, or at once. */
interface Run {
  readonly kind: 'task' | 'at once'
  readonly outcome: string
}

type Client2 = Extract<SdkClient, { major: 2 }>['client']

/** Requests of which the SDK would not take the answer, over the connection of its client. */
function rawDispatch(client: Client2): (request: JsonObject) => Promise<JsonRpcResponse> {
  const { transport } = client
  if (transport === undefined) throw new Error('not connected')
  const waiting = new Map<string, (response: JsonObject) => void>()
  const inner = transport.onmessage
  const onmessage: typeof inner = (message, extra) => {
    const { id } = asObject(message)
    const taken = typeof id === 'string' ? waiting.get(id) : undefined
    if (taken === undefined) return inner?.(message, extra)
    taken(asObject(message))
  }
  Object.assign(transport, { onmessage })
  let lastId = 0
  return async (request) => {
    const id = `task-${++lastId}`
    const answer = Promise.withResolvers<JsonObject>()
    waiting.set(id, answer.resolve)
    await transport.send({ jsonrpc: '2.0', id, ...request } as unknown as JSONRPCRequest)
    const { result, error } = await within(answer.promise, `the answer to ${String(request['method'])}`)
    waiting.delete(id)
    return (error === undefined ? { kind: 'result', result } : { kind: 'error', error }) as JsonRpcResponse
  }
}

function taskSession({ sdk, asked, declared }: TestClient): TaskEnabledSession<unknown> {
  if (sdk.major === 1) throw new Error('the package is for SDK 2.x')
  const { client } = sdk
  const raw = {
    rawDispatch: rawDispatch(client),
    v2RequestFraming: { protocolVersion: MODERN, clientInfo: CLIENT_INFO, clientCapabilities: declared },
  }
  return createTaskSessionFromClient<unknown>(client, {
    endpointId: 'matrix',
    ...(client.getProtocolEra() === 'modern' ? (raw as never) : {}),
    onInputRequest: (async ({ kind, params }: { readonly kind: string; readonly params: JsonObject }) => {
      const { _meta, ...own } = params
      ;(asked as unknown[]).push({ method: kind === 'elicitation' ? 'elicitation/create' : kind, params: own })
      return ELICITED
    }) as never,
  })
}

function outcomeOf(result: unknown): string {
  const { isError } = asObject(result)
  return `${isError === true ? 'error: ' : ''}${toolText(result)}`
}

/** By the package of MCP Tasks: as a task where the server offers that. */
async function runByPackage(client: TestClient, tool: string, args: JsonObject): Promise<Run> {
  const session = taskSession(client)
  try {
    const execution = await session.callTool(tool, args as never, { task: { preference: 'prefer' } })
    const { outcome } = await execution.settle()
    const kind = execution.kind === 'task' ? 'task' : 'at once'
    return { kind, outcome: outcome.status === 'completed' ? outcomeOf(outcome.result) : outcome.status }
  } finally {
    await session.close()
  }
}

/** By SDK 1.x, which knows the tasks of 2025-11-25. */
async function runBySdk1(client: Extract<SdkClient, { major: 1 }>['client'], tool: string, args: JsonObject): Promise<Run> {
  await client.listTools()
  let kind: Run['kind'] = 'at once'
  for await (const message of client.experimental.tasks.callToolStream({ name: tool, arguments: { ...args } })) {
    if (message.type === 'taskCreated') kind = 'task'
    if (message.type === 'error') throw message.error
    if (message.type === 'result') return { kind, outcome: outcomeOf(message.result) }
  }
  throw new Error('the stream of the task has ended without its result')
}

/** By requests: the package never asks for the result of a task of 2025-11-25 that requires input, with which the server asks for that. */
async function runByRequests(client: TestClient, tool: string, args: JsonObject): Promise<Run> {
  const { task } = await client.request('tools/call', { name: tool, arguments: args, task: {} })
  return { kind: 'task', outcome: outcomeOf(await client.request('tasks/result', { taskId: textField(asObject(task), 'taskId') })) }
}

/** `asks`: the task requires input. */
function runs(tool: string, args: JsonObject = {}, asks = false): Prove {
  return async (client) => {
    const { sdk, asked } = client
    if (!(await client.listTools()).includes(tool)) return 'not offered'
    const isByRequests = asks && sdk.major === 2 && sdk.client.getServerCapabilities()?.tasks !== undefined
    const run = isByRequests ? runByRequests : runByPackage
    const { kind, outcome } = sdk.major === 1 ? await runBySdk1(sdk.client, tool, args) : await run(client, tool, args)
    return [`${kind}: ${outcome}`, ...asked.map(({ method }) => method)].join(' after ')
  }
}

/** Begins a task, takes it back, and says how it is then. */
const cancelsTask: Prove = async (client) => {
  if (client.sdk.major === 1) return await cancelsBySdk1(client.sdk.client)
  const session = taskSession(client)
  try {
    if (!session.capabilities.execution) return 'no tasks'
    const execution = await session.callTool('slow_compute', { seconds: 20 }, { task: { preference: 'prefer' } })
    await execution.cancel()
    return execution.kind === 'task' ? (await execution.result()).status : 'at once'
  } finally {
    await session.close()
  }
}

async function cancelsBySdk1(client: Extract<SdkClient, { major: 1 }>['client']): Promise<string> {
  if (client.getServerCapabilities()?.tasks === undefined) return 'no tasks'
  await client.listTools()
  const { tasks } = client.experimental
  for await (const message of tasks.callToolStream({ name: 'slow_compute', arguments: { seconds: 20 } }, undefined, { task: {} })) {
    if (message.type !== 'taskCreated') continue
    const { taskId } = message.task
    await tasks.cancelTask(taskId)
    const listed = await tasks.listTasks()
    const own = listed.tasks.filter((task) => task.taskId === taskId)
    if (own.length !== 1) throw new Error(`the list has the task ${own.length} times`)
    return textField(asObject(await tasks.getTask(taskId)), 'status')
  }
  return 'at once'
}

function ofTasks(what: string, prove: Prove): Row {
  const cell = (era: 'legacy' | 'modern'): Cell => ({ server: 'tasks', command: tasksServer(era), prove })
  return { what, isAlike: true, legacy: cell('legacy'), modern: cell('modern') }
}

export const TASK_ROWS: readonly Row[] = [
  ofTasks('a tool beside tasks', runs('greet', { name: 'you' })),
  ofTasks('a tool that may run as a task', runs('slow_compute', { seconds: 0 })),
  ofTasks('a tool that must run as a task', runs('failing_job')),
  ofTasks('a task that asks', runs('test_tool_with_task', {}, true)),
  ofTasks('a task that is cancelled', cancelsTask),
]
