/** Ours as a contender: `npm start` in one go, or relay and agent apart where the agent is to be killed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asObject, type JsonObject, textField } from '../test/e2e/json.ts'
import { NODE } from '../test/e2e/program.ts'
import { CHILD_FILE, type Contender, type Launched, launch, Running, type StartOptions } from './contender.ts'
import { type Endpoint } from './http-client.ts'

const START_MS = 30_000
/** Ours unless a case says otherwise: enough for every case. */
const MAX_CHILDREN = 200

export const OURS: Contender = { name: 'ours', title: 'mcp-edge', isShared: false, start: (options) => startOurs(options, 'session') }
export const OURS_SHARED: Contender = {
  name: 'ours-shared',
  title: 'mcp-edge --isolate share',
  isShared: true,
  start: (options) => startOurs(options, 'share'),
}

async function startOurs(options: StartOptions, isolate: 'session' | 'share'): Promise<Running> {
  const data = await mkdtemp(join(tmpdir(), 'mcp-edge-bench-'))
  const args = ['selfhost/start.ts', '--json', '--port', '0', '--data', data, '--', NODE, CHILD_FILE, ...childArguments(options)]
  const launched = launch(NODE, args, agentVariables(options, isolate))
  const line = await readLine(launched, 'stdout', 'share_url')
  return new Running(endpointOf(textField(line, 'share_url')), [launched], launched.program, () => remove(data))
}

/** An agent that can be killed, and started anew, while the relay stays. */
export interface Apart {
  readonly running: Running
  readonly restartAgent: () => Promise<void>
}

export async function startApart(): Promise<Apart> {
  const data = await mkdtemp(join(tmpdir(), 'mcp-edge-bench-'))
  const relay = launch(NODE, ['selfhost/start.ts', '--json', '--relay-only', '--port', '0', '--data', data])
  const said = await readLine(relay, 'stdout', 'relay')
  const { origin } = new URL(textField(said, 'relay'))
  const made = await fetch(`${origin}/api/shares`, {
    method: 'POST',
    headers: { authorization: `Bearer ${textField(said, 'owner_token')}`, 'content-type': 'application/json' },
    body: '{"name":"bench"}',
  })
  const share = asObject(await made.json())
  const startAgent = async (): Promise<Launched> => {
    const variables = { ...agentVariables({}, 'session'), MCP_EDGE_TOKEN: textField(share, 'agent_token'), MCP_EDGE_RELAY: origin }
    const agent = launch(NODE, ['agent/cli.ts', '--json', '--', NODE, CHILD_FILE], variables)
    await readLine(agent, 'stderr', 'agent')
    return agent
  }
  const agent = await startAgent()
  const later = new AsyncDisposableStack()
  const running = new Running(endpointOf(textField(share, 'share_url')), [relay, agent], agent.program, async () => {
    await later.disposeAsync()
    await remove(data)
  })
  const restartAgent = async (): Promise<void> => {
    const anew = await startAgent()
    later.use(new Running(running.endpoint, [anew], anew.program))
  }
  return { running, restartAgent }
}

export function childArguments({ modern = false }: StartOptions): readonly string[] {
  return modern ? ['--modern'] : []
}

function agentVariables({ maxSessions = MAX_CHILDREN, idleMs }: StartOptions, isolate: string): Record<string, string> {
  const idle: Record<string, string> = idleMs === undefined ? {} : { MCP_EDGE_IDLE_STOP: `${idleMs}ms` }
  return { MCP_EDGE_ISOLATE: isolate, MCP_EDGE_MAX_CHILDREN: String(Math.max(1, Math.min(maxSessions, 1000))), ...idle }
}

function endpointOf(url: string): Endpoint {
  const { port, pathname } = new URL(url)
  return { port: Number(port), path: pathname }
}

/** The first JSON line that has the field. */
async function readLine({ program }: Launched, output: 'stdout' | 'stderr', field: string): Promise<JsonObject> {
  const parse = (line: string): JsonObject | undefined => {
    if (!line.startsWith('{')) return undefined
    const value = asObject(JSON.parse(line))
    return value[field] === undefined ? undefined : value
  }
  try {
    return await program[output].find(parse, `the field ${field}`, START_MS)
  } catch (error) {
    throw new Error(`${String(error)} ${program.stderr.tail()}`, { cause: error })
  }
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}
