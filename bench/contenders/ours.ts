/** mcp-edge as a contender: `npm start` with the server, or relay and agent apart. */
import { createShare, Relay, Selfhost, startAgent, StateFolder } from '../../test/harness/selfhost.ts'
import { ROOT } from '../../test/harness/program.ts'
import { type Contender, type Running, StartFailure, type StartOptions } from './contender.ts'
import { argumentsOf } from '../process-tree.ts'

/** More than any case has sessions with a process of their own. */
const MAX_CHILDREN = '1000'

export const OURS: Contender = {
  name: 'ours',
  title: 'mcp-edge',
  start: (options) => (options.apart === true ? startApart(options) : startTogether(options)),
}

/** The same with one server process for all sessions. */
export const OURS_SHARED: Contender = {
  name: 'ours-share',
  title: 'mcp-edge --isolate share',
  start: (options) => OURS.start({ ...options, shared: true }),
}

function environment({ shared = false, idleMs }: StartOptions): Record<string, string> {
  return {
    MCP_EDGE_MAX_CHILDREN: MAX_CHILDREN,
    ...(shared ? { MCP_EDGE_ISOLATE: 'share' } : {}),
    ...(idleMs === undefined ? {} : { MCP_EDGE_IDLE_STOP: `${idleMs}ms` }),
  }
}

function shown(variables: Readonly<Record<string, string>>, words: readonly string[]): string {
  return [...Object.entries(variables).map(([name, value]) => `${name}=${value}`), ...words].join(' ')
}

async function startTogether(options: StartOptions): Promise<Running> {
  const env = environment(options)
  const commands = [shown(env, ['npm start -- --port 0 --', ...options.command])]
  const folder = await StateFolder.create()
  try {
    const selfhost = await Selfhost.start(['--port', '0', '--data', folder.path, '--', ...options.command], env)
    const url = new URL(selfhost.line.shareUrl)
    const roots = [selfhost.program.pid]
    const end = async (): Promise<void> => {
      await selfhost[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    }
    const endpoint = { port: Number(url.port), path: url.pathname }
    return { endpoint, commands, roots, agentPid: selfhost.program.pid, [Symbol.asyncDispose]: end }
  } catch (error) {
    await folder[Symbol.asyncDispose]()
    throw new StartFailure(commands, error)
  }
}

/** Relay and agent of a checkout, apart from each other. */
export async function startApart(options: StartOptions, checkout = ROOT): Promise<Running> {
  const agentOptions = { command: options.command, env: environment(options), checkout }
  const commands = ['npm start -- --relay-only --port 0', shown(agentOptions.env, ['mcp-edge-agent --', ...options.command])]
  const folder = await StateFolder.create()
  try {
    const relay = new Relay(await Selfhost.start(['--relay-only', '--port', '0', '--data', folder.path], {}, checkout), folder)
    const share = await createShare(relay)
    const agents = [startAgent(share, agentOptions)]
    const agentPid = (await agents[0])?.program.pid ?? 0
    const url = new URL(share.shareUrl)
    const end = async (): Promise<void> => {
      // One that is still starting is waited for: it would outlive the run.
      await Promise.allSettled(agents.map(async (agent) => (await agent).program.kill9()))
      await relay[Symbol.asyncDispose]()
    }
    return {
      endpoint: { port: Number(url.port), path: url.pathname },
      commands,
      roots: [relay.program.pid, agentPid],
      agentPid,
      restart: async () => {
        const agent = startAgent(share, agentOptions)
        agents.push(agent)
        await agent
      },
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await folder[Symbol.asyncDispose]()
    throw new StartFailure(commands, error)
  }
}

/** Of `npm start` it is the process itself. */
export function isAgent(pid: number): boolean {
  return argumentsOf(pid).some((word) => word === 'mcp-edge-agent' || word.endsWith('selfhost/start.ts'))
}

export function isRelay(pid: number): boolean {
  return /(^|\/)workerd$/.test(argumentsOf(pid)[0] ?? '')
}
