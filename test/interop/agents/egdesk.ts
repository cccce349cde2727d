/** EGDesk's tunnel client, unmodified but for two parts of its desktop program that it asks for coding projects: MCP and pages of a server of ours, to the byte, and its event stream. */
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { Program } from '../../harness/program.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { createShare, type Relay, type Share, untilPinned } from '../../harness/selfhost.ts'
import { installed } from '../npm-packages.ts'
import type { Proof } from '../proof.ts'
import { publicFile } from './public-files.ts'
import { proveApart, untilServed } from './served.ts'

const REPOSITORY = 'minseochh02/egdesk-scratch@74e89f1626303033c340181af0476f82cad3c985'
const PACKAGES = ['ws@8.18.3']
const TEXT = 'Grüße, 世界'
/** Pause between signs of life of an event stream. */
const SIGN_MS = 200

/** There are no coding projects. */
const STUB =
  'export const parseProjectRoute = () => null; export const handleProjectRequest = () => null; export const getProjectRegistry = () => null'

/** Starts the client as its program does. */
const MAIN = `import { TunnelClient } from './tunnel-client.mjs'
const [tunnelServerUrl, localServerUrl] = process.argv.slice(2)
await new TunnelClient({ tunnelServerUrl, localServerUrl, serverName: 'My Mail', autoPrompt: false }).start()
`

async function bundled(file: string, folder: string): Promise<string> {
  const home = join(folder, 'tunnel')
  await mkdir(home, { recursive: true })
  await build({
    entryPoints: [file],
    outfile: join(home, 'tunnel-client.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['ws'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'stubs',
        setup: (esbuild) => {
          esbuild.onResolve({ filter: /\/coding\// }, ({ path }) => ({ path, namespace: 'stub' }))
          esbuild.onLoad({ filter: /.*/, namespace: 'stub' }, () => ({ contents: STUB }))
        },
      },
    ],
  })
  await writeFile(join(home, 'main.mjs'), MAIN)
  return join(home, 'main.mjs')
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** A server of Streamable HTTP with one tool, and pages beside it. */
async function serve(request: IncomingMessage, response: ServerResponse, left: () => void): Promise<void> {
  if (request.url === '/echo') {
    const body = await bodyOf(request)
    response.end(JSON.stringify({ method: request.method, length: request.headers['content-length'], body: body.toString() }))
  } else if (request.url === '/events/sse') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const n of [1, 2, 3]) response.write(`data: ${n}\n\n`)
    // That a client has left the relay's runtime finds out when it writes.
    const signs = setInterval(() => response.write(':\n\n'), SIGN_MS)
    response.on('close', () => {
      clearInterval(signs)
      left()
    })
  } else if (request.method !== 'POST') response.writeHead(405).end()
  else {
    const { id, method, params } = JSON.parse((await bodyOf(request)).toString()) as {
      id?: unknown
      method: string
      params?: { arguments?: { text?: string } }
    }
    if (id === undefined) response.writeHead(202).end()
    else
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, result: resultOf(method, params) }))
  }
}

function resultOf(method: string, params?: { arguments?: { text?: string } }): object {
  if (method === 'initialize')
    return { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'mail', version: '1' } }
  if (method === 'tools/list') return { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }
  return { content: [{ type: 'text', text: params?.arguments?.text ?? '' }] }
}

async function provePages(share: Share, left: Promise<void>): Promise<void> {
  const at = `${share.relay.origin}/s/${share.id}/http`
  const headers = { authorization: `Bearer ${share.clientToken}` }
  const page = await fetch(`${at}/echo`, { method: 'PUT', body: TEXT, headers })
  const told = (await page.json()) as { method: string; length: string; body: string }
  const expected = { method: 'PUT', length: String(Buffer.byteLength(TEXT)), body: TEXT }
  if (JSON.stringify(told) !== JSON.stringify(expected)) throw new Error(`the page was asked as ${JSON.stringify(told)}`)
  const leaving = new AbortController()
  const events = await fetch(`${at}/events/sse`, { headers, signal: leaving.signal })
  let text = ''
  for await (const part of events.body ?? []) {
    text += Buffer.from(part as Uint8Array).toString()
    if (text.includes('3\n\n')) break
  }
  if (text.replaceAll(':\n\n', '') !== 'data: 1\n\ndata: 2\n\ndata: 3\n\n') throw new Error(`the events came as ${JSON.stringify(text)}`)
  leaving.abort()
  await left
}

async function prove(relay: Relay): Promise<void> {
  const file = await publicFile(REPOSITORY, 'src/main/mcp/server-creator/tunnel-client.ts')
  const main = await bundled(file, await installed('egdesk', PACKAGES))
  const left = Promise.withResolvers<void>()
  const server = createServer((request, response) => void serve(request, response, left.resolve))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const share = await createShare(relay)
  const tunnel = `${relay.origin}/egdesk/${share.id}/${share.agentToken}`
  const local = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = new Program(process.execPath, [main, tunnel, local], {})
  try {
    await untilServed(share)
    await untilPinned(share)
    await using one = await connectSdk1Http(share.url, share.clientToken)
    await using two = await connectSdk1Http(share.url, share.clientToken)
    await proveApart([one, two], 'echo', (text) => ({ args: { text: `<${TEXT} ${text}>` }, answer: `<${TEXT} ${text}>` }), 20)
    await provePages(share, left.promise)
  } finally {
    await client.kill9()
    server.closeAllConnections()
    server.close()
  }
}

export const egdeskProofs: readonly Proof[] = [{ name: `EGDesk (tunnel client, ${REPOSITORY.slice(-40, -32)})`, run: prove }]
