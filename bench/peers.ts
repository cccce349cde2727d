/** The peers as contenders, each on loopback with its own commands. */
import { once } from 'node:events'
import { createServer, connect } from 'node:net'
import { until } from '../test/e2e/deadline.ts'
import { NODE } from '../test/e2e/program.ts'
import { CHILD_FILE, type Contender, type Launched, launch, Running, type StartOptions } from './contender.ts'
import { childArguments } from './ours.ts'
import { type Peers } from './peer-install.ts'

const START_MS = 20_000
/** The tunnels' domain: never resolved, only named in the Host header. */
const DOMAIN = 'tunnel.test'
const SUBDOMAIN = 'bench'

interface Bridge {
  readonly launched: Launched
  readonly port: number
}

export function peerContenders(peers: Peers): readonly Contender[] {
  const supergateway = (options: StartOptions): Promise<Bridge> => startSupergateway(peers, options)
  const mcpProxy = (options: StartOptions): Promise<Bridge> => startMcpProxy(peers, options)
  return [
    { name: 'supergateway', title: 'supergateway (no tunnel)', isShared: false, start: direct(supergateway) },
    { name: 'mcp-proxy', title: 'mcp-proxy (no tunnel)', isShared: true, start: direct(mcpProxy) },
    {
      name: 'mcp-proxy+pipenet',
      title: 'mcp-proxy + pipenet',
      isShared: true,
      start: (options) => throughPipenet(peers, mcpProxy, options),
    },
    {
      name: 'supergateway+localtunnel',
      title: 'supergateway + localtunnel',
      isShared: false,
      start: (options) => throughLocaltunnel(peers, supergateway, options),
    },
  ]
}

function direct(start: (options: StartOptions) => Promise<Bridge>) {
  return async (options: StartOptions): Promise<Running> => {
    const { launched, port } = await start(options)
    return new Running({ port, path: '/mcp' }, [launched], launched.program)
  }
}

async function startSupergateway(peers: Peers, options: StartOptions): Promise<Bridge> {
  const port = await freePort()
  const stdio = [NODE, CHILD_FILE, ...childArguments(options)].join(' ')
  const timeout = options.idleMs === undefined ? [] : ['--sessionTimeout', String(options.idleMs)]
  const own = ['--stdio', stdio, '--outputTransport', 'streamableHttp', '--stateful', '--port', String(port), '--logLevel', 'none']
  return await listening(launch(NODE, [peers.file('supergateway', 'dist/index.js'), ...own, ...timeout]), port)
}

async function startMcpProxy(peers: Peers, options: StartOptions): Promise<Bridge> {
  const port = await freePort()
  const timeout = options.idleMs === undefined ? [] : ['--sessionIdleTimeout', String(options.idleMs)]
  const upstream = options.modern === true ? ['--upstreamProtocol', 'auto'] : []
  const own = ['--host', '127.0.0.1', '--port', String(port), '--server', 'stream', ...upstream, ...timeout]
  const child = ['--', NODE, CHILD_FILE, ...childArguments(options)]
  return await listening(launch(NODE, [peers.file('mcp-proxy', 'dist/bin/mcp-proxy.mjs'), ...own, ...child]), port)
}

async function throughPipenet(peers: Peers, start: (options: StartOptions) => Promise<Bridge>, options: StartOptions): Promise<Running> {
  const bridge = await start(options)
  const port = await freePort()
  const cli = peers.file('pipenet', 'dist/cli.js')
  const serve = ['server', '--port', String(port), '--address', '127.0.0.1', '--domain', DOMAIN]
  const server = await listening(launch(NODE, [cli, ...serve]), port)
  return await tunnel(bridge, server, [cli, 'client'])
}

async function throughLocaltunnel(
  peers: Peers,
  start: (options: StartOptions) => Promise<Bridge>,
  options: StartOptions,
): Promise<Running> {
  const bridge = await start(options)
  const port = await freePort()
  const make = `require(${JSON.stringify(peers.localtunnelServer)}).default({ domain: '${DOMAIN}' }).listen(${port}, '127.0.0.1')`
  const server = await listening(launch(NODE, ['-e', make]), port)
  return await tunnel(bridge, server, [peers.file('localtunnel', 'bin/lt.js')])
}

async function tunnel(bridge: Bridge, server: Bridge, client: readonly string[]): Promise<Running> {
  const options = ['--port', String(bridge.port), '--host', `http://127.0.0.1:${server.port}`, '--subdomain', SUBDOMAIN]
  const launched = launch(NODE, [...client, ...options])
  const said = (line: string): true | undefined => (line.startsWith('your url is') ? true : undefined)
  await launched.program.stdout.find(said, `the tunnel's URL ${launched.program.stderr.tail()}`, START_MS)
  const endpoint = { port: server.port, path: '/mcp', host: `${SUBDOMAIN}.${DOMAIN}` }
  return new Running(endpoint, [bridge.launched, server.launched, launched], launched.program)
}

async function listening(launched: Launched, port: number): Promise<Bridge> {
  await until(
    () => {
      if (!launched.program.running) throw new Error(`${launched.command} ended: ${launched.program.stderr.tail()}`)
      return answers(port)
    },
    `${launched.command} to listen`,
    START_MS,
  )
  return { launched, port }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
