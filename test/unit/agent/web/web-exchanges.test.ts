/** The agent's side of web exchanges against real apps on this machine: what reaches the app, what comes back, and what never does. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import type { LogFields } from '../../../../agent/log.ts'
import { WebApp } from '../../../../agent/server/web-app.ts'
import { WebExchanges } from '../../../../agent/web/web-exchanges.ts'
import type { AgentFrame } from '../../../../protocol/frame.ts'
import type { WebOpen } from '../../../../protocol/web/web-frames.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { SILENT_LOG } from '../silent-log.ts'
import { WEB_FIRST_BYTES } from '../../../../protocol/web/web-limits.ts'

const X = '0123456789abcdef'.repeat(2)
const PUBLIC = 'https://s-app.example'

/** The relay's end of a link: what was sent to it, with as much credit as a test gives. */
class Wire {
  readonly frames: { readonly frame: AgentFrame; readonly body: Uint8Array }[] = []
  hasRoomForWeb = true
  #wake: (() => void) | undefined

  send(frame: AgentFrame, body: Uint8Array = new Uint8Array(0)): void {
    this.frames.push({ frame, body: Uint8Array.from(body) })
    this.#wake?.()
  }

  sendWeb(frame: AgentFrame, body?: Uint8Array): void {
    this.send(frame, body)
  }

  /** Resolves with the first frame of this type. */
  async of<T extends AgentFrame['type']>(type: T, x = X): Promise<Extract<AgentFrame, { type: T }>> {
    for (;;) {
      const found = this.frames.find(({ frame }) => frame.type === type && 'x' in frame && frame.x === x)
      if (found !== undefined) return found.frame as Extract<AgentFrame, { type: T }>
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }

  bytes(): number {
    return this.frames.reduce((sum, { body }) => sum + body.length, 0)
  }

  text(): string {
    return Buffer.concat(this.frames.map(({ body }) => body)).toString()
  }
}

const lines: (readonly [string, LogFields | undefined])[] = []
const LOG = { ...SILENT_LOG, info: (event: string, fields?: LogFields) => void lines.push([event, fields]) }

let server: Server
let sockets: WebSocketServer
let app: URL
let wire: Wire
let web: WebExchanges
let handle: (request: IncomingMessage, response: import('node:http').ServerResponse) => void

beforeEach(async () => {
  lines.length = 0
  server = createServer((request, response) => handle(request, response))
  sockets = new WebSocketServer({ server, handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  app = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  start()
})

afterEach(async () => {
  web.stop()
  for (const client of sockets.clients) client.terminate()
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

function start(settings: { keepsHost?: boolean; headers?: readonly (readonly [string, string])[] } = {}): void {
  wire = new Wire()
  web = new WebExchanges(new WebApp({ origin: app, keepsHost: false, headers: [], ...settings }), LOG, () => 0)
  web.attach(wire)
}

function open(members: Partial<WebOpen> = {}): void {
  web.receive({ type: 'web_open', x: X, method: 'GET', target: '/', headers: [], origin: PUBLIC, ...members }, new Uint8Array(0))
}

describe('a request', () => {
  test('reaches the app as it was sent, with the app’s own host and origin, and without what belongs to a hop', async () => {
    verifies('promise.14.as-sent', 'promise.14.one-origin')
    const seen = Promise.withResolvers<IncomingMessage>()
    handle = (request, response) => {
      seen.resolve(request)
      response.end()
    }
    open({
      method: 'PROPFIND',
      target: '//a%2Fb?q=%20',
      headers: [
        ['Host', 'evil.example'],
        ['Connection', 'x-secret'],
        ['X-Secret', '1'],
        ['Expect', '100-continue'],
        ['Origin', PUBLIC],
        ['Referer', `${PUBLIC}/page`],
        ['Cookie', 'a=1'],
        ['Cookie', 'b=2'],
        ['X-Forwarded-For', '192.0.2.1'],
      ],
    })
    const { method, url, headers } = await seen.promise
    expect([method, url]).toEqual(['PROPFIND', '//a%2Fb?q=%20'])
    expect(headers).toMatchObject({
      host: app.host,
      origin: app.origin,
      referer: `${app.origin}/page`,
      cookie: 'a=1; b=2',
      'x-forwarded-for': '192.0.2.1',
    })
    expect(Object.keys(headers).filter((name) => /^(x-secret|expect|transfer-encoding)$/.test(name))).toEqual([])
  })

  test('keeps the public host where that is wanted, and gets the owner’s fields in place of its own', async () => {
    start({ keepsHost: true, headers: [['authorization', 'Basic own']] })
    const seen = Promise.withResolvers<IncomingMessage>()
    handle = (request, response) => {
      seen.resolve(request)
      response.end()
    }
    open({
      headers: [
        ['Authorization', 'Bearer theirs'],
        ['Origin', PUBLIC],
      ],
    })
    expect((await seen.promise).headers).toMatchObject({ host: 's-app.example', origin: PUBLIC, authorization: 'Basic own' })
  })

  test('that is no path is refused before anything is dialled', () => {
    verifies('promise.14.one-origin')
    const stranger = new WebApp({ origin: app, keepsHost: false, headers: [] })
    for (const target of ['http://evil.example/', '@evil.example/', 'evil', '*', '/a b', '/\r\nHost: evil.example'])
      for (const act of [() => stranger.request(openOf(target)), () => stranger.socket(openOf(target))]) expect(act, target).toThrow('path')
  })

  test('other than GET and HEAD is not made with --read-only', () => {
    const read = new WebApp({ origin: app, keepsHost: false, headers: [] }, true)
    for (const method of ['POST', 'DELETE', 'OPTIONS', 'get']) expect(() => read.request({ ...openOf('/'), method })).toThrow('read')
    expect(() => read.socket(openOf('/'))).toThrow('read')
    // By which the relay says to its client what may be done.
    expect(() => read.socket(openOf('/'))).toThrow(expect.objectContaining({ code: 'READ_ONLY' }))
    expect(() => read.request({ ...openOf('/'), method: 'GET', headers: [['X-HTTP-Method-Override', 'DELETE']] })).toThrow('read')
    handle = (_, response) => response.end()
    for (const method of ['GET', 'HEAD'])
      read
        .request({ ...openOf('/'), method })
        .on('error', () => {})
        .destroy()
  })

  test('is followed to no redirect; one to the app itself becomes a path', async () => {
    verifies('promise.14.one-origin')
    handle = (_, response) =>
      response.writeHead(302, { location: `${app.origin}/next?a#b`, 'content-location': 'http://evil.example/x' }).end()
    open()
    expect(await wire.of('web_head')).toMatchObject({
      status: 302,
      headers: expect.arrayContaining([
        ['location', '/next?a#b'],
        ['content-location', 'http://evil.example/x'],
      ]) as unknown,
    })
    await wire.of('web_end')
  })

  test('whose body has no length is sent in chunks, and with one as that', async () => {
    const bodies: string[] = []
    handle = (request, response) => {
      bodies.push(`${request.headers['transfer-encoding']} ${request.headers['content-length']}`)
      request.setEncoding('utf8').on('data', (text: string) => bodies.push(text))
      request.on('end', () => response.end())
    }
    open({ method: 'POST', hasBody: true })
    web.receive({ type: 'web_data', x: X, at: 3 }, Buffer.from('abc'))
    web.receive({ type: 'web_end', x: X }, new Uint8Array(0))
    await wire.of('web_end')
    const y = X.replace('0', 'f')
    open({ x: y, method: 'DELETE', hasBody: true, headers: [['content-length', '2']] })
    web.receive({ type: 'web_data', x: y, at: 2 }, Buffer.from('de'))
    web.receive({ type: 'web_end', x: y }, new Uint8Array(0))
    await wire.of('web_end', y)
    expect(bodies).toEqual(['chunked undefined', 'abc', 'undefined 2', 'de'])
  })

  test('to an app that is not there fails as such, without a word of where it would be', async () => {
    verifies('promise.14.failures')
    web = new WebExchanges(new WebApp({ origin: new URL('http://127.0.0.1:1'), keepsHost: false, headers: [] }), SILENT_LOG, () => 0)
    web.attach(wire)
    open()
    expect(await wire.of('web_failed')).toEqual({ type: 'web_failed', x: X, code: 'APP_UNREACHABLE', detail: 'ECONNREFUSED.' })
  })

  test('whose answer the link cannot carry fails alone', async () => {
    verifies('promise.14.failures')
    handle = (_, response) => {
      // Six characters of JSON each.
      response.setHeader('x-a', '\u00ff'.repeat(60_000))
      response.end('x')
    }
    open()
    expect(await wire.of('web_failed')).toMatchObject({ code: 'APP_BROKEN' })
    expect(wire.frames.map(({ frame }) => frame.type)).toEqual(['web_failed'])
  })

  test('whose answer breaks off ends in a failure behind what had come', async () => {
    handle = (_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('part', () => response.destroy())
    }
    open()
    expect(await wire.of('web_failed')).toMatchObject({ code: 'APP_BROKEN' })
    expect(wire.frames.map(({ frame }) => frame.type)).toEqual(['web_head', 'web_data', 'web_failed'])
  })
})

function openOf(target: string): WebOpen {
  return { type: 'web_open', x: X, method: 'GET', target, headers: [], origin: PUBLIC }
}

describe('credit', () => {
  test('bounds what goes out, and what waits then stays in the app', async () => {
    verifies('promise.14.flow')
    const big = Buffer.alloc(8 * 1024 * 1024, 'x')
    let sent: boolean | undefined
    handle = (_, response) => {
      sent = response.write(big)
      response.end()
    }
    open()
    await wire.of('web_data')
    expect(wire.bytes()).toBe(WEB_FIRST_BYTES)
    expect(sent).toBe(false)
    for (let upto = WEB_FIRST_BYTES; upto < big.length;) {
      upto += 1_000_000
      web.receive({ type: 'web_credit', x: X, upto }, new Uint8Array(0))
      while (wire.bytes() < Math.min(upto, big.length)) await new Promise((resolve) => setImmediate(resolve))
      expect(wire.bytes()).toBeLessThanOrEqual(upto)
    }
    await wire.of('web_end')
    expect(wire.bytes()).toBe(big.length)
  })

  test('is given as the app takes a body, and not before; what comes beyond it ends the request', async () => {
    let reading: IncomingMessage | undefined
    const came = Promise.withResolvers<void>()
    handle = (request) => {
      reading = request
      came.resolve()
    }
    open({ method: 'PUT', hasBody: true })
    web.receive({ type: 'web_data', x: X, at: 10_000 }, new Uint8Array(10_000))
    await came.promise
    const { upto } = await wire.of('web_credit')
    expect(upto).toBeGreaterThan(WEB_FIRST_BYTES)
    reading?.resume()
    web.receive({ type: 'web_data', x: X, at: upto + 10_001 }, new Uint8Array(upto))
    expect(await wire.of('web_failed')).toMatchObject({ code: 'APP_REQUEST_REFUSED' })
  })

  test('of one that is not taken holds up no other, and none is sent while the link is full', async () => {
    verifies('promise.14.flow')
    handle = (request, response) => response.end(request.url === '/big' ? Buffer.alloc(1_000_000, 'b') : 'small')
    open({ target: '/big' })
    await wire.of('web_data')
    const y = X.replace('0', 'e')
    wire.hasRoomForWeb = false
    open({ x: y, target: '/small' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(wire.frames.some(({ frame }) => 'x' in frame && frame.x === y)).toBe(false)
    wire.hasRoomForWeb = true
    web.flush()
    await wire.of('web_end', y)
    expect(wire.text().endsWith('small')).toBe(true)
  })
})

test('an exchange that nobody waits for any more is cut at the app', async () => {
  const closed = Promise.withResolvers<void>()
  handle = (request, response) => {
    response.write('data: 1\n\n')
    request.on('close', closed.resolve)
  }
  open()
  await wire.of('web_data')
  web.receive({ type: 'web_gone', x: X }, new Uint8Array(0))
  await closed.promise
  expect(web.size).toBe(0)
})

test('a link that breaks cuts what it carried', async () => {
  const closed = Promise.withResolvers<void>()
  handle = (request, response) => {
    response.write('x')
    request.on('close', closed.resolve)
  }
  open()
  await wire.of('web_data')
  web.detach()
  await closed.promise
})

describe('a WebSocket', () => {
  test('carries messages whole and in their type, the subprotocol, and its close', async () => {
    verifies('promise.14.websocket')
    sockets.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }))
      socket.on('close', (code, reason) => closes.push([code, reason.toString()]))
    })
    const closes: [number, string][] = []
    open({ upgrade: true, protocols: ['news', 'chat'] })
    expect(await wire.of('web_head')).toMatchObject({ status: 101, protocol: 'chat' })
    web.receive({ type: 'web_message', x: X, at: 2, kind: 'text', more: true }, Buffer.from('ab'))
    web.receive({ type: 'web_message', x: X, at: 3, kind: 'text' }, Buffer.from('c'))
    web.receive({ type: 'web_message', x: X, at: 3, kind: 'binary' }, new Uint8Array(0))
    while (wire.frames.filter(({ frame }) => frame.type === 'web_message').length < 2) await new Promise((resolve) => setImmediate(resolve))
    const back = wire.frames.flatMap(({ frame, body }) =>
      frame.type === 'web_message' ? [[frame.kind, Buffer.from(body).toString()]] : [],
    )
    expect(back).toEqual([
      ['text', 'abc'],
      ['binary', ''],
    ])
    web.receive({ type: 'web_close', x: X, code: 4001, reason: 'enough' }, new Uint8Array(0))
    expect(await wire.of('web_close')).toMatchObject({ code: 4001, reason: 'enough' })
    expect(closes).toEqual([[4001, 'enough']])
  })

  test('of an app that chooses no subprotocol is one, as for browsers', async () => {
    open({ upgrade: true, protocols: ['news'] })
    const head = await wire.of('web_head')
    expect(head.status).toBe(101)
    expect(head.protocol).toBeUndefined()
  })

  test('that the app refuses is answered with what it says', async () => {
    sockets.close()
    server.removeAllListeners('upgrade')
    server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-A: b\r\n\r\nno'))
    open({ upgrade: true })
    expect(await wire.of('web_head')).toMatchObject({ status: 403, headers: expect.arrayContaining([['X-A', 'b']]) as unknown })
    await wire.of('web_end')
    expect(wire.text()).toBe('no')
  })
})

test('an app that leaves an upgrade without any answer lets the relay know nonetheless that the agent is there', async () => {
  server.removeAllListeners('upgrade')
  const asked = once(server, 'upgrade')
  open({ upgrade: true })
  const [, socket] = (await asked) as [IncomingMessage, Socket]
  expect(await wire.of('web_credit')).toMatchObject({ x: X })
  socket.destroy()
})

test('a server action of Next.js keeps the public origin, which its server compares with X-Forwarded-Host', async () => {
  verifies('promise.14.as-sent')
  const seen = Promise.withResolvers<IncomingMessage>()
  handle = (request, response) => {
    seen.resolve(request)
    response.end()
  }
  open({
    method: 'POST',
    headers: [
      ['Origin', PUBLIC],
      ['Next-Action', '40ab'],
      ['X-Forwarded-Host', new URL(PUBLIC).host],
    ],
  })
  expect((await seen.promise).headers).toMatchObject({ host: app.host, origin: PUBLIC, 'x-forwarded-host': new URL(PUBLIC).host })
})

describe('the log', () => {
  test('has a line for each request that has ended, with its path and without its query', async () => {
    handle = (_request, response) => void response.writeHead(404).end('none')
    open({ target: '/a?secret=1', method: 'DELETE' })
    await wire.of('web_end')
    expect(lines).toEqual([['request', { method: 'DELETE', path: '/a', status: 404, ms: 0, outcome: 'ok' }]])
    web.receive({ type: 'web_gone', x: X }, new Uint8Array(0))
    expect(lines).toHaveLength(1)
  })

  test('has one for what its client has left, and for what could not be sent or reached', async () => {
    const come = Promise.withResolvers<void>()
    handle = () => come.resolve()
    open()
    await come.promise
    web.receive({ type: 'web_gone', x: X }, new Uint8Array(0))
    expect(lines).toMatchObject([['request', { path: '/', outcome: 'left' }]])
    web = new WebExchanges(new WebApp({ origin: new URL('http://127.0.0.1:1'), keepsHost: false, headers: [] }), LOG, () => 0)
    web.attach(wire)
    open()
    await wire.of('web_failed')
    expect(lines.at(-1)).toMatchObject(['request', { outcome: 'APP_UNREACHABLE' }])
  })

  test('has one for a WebSocket, when both sides have closed', async () => {
    sockets.on('connection', (socket) => socket.close(4000, 'enough'))
    open({ target: '/ws?token=1', upgrade: true })
    await wire.of('web_close')
    expect(lines).toMatchObject([['request', { path: '/ws', status: 101, outcome: 'ok' }]])
  })
})
