/** The floor: an HTTP server that answers at once, in a thread of the bench's own process. Listens on the port that is its data. */
import { createServer } from 'node:http'
import { workerData } from 'node:worker_threads'

const BODY = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello 1"}]}}'

const server = createServer((request, response) => {
  request.on('end', () => response.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length }).end(BODY)).resume()
})
server.listen(Number(workerData), '127.0.0.1')
