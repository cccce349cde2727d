import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { afterEach, describe, expect, test } from 'vitest'
import { connectOnce, type LinkEnd, type LinkOptions } from '../../../../agent/link/link.ts'
import { proxyFor } from '../../../../agent/link/proxy.ts'
import { LINK_SUBPROTOCOL } from '../../../../protocol/handshake.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { linkOptions, NO_HANDLERS } from '../link-options.ts'

const pem = (name: string): string => readFileSync(new URL(`../../../fixtures/tls/${name}.pem`, import.meta.url), 'utf8')
const TRUST = { ca: [pem('ca')] }
const IDENTITY = { cert: pem('client'), key: pem('client-key') }

const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listening(server: Server): Promise<number> {
  open.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

function endAtHello(socket: WebSocket): void {
  socket.once('message', () => socket.close(4005, 'here'))
}

/** A relay behind TLS that wants to see a certificate. */
async function secureRelay(): Promise<URL> {
  const server = createSecureServer({
    cert: pem('server'),
    key: pem('server-key'),
    ca: pem('ca'),
    requestCert: true,
    rejectUnauthorized: true,
  })
  new WebSocketServer({ server, handleProtocols: () => LINK_SUBPROTOCOL }).on('connection', endAtHello)
  return new URL(`wss://localhost:${await listening(server)}/agent/s`)
}

async function plainRelay(): Promise<URL> {
  const server = createServer()
  new WebSocketServer({ server, handleProtocols: () => LINK_SUBPROTOCOL }).on('connection', endAtHello)
  return new URL(`ws://localhost:${await listening(server)}/agent/s`)
}

/** An HTTP proxy that lets through whoever shows these credentials, and notes where they wanted to go. */
async function startProxy(credentials?: string): Promise<{ readonly port: number; readonly asked: string[] }> {
  const asked: string[] = []
  const server = createServer()
  server.on('connect', (request, near, head) => {
    asked.push(request.url ?? '')
    const shown = request.headers['proxy-authorization']
    if (credentials !== undefined && shown !== `Basic ${Buffer.from(credentials).toString('base64')}`)
      return near.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const far = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      near.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      far.write(head)
      near.pipe(far).pipe(near)
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => other.destroy())
    return undefined
  })
  return { port: await listening(server), asked }
}

function dial(url: URL, options: Pick<LinkOptions, 'proxy' | 'tls'>): Promise<LinkEnd> {
  return connectOnce(linkOptions(url, options), NO_HANDLERS)
}

const HERE = { kind: 'closed', code: 4005, reason: 'here' }

describe('proxyFor()', () => {
  const relay = new URL('wss://relay.example.com/agent/s')

  test.each([
    [{ HTTPS_PROXY: 'http://proxy:3128' }, 'http://proxy:3128/'],
    [{ https_proxy: 'proxy:3128' }, 'http://proxy:3128/'],
    [{ HTTP_PROXY: 'http://proxy:3128' }, undefined],
    [{ HTTPS_PROXY: '' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy', NO_PROXY: '*' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy', NO_PROXY: 'a.example, example.com' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy', no_proxy: '.example.com' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy', NO_PROXY: 'RELAY.example.com:443' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy', NO_PROXY: 'relay.example.com:8443,ample.com,other.example.com' }, 'http://proxy/'],
  ])('of %j is %s', (variables, proxy) => {
    expect(proxyFor(relay, variables)?.href).toBe(proxy)
  })

  test('takes HTTP_PROXY for ws, and none for this machine', () => {
    const variables = { HTTP_PROXY: 'http://proxy', HTTPS_PROXY: 'http://other' }
    expect(proxyFor(new URL('ws://relay.example.com'), variables)?.host).toBe('proxy')
    for (const url of ['wss://localhost:1', 'ws://127.0.0.1:1', 'wss://[::1]:1']) expect(proxyFor(new URL(url), variables)).toBeUndefined()
  })

  test('refuses what is no HTTP proxy, without saying what it was', () => {
    for (const text of ['socks5://user:hunter2@proxy', 'http://'])
      expect(() => proxyFor(relay, { HTTPS_PROXY: text })).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
      )
  })
})

describe('connectOnce()', () => {
  test('goes through a proxy, with the credentials of its URL', async () => {
    verifies('link.proxy')
    const proxy = await startProxy('me:p@ss')
    const url = await plainRelay()
    const through = (user: string): URL => new URL(`http://${user}@127.0.0.1:${proxy.port}`)
    expect(await dial(url, { proxy: through('me:p%40ss') })).toMatchObject(HERE)
    expect(proxy.asked).toEqual([`localhost:${url.port}`])
    expect(await dial(url, { proxy: through('me:wrong') })).toMatchObject({
      kind: 'unreachable',
      reason: expect.stringContaining('answers 407'),
    })
  })

  test.each([
    ['50%', '50%'],
    // The URL itself writes the quote in percent signs.
    ['50%"x', '50%"x'],
    ['%zz%40', '%zz@'],
    ['%ff', '%ff'],
  ])('takes a password with a lone percent sign as it stands: %s', async (written, password) => {
    const proxy = await startProxy(`me:${password}`)
    const url = await plainRelay()
    expect(await dial(url, { proxy: new URL(`http://me:${written}@127.0.0.1:${proxy.port}`) })).toMatchObject(HERE)
  })

  test('goes through a proxy to a relay behind TLS, whose certificate is looked at end to end', async () => {
    verifies('link.proxy', 'link.tls')
    const { port, asked } = await startProxy()
    const url = await secureRelay()
    const proxy = new URL(`http://127.0.0.1:${port}`)
    expect(await dial(url, { proxy, tls: { ...TRUST, ...IDENTITY } })).toMatchObject(HERE)
    expect(await dial(url, { proxy, tls: IDENTITY })).toMatchObject({ kind: 'unreachable' })
    expect(asked).toEqual([`localhost:${url.port}`, `localhost:${url.port}`])
  })

  test('says so when the proxy is not there', async () => {
    verifies('link.proxy')
    const { port } = await startProxy()
    open.forEach((server) => server.close())
    const end = await dial(new URL('wss://relay.example.com/agent/s'), { proxy: new URL(`http://127.0.0.1:${port}`) })
    expect(end).toMatchObject({ kind: 'unreachable', reason: expect.stringContaining(`the proxy 127.0.0.1:${port} cannot be used`) })
  })

  test('trusts who signs by --ca, and shows the certificate of --cert', async () => {
    verifies('link.tls')
    const url = await secureRelay()
    expect(await dial(url, { tls: { ...TRUST, ...IDENTITY } })).toMatchObject(HERE)
    const untrusted = { kind: 'unreachable', reason: expect.stringMatching(/certificate.*: name a file .* with --ca$/) }
    expect(await dial(url, { tls: IDENTITY })).toMatchObject(untrusted)
    expect(await dial(url, { tls: TRUST })).not.toMatchObject(HERE)
    expect(await dial(url, {})).toMatchObject({ kind: 'unreachable' })
  })
})
