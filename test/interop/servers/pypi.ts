/** Servers of the Python world, as their users start them: by uvx, behind a share. */
import { createServer, type Server } from 'node:http'
import { toolText } from '../../harness/json.ts'
import { run } from '../../harness/program.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { type Command, createShare, type Relay, startAgent, StateFolder } from '../../harness/selfhost.ts'
import type { TestClient } from '../../harness/test-client.ts'
import { NotInstallable, type Proof } from '../proof.ts'
import { needsUv, UV_MS } from '../uv.ts'

const PAGE = 'a page that only this machine serves'

function expectText(text: string, part: string): void {
  if (!text.includes(part)) throw new Error(`no "${part}" in: ${text.slice(0, 500)}`)
}

/** Puts a server from PyPI behind a share and hands a client of it to `prove`. */
async function proveServer(relay: Relay, command: Command, prove: (client: TestClient) => Promise<void>): Promise<void> {
  // The first start downloads; the share's own time limits are not meant for that.
  const warm = await run(command[0], [...command.slice(1), '--help'], { boundMs: UV_MS })
  if (warm.code !== 0) throw new NotInstallable(warm.stderr)
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

export const pypiServerProofs: readonly Proof[] = [
  { name: 'mcp-server-time', needs: needsUv, run: (relay) => proveServer(relay, ['uvx', 'mcp-server-time'], proveTime) },
  {
    name: 'mcp-server-git',
    needs: needsUv,
    run: (relay) =>
      withGitRepository((path) => proveServer(relay, ['uvx', 'mcp-server-git', '--repository', path], (client) => proveGit(client, path))),
  },
  {
    name: 'mcp-server-fetch',
    needs: needsUv,
    run: (relay) => proveServer(relay, ['uvx', 'mcp-server-fetch', '--ignore-robots-txt', '--allow-private-ips'], proveFetch),
  },
]
