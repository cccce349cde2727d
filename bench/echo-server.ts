/** The floor: an HTTP server that answers at once, in a thread of the bench's own process. Tells its port when it listens. */
import { createServer } from 'node:http'
import { parentPort } from 'node:worker_threads'

const BODY = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello 1"}]}}'

const server = createServer((request, response) => {
  request.on('end', () => response.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length }).end(BODY)).resume()
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  parentPort?.postMessage(typeof address === 'object' && address !== null ? address.port : 0)
})
