import { afterEach, beforeEach, expect, test } from 'vitest'
import { readHttpTarget } from '../../../../../agent/config/http-target.ts'
import { HttpServer } from '../../../../../agent/server/http/http-server.ts'
import { type Asked, type Behaviour, openEvents } from '../../../../fixtures/http-vices.ts'
import { LoopbackServer, RemoteSession } from './loopback-server.ts'
import { verifies } from '../../../../requirements/verifies.ts'

let stack: AsyncDisposableStack
beforeEach(() => void (stack = new AsyncDisposableStack()))
afterEach(() => stack.disposeAsync())

async function serve(behaviour: Behaviour): Promise<LoopbackServer> {
  return stack.use(await LoopbackServer.start(behaviour))
}

function open(server: LoopbackServer, header: string[] = []): RemoteSession {
  return stack.use(new RemoteSession(server.url, { sse: true, header }))
}

/** A server of HTTP+SSE; `answer` says what becomes of a request. */
function sseServer(answer: (asked: Asked, send: (message: object) => void) => void, endpoint = '/messages?session=1'): Behaviour {
  let stream: Asked | undefined
  return (asked) => {
    if (asked.request.method === 'GET') {
      stream = asked
      openEvents(asked)
      return void asked.response.write(`event: endpoint\ndata: ${endpoint}\n\n`)
    }
    const send = (message: object): void =>
      void stream?.response.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
    answer(asked, send)
  }
}

const echoes = sseServer(({ response, message }, send) => {
  response.writeHead(202).end('Accepted')
  if (message.id !== undefined) send({ id: message.id, result: { method: message.method } })
})

test('SseWire posts to the endpoint that the server names, and hears the answers on its stream', async () => {
  verifies('promise.http.sse')
  const server = await serve(echoes)
  const session = open(server, ['X-Key: k1'])
  await session.begins()
  session.says({ id: 2, method: 'tools/list' })
  expect(await session.answer(2)).toMatchObject({ result: { method: 'tools/list' } })
  expect(server.asked.map(({ request }) => [request.method, request.url])).toEqual([
    ['GET', '/mcp'],
    ['POST', '/messages?session=1'],
    ['POST', '/messages?session=1'],
    ['POST', '/messages?session=1'],
  ])
  expect(server.asked.every(({ request }) => request.headers['x-key'] === 'k1')).toBe(true)
})

test('SseWire ends when the stream does, and says that calls may have run', async () => {
  verifies('promise.http.session-lost')
  const server = await serve(echoes)
  const session = open(server)
  await session.begins()
  const stream = await server.next(({ request }) => request.method === 'GET')
  stream.response.end()
  const end = await session.gone
  expect(end).toMatchObject({ startError: expect.stringContaining('ended its stream') })
  expect(end.untaken).toEqual([])
})

test('SseWire ends when its session is not known, and says that this call has not run', async () => {
  verifies('promise.http.session-lost')
  const server = await serve(echoes)
  const session = open(server)
  await session.begins()
  await server.next(({ message }) => message.method === 'notifications/initialized')
  server.behaviour = ({ response }) => void response.writeHead(404).end()
  session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
  expect((await session.gone).untaken).toEqual(['2'])
})

test('SseWire answers a call that is refused in the place of the server', async () => {
  verifies('promise.http.hostile')
  const server = await serve(echoes)
  const session = open(server)
  await session.begins()
  server.behaviour = ({ response }) => void response.writeHead(413).end()
  session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
  expect(await session.answer(2)).toMatchObject({ error: { data: { code: 'SERVER_HTTP_ERROR', executed: 'no' } } })
})

test('SseWire takes no endpoint of another origin', async () => {
  verifies('promise.http.credentials')
  const other = await serve(() => {})
  const session = open(await serve(sseServer(() => {}, other.url)))
  session.says({ id: 1, method: 'initialize', params: {} })
  expect(await session.gone).toMatchObject({ code: 'SERVER_NOT_MCP' })
  expect(other.asked).toHaveLength(0)
})

test.each<[string, string, Behaviour]>([
  ['SERVER_NOT_MCP', 'a server of Streamable HTTP', ({ response }) => void response.writeHead(405).end()],
  ['SERVER_UNAUTHORIZED', 'one that wants credentials', ({ response }) => void response.writeHead(401).end()],
])('SseWire names %s at its start for %s', async (code, _what, behaviour) => {
  verifies('promise.http.down')
  const session = open(await serve(behaviour))
  session.says({ id: 1, method: 'initialize', params: {} })
  expect(await session.gone).toMatchObject({ code })
})

test('SseWire is sent on to where messages are taken, and the next session opens its stream where the first did', async () => {
  const server = await serve(
    sseServer(({ request, response, message }, send) => {
      if (request.url === '/messages?session=1') return void response.writeHead(307, { location: '/messages/?session=1' }).end()
      response.writeHead(202).end('Accepted')
      if (message.id !== undefined) send({ id: message.id, result: {} })
    }),
  )
  const one = new HttpServer(readHttpTarget({ url: server.url, sse: true, header: [], headerFile: undefined }))
  for (const id of [1, 2]) {
    const session = stack.use(new RemoteSession(one))
    session.says({ id, method: 'ping' })
    await session.answer(id)
  }
  expect(server.asked.filter(({ request }) => request.method === 'GET').map(({ request }) => request.url)).toEqual(['/mcp', '/mcp'])
})

test("SseWire passes its client's credential on, and a stream or a call that is refused for it is told as such (--pass-auth)", async () => {
  verifies('promise.http.pass-auth')
  const wanted: Behaviour = (asked) => {
    const { authorization } = asked.request.headers
    if (authorization === undefined || (asked.message.method === 'tools/list' && authorization !== 'Bearer b'))
      asked.response.writeHead(401, { 'www-authenticate': 'Bearer scope="a"' }).end()
    else echoes(asked)
  }
  const server = await serve(wanted)
  const stranger = stack.use(new RemoteSession(server.url, { sse: true, passAuth: true }))
  stranger.says({ id: 1, method: 'initialize', params: {} })
  expect(await stranger.refusal('1')).toEqual({ code: 'SERVER_SIGN_IN', executed: 'no', challenge: 'Bearer scope="a"' })
  expect(await stranger.gone).toMatchObject({ code: 'SERVER_SIGN_IN' })
  const session = stack.use(new RemoteSession(server.url, { sse: true, passAuth: true }))
  session.child.authorize?.('Bearer a')
  await session.begins()
  session.says({ id: 2, method: 'tools/list' })
  expect((await session.refusal('2')).code).toBe('SERVER_SIGN_IN')
  session.child.authorize?.('Bearer b')
  session.says({ id: 3, method: 'tools/list' })
  expect(await session.answer(3)).toMatchObject({ result: { method: 'tools/list' } })
})
