/** The stdio server of 2025-11-25 with tools of `tasks-server.ts` as the tasks of that revision, which the official SDK 1.x keeps. */
import { setTimeout as delay } from 'node:timers/promises'
import { InMemoryTaskMessageQueue, InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, type CallToolResult, ElicitResultSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { isObject, text } from '../fixtures/stdio-peer.ts'

type Args = Readonly<Record<string, unknown>>
/** Asks the client for its name, which it hears of when it asks for the task's result. */
type AskName = () => Promise<string>

interface Tool {
  readonly support: 'forbidden' | 'optional' | 'required'
  readonly work: (args: Args, askName: AskName) => Promise<Readonly<Record<string, unknown>>>
}

const TOOLS: Readonly<Record<string, Tool>> = {
  greet: { support: 'forbidden', work: async ({ name }) => text(`Hello, ${String(name)}!`) },
  slow_compute: {
    support: 'optional',
    work: async ({ seconds }) => {
      await delay(Number(seconds) * 1000)
      return text(`computed for ${String(seconds)} s`)
    },
  },
  failing_job: { support: 'required', work: async () => ({ ...text('the job failed'), isError: true }) },
  test_tool_with_task: { support: 'required', work: async (_, askName) => text(`Hello, ${await askName()}!`) },
}

const server = new Server(
  { name: 'legacy-tasks', version: '1.0.0' },
  {
    capabilities: { tools: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
    taskStore: new InMemoryTaskStore(),
    taskMessageQueue: new InMemoryTaskMessageQueue(),
  },
)

server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: Object.entries(TOOLS).map(([name, { support }]) => ({
    name,
    inputSchema: { type: 'object' as const },
    ...(support === 'forbidden' ? {} : { execution: { taskSupport: support } }),
  })),
}))

const QUESTION = { message: 'Your name?', requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } } }

server.setRequestHandler(CallToolRequestSchema, async ({ params }, { taskStore }) => {
  const tool = TOOLS[params.name]
  if (tool === undefined) throw new Error(`no tool ${params.name}`)
  const args = isObject(params.arguments) ? params.arguments : {}
  if (params.task === undefined || taskStore === undefined) {
    if (tool.support === 'required') throw new Error(`${params.name} runs as a task`)
    return await tool.work(args, () => Promise.resolve('nobody'))
  }
  const task = await taskStore.createTask({ ttl: 60_000, pollInterval: 100 })
  const askName = async (): Promise<string> => {
    await taskStore.updateTaskStatus(task.taskId, 'input_required')
    const ask = { method: 'elicitation/create' as const, params: { mode: 'form' as const, ...QUESTION } }
    const { content } = await server.request(ask, ElicitResultSchema, { relatedTask: { taskId: task.taskId } })
    return String(content?.['name'])
  }
  const finish = (result: CallToolResult): Promise<void> => taskStore.storeTaskResult(task.taskId, 'completed', result)
  // One that was cancelled meanwhile has no result.
  void tool
    .work(args, askName)
    .then((result) => finish(result as CallToolResult))
    .catch(() => {})
  return { task }
})

await server.connect(new StdioServerTransport())
