/** `npm run interop`: Python's official SDK as client, and servers of the Python world, through a real relay. Needs uv. */
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { type Command, createShare, fixture, type Relay, startAgent, startRelay, StateFolder } from '../harness/selfhost.ts'
import { toolText } from '../harness/json.ts'
import { ROOT, run } from '../harness/program.ts'
import { connectSdk1Http } from '../harness/sdk1-client.ts'
import type { TestClient } from '../harness/test-client.ts'

/** The release that these proofs were written against. */
const PYTHON_SDK = 'mcp==2.3.0'
/** Covers the download of a package on a slow line. */
const UV_MS = 180_000
const PAGE = 'a page that only this machine serves'

interface Proof {
  readonly name: string
  readonly run: (relay: Relay) => Promise<void>
}

function expectText(text: string, part: string): void {
  if (!text.includes(part)) throw new Error(`no "${part}" in: ${text.slice(0, 500)}`)
}

async function hasUv(): Promise<boolean> {
  const exit = await run('uvx', ['--version']).catch(() => undefined)
  return exit?.code === 0
}

async function provePythonClient(relay: Relay, transport: string, path: 'mcp' | 'sse'): Promise<void> {
  const share = await createShare(relay)
  await using _agent = await startAgent(share, { command: fixture('echo') })
  const url = share.shareUrl.replace(/\/mcp$/, `/${path}`)
  const script = join(ROOT, 'test/interop/python_client.py')
  const exit = await run('uv', ['run', '-q', '--no-project', '--with', PYTHON_SDK, 'python', script, transport, url], { boundMs: UV_MS })
  for (const line of exit.stdout.split('\n').filter(Boolean)) console.log(`    ${line}`)
  if (exit.code !== 0) throw new Error(exit.stderr.split('\n').slice(-15).join('\n'))
}

/** Puts a server from PyPI behind a share and hands a client of it to `prove`. */
async function proveServer(relay: Relay, command: Command, prove: (client: TestClient) => Promise<void>): Promise<void> {
  // The first start downloads; the share's own time limits are not meant for that.
  const warm = await run(command[0], [...command.slice(1), '--help'], { boundMs: UV_MS })
  if (warm.code !== 0) throw new Error(warm.stderr)
  const share = await createShare(relay)
  await using _agent = await startAgent(share, { command })
  await using client = await connectSdk1Http(share.shareUrl)
  await prove(client)
}

async function proveTime(client: TestClient): Promise<void> {
  expectText(toolText(await client.callTool('get_current_time', { timezone: 'Europe/Vienna' })), 'Europe/Vienna')
}

async function proveGit(client: TestClient, repository: string): Promise<void> {
  expectText(toolText(await client.callTool('git_log', { repo_path: repository })), 'interop')
  expectText(toolText(await client.callTool('git_status', { repo_path: repository })), 'branch')
}

async function withGitRepository(use: (path: string) => Promise<void>): Promise<void> {
  await using folder = await StateFolder.create()
  const identity = ['-c', 'user.name=interop', '-c', 'user.email=interop@example.com', '-c', 'commit.gpgsign=false']
  for (const args of [
    ['init', '-q'],
    [...identity, 'commit', '-q', '--allow-empty', '-m', 'interop'],
  ]) {
    const exit = await run('git', args, { cwd: folder.path })
    if (exit.code !== 0) throw new Error(exit.stderr)
  }
  await use(folder.path)
}

async function servePage(): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end(`<html><body><p>${PAGE}</p></body></html>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `http://127.0.0.1:${address.port}/`, server }
}

async function proveFetch(client: TestClient): Promise<void> {
  const { url, server } = await servePage()
  try {
    expectText(toolText(await client.callTool('fetch', { url })), PAGE)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const PROOFS: readonly Proof[] = [
  { name: `${PYTHON_SDK} over Streamable HTTP`, run: (relay) => provePythonClient(relay, 'streamable-http', 'mcp') },
  { name: `${PYTHON_SDK} over HTTP+SSE`, run: (relay) => provePythonClient(relay, 'sse', 'sse') },
  { name: `${PYTHON_SDK}, its high-level client`, run: (relay) => provePythonClient(relay, 'auto', 'mcp') },
  { name: 'mcp-server-time', run: (relay) => proveServer(relay, ['uvx', 'mcp-server-time'], proveTime) },
  {
    name: 'mcp-server-git',
    run: (relay) =>
      withGitRepository((path) => proveServer(relay, ['uvx', 'mcp-server-git', '--repository', path], (client) => proveGit(client, path))),
  },
  {
    name: 'mcp-server-fetch',
    run: (relay) => proveServer(relay, ['uvx', 'mcp-server-fetch', '--ignore-robots-txt', '--allow-private-ips'], proveFetch),
  },
]

/** Runs a proof and says whether it held. */
async function attempt(proof: Proof, relay: Relay): Promise<boolean> {
  try {
    await proof.run(relay)
    console.log(`passed  ${proof.name}`)
    return true
  } catch (error) {
    console.log(`FAILED  ${proof.name}\n${error instanceof Error ? error.message : String(error)}`)
    return false
  }
}

async function main(): Promise<number> {
  if (!(await hasUv())) {
    console.log('interop did NOT run: uv is missing. Install it (https://docs.astral.sh/uv/) and run `npm run interop` again.')
    return 2
  }
  await using relay = await startRelay()
  const outcomes: boolean[] = []
  for (const proof of PROOFS) outcomes.push(await attempt(proof, relay))
  const failed = outcomes.filter((passed) => !passed).length
  console.log(`${outcomes.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
