/**
 * `http-server.ts KIND PORT [FIXTURE]`: the servers of the official suite over HTTP, as the SDKs serve them; it prints its URL. KIND:
 * `sdk1` and `sdk1-sse` are SDK 1 with sessions, over Streamable HTTP and HTTP+SSE; `sdk2` is SDK 2 in 2026-07-28 alone, `sdk2-both`
 * with sessions for older revisions beside it, and `sdk2-stateless` with its own way to serve them. FIXTURE `asking`: asking-fixture.ts.
 * With the variable HTTP_SERVER_CREDENTIAL it wants that in the Authorization header.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, isLegacyRequest, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import { createAskingServer } from './asking-fixture.ts'
import { createLegacyServer } from './legacy-fixture.ts'
import { createModernServer } from './modern-fixture.ts'

type Serve = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const [kind = 'sdk1', port = '0', fixture] = process.argv.slice(2)

function sdk1(): Serve {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  return async (request, response) => {
    const id = request.headers['mcp-session-id']
    const known = typeof id === 'string' ? sessions.get(id) : undefined
    if (id !== undefined && known === undefined) return void response.writeHead(404).end()
    if (known !== undefined) return await known.handleRequest(request, response)
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (made) => void sessions.set(made, transport),
      onsessionclosed: (ended) => void sessions.delete(ended),
    })
    await createLegacyServer().connect(transport)
    await transport.handleRequest(request, response)
  }
}

function sdk1Sse(): Serve {
  const sessions = new Map<string, SSEServerTransport>()
  return async (request, response) => {
    const session = new URL(request.url ?? '/', 'http://x').searchParams.get('sessionId')
    if (request.method === 'POST') {
      const known = sessions.get(session ?? '')
      return known === undefined ? void response.writeHead(404).end() : await known.handlePostMessage(request, response)
    }
    const transport = new SSEServerTransport('/messages', response)
    sessions.set(transport.sessionId, transport)
    response.on('close', () => sessions.delete(transport.sessionId))
    await createLegacyServer().connect(transport)
  }
}

function sdk2Sessions(): (request: Request) => Promise<Response> {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>()
  return async (request) => {
    const id = request.headers.get('mcp-session-id')
    const known = id === null ? undefined : sessions.get(id)
    if (id !== null && known === undefined) return new Response(null, { status: 404 })
    if (known !== undefined) return await known.handleRequest(request)
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (made) => void sessions.set(made, transport),
      onsessionclosed: (ended) => void sessions.delete(ended),
    })
    await create({ era: 'legacy' }).connect(transport)
    return await transport.handleRequest(request)
  }
}

function create({ era }: { readonly era: 'legacy' | 'modern' }): ReturnType<typeof createModernServer> {
  if (fixture === 'asking') return createAskingServer({ era })
  const mcp = createModernServer()
  // The other era listens instead.
  if (era === 'legacy') mcp.server.setRequestHandler('resources/subscribe', () => ({}))
  return mcp
}

/** Gives Node's requests to a handler of the web's. */
function web(handle: (request: Request) => Promise<Response>): Serve {
  return async (request, response) => {
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' ? [[name, value]] : [],
    )
    const pieces = await request.toArray()
    const body = pieces.length === 0 ? null : Buffer.concat(pieces as Buffer[])
    const url = `http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`
    const answer = await handle(new Request(url, { method: request.method ?? 'GET', headers, body, signal: gone.signal }))
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    response.flushHeaders()
    if (answer.body === null) return void response.end()
    Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0])
      .on('error', () => response.destroy())
      .pipe(response)
  }
}

function sdk2(legacy: 'reject' | 'stateless' | 'sessions'): Serve {
  const handler = createMcpHandler(create, { legacy: legacy === 'stateless' ? 'stateless' : 'reject' })
  const sessions = sdk2Sessions()
  return web(async (request) =>
    legacy === 'sessions' && (request.method !== 'POST' || (await isLegacyRequest(request.clone())))
      ? sessions(request)
      : handler.fetch(request),
  )
}

const KINDS: Readonly<Record<string, () => Serve>> = {
  sdk1,
  'sdk1-sse': sdk1Sse,
  sdk2: () => sdk2('reject'),
  'sdk2-both': () => sdk2('sessions'),
  'sdk2-stateless': () => sdk2('stateless'),
}

const serve = KINDS[kind]?.()
if (serve === undefined) throw new Error(`KIND is one of ${Object.keys(KINDS).join(', ')}`)
const credential = process.env['HTTP_SERVER_CREDENTIAL']
const server = createServer((request, response) => {
  if (credential !== undefined && request.headers.authorization !== credential) return void response.writeHead(401).end()
  serve(request, response).catch((error: unknown) => {
    console.error(error)
    response.destroy()
  })
})
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${kind === 'sdk1-sse' ? 'sse' : 'mcp'}`)
})
