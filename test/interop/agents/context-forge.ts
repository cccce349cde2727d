/** ContextForge's reverse proxies from PyPI, unmodified, in front of a server of ours: calls of two clients with equal ids, progress, and a share that lives on when its agent is killed. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toolText } from '../../harness/json.ts'
import { Program, run } from '../../harness/program.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { createShare, fixture, type Relay, type Share, StateFolder, untilPinned } from '../../harness/selfhost.ts'
import { NotInstallable, type Proof } from '../proof.ts'
import { BUILD_CACHE } from '../toolchains.ts'
import { needsUv } from '../uv.ts'
import { proveApart, untilServed } from './served.ts'

const CLIENT = 'mcp-reverse-proxy-client==0.1.0'
/** The library must be older than the one that it asks for, which has no `extra_headers` any more. */
const OLDER = ['mcp-contextforge-gateway==1.0.7.post20260921', 'websockets==13.1']
/** Started without uv in between, which would leave it behind when it is killed. */
const NEWER_FOLDER = join(BUILD_CACHE, 'context-forge-newer')
const OLDER_FOLDER = join(BUILD_CACHE, 'context-forge-older')
const OLDER_PYTHON = join(OLDER_FOLDER, 'bin/python')
/** Without them the gateway's package does not even import its agent. */
const OLDER_ENV = { JWT_SECRET_KEY: randomBytes(32).toString('hex'), AUTH_ENCRYPTION_SECRET: randomBytes(32).toString('hex') }
/** Covers the download of all that the gateway needs, on a slow line. */
const INSTALL_MS = 600_000

/** How one of the clients is started for a share, with this folder to itself. */
type Start = (share: Share, folder: string) => Promise<readonly [string, readonly string[]]>

async function newer(share: Share, folder: string): Promise<readonly [string, readonly string[]]> {
  const [command, ...args] = fixture('echo')
  const config = join(folder, 'mcp.json')
  await writeFile(config, JSON.stringify({ mcpServers: { echo: { command, args } } }))
  const own = ['--config', config, '--gateway-url', share.relay.origin, '--reconnect-delay', '0.2', '--keepalive', '1']
  return [join(NEWER_FOLDER, 'bin/mcp-reverse-proxy-client'), [...own, '--token', share.agentToken]]
}

async function older(share: Share): Promise<readonly [string, readonly string[]]> {
  const own = ['--local-stdio', fixture('echo').join(' '), '--gateway', share.relay.origin, '--token', share.agentToken, '--keepalive', '1']
  return [OLDER_PYTHON, ['-m', 'mcpgateway.reverse_proxy', ...own]]
}

async function fetchWith([name, ...args]: readonly [string, ...string[]]): Promise<void> {
  const exit = await run(name, args, { boundMs: INSTALL_MS })
  if (exit.code !== 0) throw new NotInstallable(exit.stderr)
}

/** What the package asks for does not fit what it does, so its library is put in afterwards. */
async function fetchInto(folder: string, packages: readonly string[]): Promise<void> {
  if (existsSync(join(folder, 'done'))) return
  await fetchWith(['uv', 'venv', '-q', '--clear', folder])
  for (const name of packages) await fetchWith(['uv', 'pip', 'install', '-q', '--python', join(folder, 'bin/python'), name])
  await writeFile(join(folder, 'done'), '')
}

async function prove(relay: Relay, start: Start): Promise<void> {
  await using folder = await StateFolder.create()
  const share = await createShare(relay)
  const [command, args] = await start(share, folder.path)
  const spawn = (): Program => new Program(command, args, { cwd: folder.path, env: OLDER_ENV })
  const agent = spawn()
  try {
    await untilServed(share)
    await untilPinned(share)
    await using one = await connectSdk1Http(share.url, share.clientToken)
    await using two = await connectSdk1Http(share.url, share.clientToken)
    await proveApart([one, two], 'echo', (text) => ({ args: { text: `<${text}>` }, answer: `<${text}>` }), 20)
    const seen: number[] = []
    await one.callTool('progress', { steps: 3 }, { onProgress: (progress) => seen.push(progress) })
    if (seen.join() !== '1,2,3') throw new Error(`progress was ${seen.join()}`)
    await agent.kill9()
    await using again = spawn()
    await untilServed(share)
    const text = toolText(await two.callTool('echo', { text: 'again' }))
    if (text !== 'again') throw new Error(`after the agent's death: ${text}`)
    await again.kill9()
  } finally {
    await agent.kill9()
  }
}

export const contextForgeProofs: readonly Proof[] = [
  {
    name: CLIENT,
    needs: needsUv,
    run: async (relay) => {
      await fetchInto(NEWER_FOLDER, [CLIENT])
      await prove(relay, newer)
    },
  },
  {
    name: `${OLDER[0]} (mcpgateway.reverse_proxy)`,
    needs: needsUv,
    run: async (relay) => {
      await fetchInto(OLDER_FOLDER, OLDER)
      await prove(relay, older)
    },
  },
]
