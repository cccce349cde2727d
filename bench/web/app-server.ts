/** The web app of `npm run bench -- web`, a process of its own: small pages, bodies of any size down and up. Listens on the port that it is given. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

const PAGE = Buffer.from(`<!doctype html><p>${'hello '.repeat(160)}</p>\n`)
const CHUNK = Buffer.alloc(64 * 1024, 'The quick brown fox. ')

const server = createServer((request, response) => void answer(request, response))
// A tunnel may keep its connections for as long as it likes.
server.keepAliveTimeout = 0
server.listen(Number(process.argv[2]), '127.0.0.1')

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app')
  if (pathname === '/up') {
    let bytes = 0
    for await (const part of request) bytes += (part as Buffer).length
    response.end(String(bytes))
  } else if (pathname === '/down') {
    const bytes = Number(searchParams.get('bytes'))
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes })
    await send(response, bytes)
  } else response.writeHead(200, { 'content-type': 'text/html', 'content-length': PAGE.length }).end(PAGE)
}

/** As fast as it is taken, and no faster. */
async function send(response: ServerResponse, bytes: number): Promise<void> {
  for (let left = bytes; left > 0 && !response.destroyed; left -= CHUNK.length)
    if (!response.write(CHUNK.subarray(0, Math.min(left, CHUNK.length))))
      await new Promise<void>((resolve) => {
        response.once('drain', resolve)
        response.once('close', resolve)
      })
  response.end()
}
