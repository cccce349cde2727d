/** A web app on this machine, shared by `npm start` and opened by its URL: what people and programs do with it, over real sockets. */
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { digestOf, LocalApp, patterned } from '../../harness/local-app.ts'
import { localhostFetch } from '../../harness/sign-in/localhost-fetch.ts'
import { createShare, fixture, type Relay, Selfhost, startAgent, startRelay, StateFolder } from '../../harness/selfhost.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const MIB = 1024 * 1024
const BIG_BYTES = 48 * MIB + 12_345
const stack = new AsyncDisposableStack()

let app: LocalApp
let relay: Relay
let origin: string
let cookie: string

const toLoopback: LookupFunction = (_name, options, answer) => {
  if (options.all === true) answer(null, [{ address: '127.0.0.1', family: 4 }])
  else answer(null, '127.0.0.1', 4)
}

/** Sends a request as a browser's page of the app does, and resolves with the head of the answer. */
async function ask(path: string, { headers, ...options }: RequestOptions = {}, body?: Readable): Promise<IncomingMessage> {
  const own = { cookie, origin, 'sec-fetch-site': 'same-origin' }
  const request = httpRequest(origin + path, {
    lookup: toLoopback,
    agent: false,
    ...options,
    headers: { ...own, ...(headers as Record<string, string>) },
  })
  if (body === undefined) request.end()
  else body.pipe(request)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

async function textOf(response: IncomingMessage): Promise<string> {
  return Buffer.concat(await response.toArray()).toString()
}

function connect(path: string, protocols: string[] = []): WebSocket {
  return new WebSocket(origin.replace('http', 'ws') + path, protocols, {
    headers: { cookie },
    origin,
    lookup: toLoopback,
    maxPayload: 64 * MIB,
  })
}

beforeAll(async () => {
  app = stack.use(await LocalApp.start())
  relay = stack.use(await startRelay())
  const share = await createShare(relay)
  stack.use(await startAgent(share, { command: fixture('echo'), args: ['--http', app.origin] }))
  const made = (await (await relay.api('POST', `shares/${share.id}/tokens`, { kind: 'key', policy: { access: 'admin' } })).json()) as {
    web_url: string
  }
  const entered = await localhostFetch(made.web_url)
  expect(entered.status).toBe(303)
  origin = new URL(made.web_url).origin
  cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? ''
})

afterAll(() => stack.disposeAsync())

test('npm start --http prints a URL that opens the app, alone', async () => {
  verifies('promise.14.start')
  const folder = await StateFolder.create()
  await using own = await Selfhost.start(['--http', app.origin, '--port', '0', '--data', folder.path])
  const { webUrl, share } = own.line
  expect(new URL(webUrl).hostname).toBe(`${share}-app.localhost`)
  const entered = await localhostFetch(webUrl)
  const [shown = ''] = entered.headers.getSetCookie()
  const page = await localhostFetch(entered.headers.get('location') ?? '', { headers: { cookie: shown.split(';')[0] ?? '' } })
  expect([page.status, await page.text()]).toEqual([200, '<p>GET /</p>'])
  await folder[Symbol.asyncDispose]()
})

describe('requests', () => {
  test('reach the app with its own host, and without the relay’s cookie', async () => {
    verifies('promise.14.as-sent', 'promise.14.credential')
    const response = await ask(
      '/x%2Fy?a=%20',
      {
        method: 'PATCH',
        headers: {
          'x-mine': Buffer.from('ä').toString('latin1'),
          cookie: `${cookie}; app=1`,
          te: 'trailers',
          connection: 'x-hop',
          'x-hop': '1',
        },
      },
      Readable.from(['body']),
    )
    expect(await textOf(response)).toBe('<p>PATCH /x%2Fy?a=%20</p>')
    expect(response.headers['set-cookie']).toEqual(['app=1'])
    const { headers } = app.requests.at(-1) ?? {}
    expect(headers).toMatchObject({
      host: new URL(app.origin).host,
      origin: app.origin,
      cookie: 'app=1',
      'x-forwarded-host': new URL(origin).host,
      'x-forwarded-proto': 'http',
    })
    expect(Buffer.from(String(headers?.['x-mine']), 'latin1').toString()).toBe('ä')
    expect(headers?.['x-hop']).toBeUndefined()
  })

  test('have ranges, ETag, length and HEAD', async () => {
    verifies('promise.14.as-sent')
    const whole = await ask('/file')
    expect([await textOf(whole), whole.headers.etag]).toEqual(['0123456789abcdefghij', '"file-1"'])
    const part = await ask('/file', { headers: { range: 'bytes=2-5' } })
    expect([part.statusCode, part.headers['content-range'], part.headers['content-length'], await textOf(part)]).toEqual([
      206,
      'bytes 2-5/20',
      '4',
      '2345',
    ])
    const same = await ask('/file', { headers: { 'if-none-match': '"file-1"' } })
    expect([same.statusCode, await textOf(same)]).toEqual([304, ''])
    const head = await ask('/down?bytes=77', { method: 'HEAD' })
    expect([head.statusCode, head.headers['content-length'], await textOf(head)]).toEqual([200, '77', ''])
  })

  test('have events at once, and wait as long as the app does', async () => {
    verifies('promise.14.flow')
    const events = await ask('/events')
    const first = (await once(events, 'data')) as [Buffer]
    expect(String(first[0])).toBe('data: first\n\n')
    app.polls.at(-1)?.write('data: second\n\n')
    expect(String(((await once(events, 'data')) as [Buffer])[0])).toBe('data: second\n\n')
    app.left = Promise.withResolvers()
    events.destroy()
    // workerd finds out that a client has closed its connection by the next write only.
    const stream = app.polls.at(-1)
    const writing = setInterval(() => stream?.write(': \n\n'), 10)
    await app.left.promise
    clearInterval(writing)
    const waiting = ask('/poll')
    while (app.polls.length < 2) await new Promise((resolve) => setImmediate(resolve))
    app.polls.at(-1)?.end('now')
    expect(await textOf(await waiting)).toBe('now')
  })

  test('carry tens of MiB down and up, byte for byte', async () => {
    verifies('promise.14.as-sent', 'promise.14.flow')
    const expected = digestOf(BIG_BYTES)
    const hash = createHash('sha256')
    const down = await ask(`/down?bytes=${BIG_BYTES}`)
    expect(down.headers['content-length']).toBe(String(BIG_BYTES))
    for await (const part of down) hash.update(part as Buffer)
    expect(hash.digest('hex')).toBe(expected)
    const up = await ask('/up', { method: 'PUT' }, Readable.from(patterned(BIG_BYTES)))
    expect(await textOf(up)).toBe(expected)
  })

  test('a thousand at once are each answered with their own', async () => {
    verifies('promise.14.flow')
    const texts = await Promise.all(Array.from({ length: 1000 }, async (_, at) => textOf(await ask(`/n/${at}`))))
    expect(texts).toEqual(texts.map((_, at) => `<p>GET /n/${at}</p>`))
  })

  test('leave the MCP server beside them alone, and calls go on during a download that stands still', async () => {
    verifies('promise.14.flow')
    const share = await createShare(relay)
    await using _agent = await startAgent(share, { command: fixture('echo'), args: ['--http', app.origin] })
    const url = `${relay.origin}/s/${share.id}/http/down?bytes=${BIG_BYTES}`
    const request = httpRequest(url, { headers: { authorization: `Bearer ${share.clientToken}` }, agent: false })
    request.end()
    const [stalled] = (await once(request, 'response')) as [IncomingMessage]
    const client = await RawClient.connect(share, { protocolVersion: '2025-11-25' })
    expect((await client.post('{"jsonrpc":"2.0","id":1,"method":"ping"}')).status).toBe(200)
    stalled.destroy()
  })
})

describe('a WebSocket', () => {
  test('keeps ten thousand random messages whole and in order, both ways', async () => {
    verifies('promise.14.websocket')
    const socket = connect('/ws', ['one', 'two'])
    await once(socket, 'open')
    expect(socket.protocol).toBe('two')
    const sent = Array.from({ length: 10_000 }, (_, at) => {
      const bytes = randomBytes(at % 500 === 0 ? randomInt(300_000) : randomInt(200))
      return randomInt(2) === 0 ? bytes : bytes.toString('base64')
    })
    let at = 0
    let more = Promise.withResolvers<void>()
    const wrong: number[] = []
    const done = Promise.withResolvers<void>()
    socket.on('message', (data: Buffer, isBinary) => {
      const expected = sent[at]
      const isSame = isBinary ? Buffer.isBuffer(expected) && expected.equals(data) : data.toString() === expected
      if (!isSame) wrong.push(at)
      if (++at === sent.length) done.resolve()
      more.resolve()
    })
    // As a client that knows how much it may have on its way: a Worker cannot stop one that does not.
    for (const [index, message] of sent.entries()) {
      socket.send(message)
      if (index - at < 500) continue
      more = Promise.withResolvers()
      await more.promise
    }
    await done.promise
    expect(wrong).toEqual([])
    socket.close(4321, 'done')
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(4321)
  })

  test('carries a message of several MiB, and the app’s close', async () => {
    verifies('promise.14.websocket')
    const socket = connect('/ws')
    await once(socket, 'open')
    const big = randomBytes(5 * MIB)
    socket.send(big)
    const [back] = (await once(socket, 'message')) as [Buffer]
    expect(back.equals(big)).toBe(true)
    app.sockets.at(-1)?.close(4000, 'enough')
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
    expect([code, reason.toString()]).toEqual([4000, 'enough'])
  })

  test('answers pings on this hop', async () => {
    verifies('promise.14.websocket')
    const socket = connect('/ws')
    await once(socket, 'open')
    socket.ping('x')
    const [data] = (await once(socket, 'pong')) as [Buffer]
    expect(data.toString()).toBe('x')
    socket.close()
    await once(socket, 'close')
  })

  test('of another page is refused', async () => {
    verifies('promise.14.cookie-origin')
    const socket = new WebSocket(origin.replace('http', 'ws'), { headers: { cookie }, origin: 'http://evil.localhost', lookup: toLoopback })
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
    expect(response.statusCode).toBe(403)
    response.destroy()
  })
})

test('revoking a link cuts its downloads and WebSockets within a second', async () => {
  verifies('promise.14.cut')
  const share = await createShare(relay)
  await using _agent = await startAgent(share, { args: ['--http', app.origin] })
  const made = (await (await relay.api('POST', `shares/${share.id}/tokens`, { kind: 'client', policy: { access: 'admin' } })).json()) as {
    id: string
    token: string
  }
  const headers = { authorization: `Bearer ${made.token}` }
  const base = `${relay.origin}/s/${share.id}/http`
  const request = httpRequest(`${base}/down?bytes=${BIG_BYTES}`, { headers, agent: false })
  request.end()
  const [download] = (await once(request, 'response')) as [IncomingMessage]
  const socket = new WebSocket(`${base.replace('http', 'ws')}/ws`, { headers })
  await once(socket, 'open')
  const cut = Promise.all([once(download, 'error'), once(socket, 'close')])
  const sinceMs = performance.now()
  expect((await relay.api('DELETE', `shares/${share.id}/tokens/${made.id}`)).status).toBe(204)
  download.resume()
  await cut
  expect(performance.now() - sinceMs).toBeLessThan(1000)
})
