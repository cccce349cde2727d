import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as vices from '../../../../fixtures/http-vices.ts'
import { type Asked, answerJson, openEvents } from '../../../../fixtures/http-vices.ts'
import { readHttpTarget } from '../../../../../agent/config/http-target.ts'
import { HttpServer } from '../../../../../agent/server/http/http-server.ts'
import { LineMask } from '../../../../../agent/server/masking/line-mask.ts'
import { LoopbackServer, type Message, RemoteSession } from './loopback-server.ts'
import { verifies } from '../../../../requirements/verifies.ts'

let stack: AsyncDisposableStack
beforeEach(() => void (stack = new AsyncDisposableStack()))
afterEach(() => stack.disposeAsync())

async function serve(behaviour: vices.Behaviour): Promise<LoopbackServer> {
  return stack.use(await LoopbackServer.start(behaviour))
}

function open(server: LoopbackServer | string, options: ConstructorParameters<typeof RemoteSession>[1] = {}): RemoteSession {
  return stack.use(new RemoteSession(typeof server === 'string' ? server : server.url, options))
}

/** A server with sessions; `more` answers what is not the handshake. */
function withSession(more: vices.Behaviour): vices.Behaviour {
  return (asked) => {
    const { request, response, message } = asked
    if (message.method === 'initialize') answerJson(asked, { protocolVersion: '2025-06-18', capabilities: {} }, { 'mcp-session-id': 'S1' })
    else if (request.method === 'DELETE' || (request.method === 'POST' && message.id === undefined)) response.writeHead(202).end()
    else more(asked)
  }
}

const isGet = ({ request }: Asked): boolean => request.method === 'GET'
const names =
  (method: string) =>
  ({ message }: Asked): boolean =>
    message.method === method
const code = (message: Message): unknown => (message['error'] as { data?: { code?: unknown } } | undefined)?.data?.code
const executed = (message: Message): unknown => (message['error'] as { data?: { executed?: unknown } } | undefined)?.data?.executed

function modern(id: unknown, method: string, params: Message = {}): Message {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }
  return { id, method, params: { ...params, _meta: meta } }
}

describe('StreamableWire in a session', () => {
  test('says session and revision in every request after the handshake, opens a stream, and ends the session', async () => {
    verifies('promise.http.session')
    const server = await serve(
      withSession((asked) => (isGet(asked) ? asked.response.writeHead(405).end() : answerJson(asked, { ok: true }))),
    )
    const session = new RemoteSession(server.url, { header: ['X-Key: k1'] })
    await session.begins()
    session.says({ id: 2, method: 'tools/list' })
    await session.answer(2)
    const get = await server.next(isGet)
    await session.child.stop()
    const [first, ...others] = server.asked.map(({ request }) => request.headers)
    expect(first).toMatchObject({ accept: 'application/json, text/event-stream', 'content-type': 'application/json', 'x-key': 'k1' })
    expect(first).not.toHaveProperty('mcp-session-id')
    expect(first).not.toHaveProperty('mcp-protocol-version')
    for (const headers of others)
      expect(headers).toMatchObject({ 'mcp-session-id': 'S1', 'mcp-protocol-version': '2025-06-18', 'x-key': 'k1' })
    expect(get.request.headers.accept).toBe('text/event-stream')
    expect(server.asked.at(-1)?.request.method).toBe('DELETE')
    expect(session.taken).toEqual([true, true, true])
  })

  test('takes an answer over several lines, behind a byte order mark', async () => {
    verifies('promise.1.odd-servers')
    const server = await serve(
      withSession(({ response, message: { id } }) => {
        response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
        response.end(`\uFEFF${JSON.stringify({ jsonrpc: '2.0', id, result: { ok: true } }, null, 2)}`)
      }),
    )
    const session = open(server)
    await session.begins()
    session.says({ id: 2, method: 'tools/list' })
    expect(await session.answer(2)).toMatchObject({ result: { ok: true } })
  })

  test('holds back what is sent behind notifications/initialized until that is accepted', async () => {
    const server = await serve(withSession((asked) => answerJson(asked, {})))
    const session = open(server)
    const behaviour = server.behaviour
    server.behaviour = (asked) => (names('notifications/initialized')(asked) ? undefined : behaviour(asked))
    await session.begins()
    session.says({ id: 2, method: 'tools/list' })
    const accepted = await server.next(names('notifications/initialized'))
    expect(server.asked.some(names('tools/list'))).toBe(false)
    accepted.response.writeHead(202).end()
    await session.answer(2)
  })

  test('passes on what comes on the stream of a call before its answer, asks among it, and posts what answers them', async () => {
    verifies('promise.http.asks')
    const server = await serve(
      withSession((asked) => {
        if (isGet(asked)) return void asked.response.writeHead(405).end()
        openEvents(asked)
        asked.response.write(
          ': keep-alive\n\nevent: ping\ndata: x\n\ndata: {"jsonrpc":"2.0","id":"s1",\ndata: "method":"sampling/createMessage","params":{}}\n\n',
        )
      }),
    )
    const session = open(server)
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
    expect(await session.hears(({ method }) => method === 'sampling/createMessage')).toMatchObject({ id: 's1' })
    session.says({ id: 's1', result: { text: 'hi' } })
    expect((await server.next(({ message }) => (message.id === undefined ? false : 'result' in message))).body).toContain('"s1"')
  })

  test('goes on behind the last event when the stream of a call ends before the answer, after the pause that it was told', async () => {
    verifies('promise.http.resume')
    const server = await serve(
      withSession((asked) => {
        if (!isGet(asked)) {
          openEvents(asked)
          return void asked.response.end('id: e1\nretry: 10\ndata: \n\n')
        }
        if (asked.request.headers['last-event-id'] !== 'e1') return void asked.response.writeHead(405).end()
        openEvents(asked)
        asked.response.end('id: e2\ndata: {"jsonrpc":"2.0","id":2,"result":{"resumed":true}}\n\n')
      }),
    )
    const session = open(server)
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
    expect(await session.answer(2)).toMatchObject({ result: { resumed: true } })
    expect(server.asked.filter(names('tools/call'))).toHaveLength(1)
  })

  test('opens the stream of the session again behind its last event', async () => {
    verifies('promise.http.resume')
    const server = await serve(
      withSession((asked) => {
        openEvents(asked)
        if (asked.request.headers['last-event-id'] === undefined)
          asked.response.end('retry: 10\nid: g1\ndata: {"jsonrpc":"2.0","method":"notifications/a"}\n\n')
        else asked.response.write('id: g2\ndata: {"jsonrpc":"2.0","method":"notifications/b"}\n\n')
      }),
    )
    const session = open(server)
    await session.begins()
    await session.hears(({ method }) => method === 'notifications/b')
    expect(server.asked.filter(isGet).map(({ request }) => request.headers['last-event-id'])).toEqual([undefined, 'g1'])
  })

  test('tells the server of a call that is taken back, and passes on nothing more of it', async () => {
    const server = await serve(withSession((asked) => (isGet(asked) ? asked.response.writeHead(405).end() : openEvents(asked))))
    const session = open(server)
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
    const call = await server.next(names('tools/call'))
    const closed = new Promise((resolve) => call.response.on('close', resolve))
    session.says({ method: 'notifications/cancelled', params: { requestId: 2 } })
    await closed
    expect((await server.next(names('notifications/cancelled'))).message.params).toEqual({ requestId: 2 })
    expect(session.heard).toHaveLength(1)
  })

  test('answers with each of several calls at once', async () => {
    const server = await serve(
      withSession((asked) => (isGet(asked) ? asked.response.writeHead(405).end() : void setImmediate(answerJson, asked, asked.message.id))),
    )
    const session = open(server)
    await session.begins()
    for (let id = 0; id < 50; id++) session.says({ id, method: 'tools/call', params: { name: 'x' } })
    for (let id = 0; id < 50; id++) expect(await session.answer(id)).toMatchObject({ result: id })
  })

  test('masks the headers that it was given in what the server says', async () => {
    verifies('promise.http.credentials')
    const server = await serve(
      withSession((asked) =>
        isGet(asked) ? asked.response.writeHead(405).end() : answerJson(asked, { text: 'got Bearer sesame-sesame' }),
      ),
    )
    const lineMask = new LineMask(['Bearer sesame-sesame', 'sesame-sesame'], () => {})
    const session = open(server, { header: ['Authorization: Bearer sesame-sesame'], lineMask })
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
    expect(JSON.stringify(await session.answer(2))).not.toContain('sesame')
  })

  test('follows a redirect within the origin, and takes its credentials to no other', async () => {
    verifies('promise.http.credentials')
    const other = await serve(() => {})
    const server = await serve(
      withSession((asked) => {
        const there = asked.request.url === '/mcp' ? `/mcp/` : undefined
        if (there !== undefined) asked.response.writeHead(307, { location: there }).end()
        else answerJson(asked, { moved: true })
      }),
    )
    const session = open(server, { header: ['Authorization: Bearer t'] })
    await session.begins()
    session.says({ id: 2, method: 'tools/list' })
    expect(await session.answer(2)).toMatchObject({ result: { moved: true } })
    server.behaviour = ({ response }) => void response.writeHead(307, { location: other.url }).end()
    session.says({ id: 3, method: 'tools/list' })
    expect(code(await session.answer(3))).toBe('SERVER_NOT_MCP')
    expect(other.asked).toHaveLength(0)
  })
})

describe('StreamableWire with a server that fails', () => {
  test('says that nothing listens there, and what to do, and that the call has not run', async () => {
    verifies('promise.http.down')
    const server = await LoopbackServer.start(() => {})
    const { url } = server
    await server.stop()
    const session = open(url)
    session.says({ id: 1, method: 'initialize', params: {} })
    expect(await session.gone).toMatchObject({ code: 'SERVER_UNREACHABLE', startError: expect.stringContaining('start the server') })
    expect(session.taken).toEqual([])
  })

  test.each([
    ['SERVER_NOT_MCP', vices.answersHtml, /path/],
    ['SERVER_UNAUTHORIZED', vices.wantsCredentials, /--header/],
  ])('names %s at its start', async (expected, vice, words) => {
    verifies('promise.http.down')
    const session = open(await serve(vice))
    session.says({ id: 1, method: 'initialize', params: {} })
    expect(await session.gone).toMatchObject({ code: expected, startError: expect.stringMatching(words) })
  })

  test.each([
    ['SERVER_STREAM_LOST', 'unknown', vices.closesMidStream],
    ['SERVER_STREAM_LOST', 'unknown', vices.breaksOffBeforeTheHead],
    ['SERVER_STREAM_LOST', 'unknown', vices.endsWithoutAnswer],
    ['SERVER_STREAM_LOST', 'unknown', vices.endsStreamWithoutAnswer],
    ['SERVER_HTTP_ERROR', 'unknown', vices.answersHtmlInSession],
    ['SERVER_UNAUTHORIZED', 'no', vices.refusesCallsWithoutCredentials],
  ])('answers %s, executed %s, in its place', async (expected, ran, vice) => {
    verifies('promise.http.hostile')
    const server = await serve(vice)
    const session = open(server)
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
    const answer = await session.answer(2)
    expect([code(answer), executed(answer)]).toEqual([expected, ran])
    expect(server.asked.filter(names('tools/call'))).toHaveLength(1)
  })

  test.each([
    ['404', vices.losesSessions],
    ['400', vices.losesSessionsWith400],
  ])('ends when the server answers %s for its session, and says that this call has not run', async (_status, vice) => {
    verifies('promise.http.session-lost')
    const session = open(await serve(vice))
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
    const end = await session.gone
    expect(end.untaken).toEqual(['2'])
    expect(end).not.toHaveProperty('code')
    expect(session.heard).toHaveLength(1)
  })

  test('lets what runs be answered when another call finds the session gone', async () => {
    const server = await serve(withSession((asked) => (isGet(asked) ? asked.response.writeHead(405).end() : undefined)))
    const session = open(server)
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 'slow' } })
    const slow = await server.next(names('tools/call'))
    server.behaviour = vices.losesSessions
    session.says({ id: 3, method: 'tools/call', params: { name: 'x' } })
    await server.next(({ message }) => message.id === 3)
    answerJson(slow, { late: true })
    expect(await session.answer(2)).toMatchObject({ result: { late: true } })
    expect((await session.gone).untaken).toEqual(['3'])
  })

  test('takes the answer of a server that sends nothing before it', async () => {
    const session = open(await serve(vices.buffers))
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
    await session.answer(2)
    expect(session.heard.map(({ method }) => method)).toEqual([undefined, 'notifications/message', undefined])
  })

  test('can be stopped while a server never answers', async () => {
    verifies('promise.http.hostile')
    const server = await serve(vices.neverAnswers)
    const session = new RemoteSession(server.url)
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 'x' } })
    const call = await server.next(names('tools/call'))
    const closed = new Promise((resolve) => call.response.on('close', resolve))
    await session.child.stop()
    await closed
    expect(session.taken).toEqual([true, true, true])
  })
})

describe('StreamableWire in revision 2026-07-28', () => {
  const TOOLS = [
    { name: 'pay', inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } },
    { name: 'look', inputSchema: { type: 'object' } },
  ]
  /** Lists tools, and answers anything else with the headers that it got. */
  const mirrors: vices.Behaviour = (asked) =>
    names('tools/list')(asked) ? answerJson(asked, { tools: TOOLS }) : answerJson(asked, { headers: asked.request.headers })

  test('mirrors what the body says, and of arguments what the tool wants', async () => {
    verifies('promise.http.modern-headers')
    const server = await serve(mirrors)
    const session = open(server)
    session.says(modern(1, 'server/discover'))
    session.says(modern(2, 'resources/read', { uri: 'file:///grüße' }))
    session.says(modern(3, 'tools/call', { name: 'pay', arguments: { region: 'us-west', other: 1 } }))
    session.says(modern(4, 'tools/call', { name: 'look', arguments: { region: 'us-west' } }))
    const headers = async (id: number): Promise<Message> => ((await session.answer(id))['result'] as { headers: Message }).headers
    expect(await headers(1)).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' })
    expect(await headers(2)).toMatchObject({
      'mcp-method': 'resources/read',
      'mcp-name': `=?base64?${Buffer.from('file:///grüße').toString('base64')}?=`,
    })
    expect(await headers(3)).toMatchObject({ 'mcp-method': 'tools/call', 'mcp-name': 'pay', 'mcp-param-region': 'us-west' })
    expect(await headers(4)).not.toHaveProperty('mcp-param-region')
    expect(server.asked.filter(names('tools/list'))).toHaveLength(1)
    expect(server.asked.some(isGet)).toBe(false)
  })

  test('lists the tools anew and calls again, once, where a server refuses the headers of a call', async () => {
    verifies('promise.http.modern-headers')
    const mismatch: vices.Behaviour = (asked) => {
      if (names('tools/list')(asked)) return answerJson(asked, { tools: TOOLS })
      asked.response.writeHead(400, { 'content-type': 'application/json' })
      asked.response.end(JSON.stringify({ jsonrpc: '2.0', id: asked.message.id, error: { code: -32020, message: 'HeaderMismatch' } }))
    }
    const server = await serve(mismatch)
    const session = open(server)
    session.says(modern(1, 'tools/call', { name: 'pay', arguments: {} }))
    expect(await session.answer(1)).toMatchObject({ error: { code: -32020 } })
    expect(server.asked.map(({ message }) => message.method)).toEqual(['tools/list', 'tools/call', 'tools/list', 'tools/call'])
  })

  test('takes a call back by closing its stream', async () => {
    const server = await serve(openEvents)
    const session = open(server)
    session.says(modern(1, 'subscriptions/listen'))
    const listen = await server.next(names('subscriptions/listen'))
    const closed = new Promise((resolve) => listen.response.on('close', resolve))
    session.says({ method: 'notifications/cancelled', params: { requestId: 1 } })
    await closed
    expect(server.asked).toHaveLength(1)
    expect(session.taken).toEqual([true, true])
  })

  test('says that a listen is over when its stream is', async () => {
    const server = await serve((asked) => (names('server/discover')(asked) ? answerJson(asked, {}) : openEvents(asked)))
    const session = open(server)
    session.says(modern(0, 'server/discover'))
    await session.answer(0)
    session.says(modern('listen:0', 'subscriptions/listen'))
    const listen = await server.next(names('subscriptions/listen'))
    listen.response.end()
    expect(await session.hears(({ method }) => method === 'notifications/cancelled')).toMatchObject({ params: { requestId: 'listen:0' } })
  })
})

test.each([
  ['a revision', { id: 1, method: 'initialize', params: { _meta: { 'io.modelcontextprotocol/protocolVersion': 'a\nb' } } }],
  ['a method with a line end', modern(1, 'tools/x\ny')],
  ['a method of other letters', modern(1, 'tools/中')],
])('%s that no header can hold is a client’s to send, and ends nothing here', async (_, message) => {
  const server = await serve((asked) => answerJson(asked, { ok: true }))
  const session = open(server)
  session.says(message)
  expect(await session.answer(1)).toMatchObject({ result: { ok: true } })
})

describe('StreamableWire where its server signs clients in (--pass-auth)', () => {
  const CHALLENGE = 'Bearer realm="home", resource_metadata="http://127.0.0.1/x", scope="files:read", error="invalid_token"'
  const told = ({ request }: Asked): string | undefined => request.headers.authorization

  /** Takes this credential alone. */
  function signsIn(credential: string, more: vices.Behaviour): vices.Behaviour {
    return (asked) => {
      if (told(asked) === credential) more(asked)
      else asked.response.writeHead(401, { 'www-authenticate': CHALLENGE }).end('{"error":"no"}')
    }
  }

  test('a session that cannot begin is refused with what its client needs, without addresses of this machine, and is over', async () => {
    verifies('promise.http.pass-auth')
    const server = await serve(signsIn('Bearer a', () => {}))
    const session = open(server, { passAuth: true })
    session.says({ id: 1, method: 'initialize', params: {} })
    const refusal = { code: 'SERVER_SIGN_IN', executed: 'no', challenge: 'Bearer scope="files:read", error="invalid_token"' }
    expect(await session.refusal('1')).toEqual(refusal)
    expect(await session.gone).toMatchObject({ code: 'SERVER_SIGN_IN', challenge: refusal.challenge, untaken: ['1'] })
    expect(session.heard).toEqual([])
  })

  test('the newest credential goes with all that is asked; a refused call ends nothing, and the listening stream is opened anew', async () => {
    verifies('promise.http.pass-auth')
    let credential = 'Bearer a'
    const behaviour = withSession((asked) => (isGet(asked) ? openEvents(asked) : answerJson(asked, { ok: true })))
    const server = await serve((asked) => signsIn(credential, behaviour)(asked))
    const session = open(server, { passAuth: true })
    session.child.authorize?.('Bearer a')
    await session.begins()
    await server.next(isGet)
    credential = 'Bearer b'
    session.says({ id: 2, method: 'tools/list' })
    expect((await session.refusal('2')).code).toBe('SERVER_SIGN_IN')
    session.child.authorize?.('Bearer b')
    session.says({ id: 3, method: 'tools/list' })
    expect(await session.answer(3)).toMatchObject({ result: { ok: true } })
    expect(server.asked.map(told)).toEqual(expect.arrayContaining(['Bearer a', 'Bearer b']))
    expect(server.asked.at(-1)?.request.headers['mcp-session-id']).toBe('S1')
  })

  test('a listening stream that was refused is opened with the next credential', async () => {
    verifies('promise.http.pass-auth')
    const behaviour = withSession((asked) => answerJson(asked, {}))
    const server = await serve((asked) => {
      if (!isGet(asked)) return behaviour(asked)
      if (told(asked) === 'Bearer b') openEvents(asked)
      else asked.response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
    })
    const session = open(server, { passAuth: true })
    session.child.authorize?.('Bearer a')
    await session.begins()
    await server.next((asked) => isGet(asked) && told(asked) === 'Bearer a')
    session.says({ id: 2, method: 'tools/list' })
    await session.answer(2)
    session.child.authorize?.('Bearer b')
    await server.next((asked) => isGet(asked) && told(asked) === 'Bearer b')
  })

  test('a listening stream that is refused when it is opened again goes on behind its last event', async () => {
    verifies('promise.http.pass-auth')
    const behaviour = withSession((asked) => answerJson(asked, {}))
    const server = await serve((asked) => {
      if (!isGet(asked)) return behaviour(asked)
      if (told(asked) === 'Bearer b') return openEvents(asked)
      if (asked.request.headers['last-event-id'] !== undefined) return void asked.response.writeHead(401).end()
      openEvents(asked)
      asked.response.end('id: e1\nretry: 1\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n')
    })
    const session = open(server, { passAuth: true })
    session.child.authorize?.('Bearer a')
    await session.begins()
    await server.next((asked) => isGet(asked) && asked.request.headers['last-event-id'] === 'e1')
    session.says({ id: 2, method: 'tools/list' })
    await session.answer(2)
    session.child.authorize?.('Bearer b')
    const { request } = await server.next((asked) => isGet(asked) && told(asked) === 'Bearer b')
    expect(request.headers['last-event-id']).toBe('e1')
  })

  test('a server that refuses notifications/initialized is told it again with the next credential, before all else', async () => {
    verifies('promise.http.pass-auth')
    const behaviour = withSession((asked) => (isGet(asked) ? openEvents(asked) : answerJson(asked, {})))
    const server = await serve((asked) =>
      asked.message.method === 'initialize' ? behaviour(asked) : signsIn('Bearer b', behaviour)(asked),
    )
    const session = open(server, { passAuth: true })
    await session.begins()
    session.says({ id: 2, method: 'tools/list' })
    expect((await session.refusal('2')).code).toBe('SERVER_SIGN_IN')
    session.child.authorize?.('Bearer b')
    for (const id of [3, 4]) session.says({ id, method: 'tools/list' })
    await Promise.all([session.answer(3), session.answer(4)])
    const taken = server.asked.filter((asked) => told(asked) === 'Bearer b' && !isGet(asked)).map(({ message }) => message.method)
    expect(taken).toEqual(['notifications/initialized', 'tools/list', 'tools/list'])
    await server.next((asked) => isGet(asked) && told(asked) === 'Bearer b')
  })

  test('what waits goes with what was shown for it, not with what was shown since', async () => {
    verifies('promise.http.pass-auth')
    const waiting = Promise.withResolvers<Asked>()
    const behaviour = withSession((asked) => answerJson(asked, {}))
    const server = await serve((asked) => {
      if (asked.message.method === 'notifications/initialized') waiting.resolve(asked)
      else behaviour(asked)
    })
    const session = open(server, { passAuth: true })
    session.child.authorize?.('Bearer a')
    await session.begins()
    const { response } = await waiting.promise
    for (const [id, authorization] of [
      [2, 'Bearer nobody'],
      [3, 'Bearer a'],
    ] as const) {
      session.child.authorize?.(authorization)
      session.child.write(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}\n`), () => {}, authorization)
    }
    response.writeHead(202).end()
    await Promise.all([session.answer(2), session.answer(3)])
    const shownFor = (id: number): string | undefined => {
      const asked = server.asked.find(({ message }) => message.id === id)
      return asked && told(asked)
    }
    expect([shownFor(2), shownFor(3)]).toEqual(['Bearer nobody', 'Bearer a'])
  })

  test('403 reaches the client as such, with the scope that is wanted', async () => {
    verifies('promise.http.pass-auth')
    const server = await serve(
      withSession((asked) =>
        asked.response.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="files:write"' }).end(),
      ),
    )
    const session = open(server, { passAuth: true })
    await session.begins()
    session.says({ id: 2, method: 'tools/call', params: { name: 't' } })
    expect(await session.refusal('2')).toEqual({
      code: 'SERVER_FORBIDDEN',
      executed: 'no',
      challenge: 'Bearer scope="files:write", error="insufficient_scope"',
    })
  })

  test("without --pass-auth nothing of it goes to the server, and a refusal is the owner's to mend", async () => {
    verifies('promise.http.pass-auth')
    const server = await serve(signsIn('Bearer a', () => {}))
    const session = open(server)
    session.child.authorize?.('Bearer a')
    session.says({ id: 1, method: 'initialize', params: {} })
    expect(await session.gone).toMatchObject({ code: 'SERVER_UNAUTHORIZED' })
    expect(server.asked.map(told)).toEqual([undefined])
    expect(session.refused).toEqual([])
  })

  test('tools are listed for each credential by itself', async () => {
    verifies('promise.http.pass-auth')
    const tool = (by: string): Message => ({
      name: 't',
      inputSchema: { type: 'object', properties: { a: { type: 'string', 'x-mcp-header': by } } },
    })
    const server = await serve((asked) =>
      answerJson(asked, asked.message.method === 'tools/list' ? { tools: [tool(told(asked) === 'Bearer a' ? 'One' : 'Two')] } : {}),
    )
    const shared = new HttpServer(readHttpTarget({ url: server.url, sse: false, header: [], headerFile: undefined, passAuth: true }))
    for (const [credential, field] of [
      ['Bearer a', 'mcp-param-one'],
      ['Bearer b', 'mcp-param-two'],
    ] as const) {
      const session = stack.use(new RemoteSession(shared))
      session.child.authorize?.(credential)
      session.says(modern(1, 'tools/call', { name: 't', arguments: { a: 'x' } }))
      await session.answer(1)
      expect(server.asked.at(-1)?.request.headers).toHaveProperty(field)
    }
  })
})
