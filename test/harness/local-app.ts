/** Owns a web app on this machine as people have them: pages, bodies both ways, ranges, events, long polls, WebSockets. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

/** Bytes of which no two parts are alike, so that one which is missing, repeated or misplaced shows. */
export function* patterned(bytes: number, partBytes = 64 * 1024): Generator<Buffer> {
  for (let from = 0; from < bytes; from += partBytes) {
    const part = Buffer.alloc(Math.min(partBytes, bytes - from), `${from} `)
    yield part
  }
}

export function digestOf(bytes: number): string {
  const hash = createHash('sha256')
  for (const part of patterned(bytes)) hash.update(part)
  return hash.digest('hex')
}

const FILE = Buffer.from('0123456789abcdefghij')
const ETAG = '"file-1"'

export class LocalApp implements AsyncDisposable {
  readonly origin: string
  readonly requests: IncomingMessage[] = []
  /** Responses of `/poll` that wait. */
  readonly polls: ServerResponse[] = []
  readonly sockets: WebSocket[] = []
  /** Resolves with each response whose client has gone. */
  left = Promise.withResolvers<void>()
  readonly #server: ReturnType<typeof createServer>

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server
    this.origin = `http://localhost:${(server.address() as AddressInfo).port}`
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response))
    const sockets = new WebSocketServer({
      server,
      maxPayload: 64 * 1024 * 1024,
      handleProtocols: (offered) => [...offered].at(-1) ?? false,
    })
    sockets.on('connection', (socket) => {
      this.sockets.push(socket)
      socket.on('message', (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }))
    })
  }

  static async start(): Promise<LocalApp> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new LocalApp(server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.terminate()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request)
    response.on('close', () => {
      if (!response.writableFinished) this.left.resolve()
    })
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app')
    const bytes = Number(searchParams.get('bytes'))
    switch (pathname) {
      case '/down':
        response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': String(bytes) })
        Readable.from(patterned(bytes)).pipe(response)
        break
      case '/up':
        void digest(request).then((told) => response.end(told))
        break
      case '/events':
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: first\n\n')
        this.polls.push(response)
        break
      case '/poll':
        this.polls.push(response)
        break
      case '/file':
        answerFile(request, response)
        break
      default:
        response.setHeader('set-cookie', ['app=1; Domain=localhost', '__Host-mcpe=evil'])
        response.setHeader('content-type', 'text/html')
        response.end(`<p>${request.method} ${request.url}</p>`)
    }
  }
}

async function digest(request: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of request) hash.update(part as Buffer)
  return hash.digest('hex')
}

function answerFile({ headers }: IncomingMessage, response: ServerResponse): void {
  response.setHeader('etag', ETAG)
  response.setHeader('accept-ranges', 'bytes')
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
  if (headers['if-none-match'] === ETAG) response.writeHead(304).end()
  else if (from === undefined || to === undefined) response.end(FILE)
  else {
    const part = FILE.subarray(Number(from), Number(to) + 1)
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${FILE.length}`, 'content-length': String(part.length) }).end(part)
  }
}
