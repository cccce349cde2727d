import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { findPortHolder, listeningInodes } from '../../../selfhost/port-holder.ts'

const stack = new AsyncDisposableStack()
afterAll(() => stack.disposeAsync())

async function serve(listener: RequestListener): Promise<number> {
  const server = createHttpServer(listener).listen(0, '127.0.0.1')
  stack.defer(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const problem = (code: string, type = 'application/problem+json'): RequestListener => {
  return (_request, response) => void response.writeHead(404, { 'content-type': type }).end(JSON.stringify({ code }))
}

test.each([
  ['a relay', problem('ROUTE_NOT_FOUND'), true],
  ['a relay without an owner', problem('RELAY_UNCLAIMED'), true],
  ['a foreign problem', problem('FOREIGN'), false],
  ['JSON of another kind', problem('ROUTE_NOT_FOUND', 'application/json'), false],
  ['another web server', (_request, response) => void response.end('hello'), false],
] satisfies [string, RequestListener, boolean][])('findPortHolder() of %s', async (_name, listener, isRelay) => {
  const port = await serve(listener)
  expect(await findPortHolder('127.0.0.1', port)).toMatchObject({ isRelay })
})

test('findPortHolder() takes one that accepts and never answers for no relay, within its bound', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  stack.defer(() => void server.close())
  await once(server, 'listening')
  const sockets: { destroy: () => void }[] = []
  server.on('connection', (socket) => sockets.push(socket))
  expect(await findPortHolder('127.0.0.1', (server.address() as AddressInfo).port)).toMatchObject({ isRelay: false })
  for (const socket of sockets) socket.destroy()
})

test.runIf(process.platform === 'linux')('findPortHolder() names program and process', async () => {
  const port = await serve(problem('ROUTE_NOT_FOUND'))
  expect(await findPortHolder('127.0.0.1', port)).toEqual({ program: expect.stringMatching(/./), pid: process.pid, isRelay: true })
})

test('listeningInodes() reads the sockets that listen on a port, and no others', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2253 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41 1 0000000000000000 100 0 0 10 0
   1: 0100007F:2253 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 42 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 43 1 0000000000000000 100 0 0 10 0
`
  expect(listeningInodes(table, 8787)).toEqual(['41'])
  expect(listeningInodes(table, 53_000)).toEqual([])
})
