import { afterEach, beforeEach, expect, test } from 'vitest'
import { readHttpTarget } from '../../../../../agent/config/http-target.ts'
import { HttpServer } from '../../../../../agent/server/http/http-server.ts'
import { askResourceMetadata, metadataTeller, type ResourceMetadata } from '../../../../../agent/server/http/resource-metadata.ts'
import { LineMask } from '../../../../../agent/server/masking/line-mask.ts'
import type { Behaviour } from '../../../../fixtures/http-vices.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { SILENT_LOG } from '../../silent-log.ts'
import { LoopbackServer, RemoteSession } from './loopback-server.ts'

let stack: AsyncDisposableStack
beforeEach(() => void (stack = new AsyncDisposableStack()))
afterEach(() => stack.disposeAsync())

const ISSUER = 'https://as.example'

/** Says these things at these paths, and 404 elsewhere. */
function saying(pages: Readonly<Record<string, object | string>>): Behaviour {
  return ({ request, response }) => {
    const page = pages[request.url ?? '']
    if (page === undefined) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'application/json' }).end(typeof page === 'string' ? page : JSON.stringify(page))
  }
}

async function serverOf(behaviour: Behaviour): Promise<{ readonly loopback: LoopbackServer; readonly server: HttpServer }> {
  const loopback = stack.use(await LoopbackServer.start(behaviour))
  const target = readHttpTarget({ url: loopback.url, sse: false, header: ['X-Key: k'], headerFile: undefined, passAuth: true })
  return { loopback, server: new HttpServer(target) }
}

function parsed(found: ResourceMetadata): unknown {
  return 'json' in found ? JSON.parse(found.json) : found
}

const FOR_PATH = '/.well-known/oauth-protected-resource/mcp'
const FOR_ALL = '/.well-known/oauth-protected-resource'

test('askResourceMetadata() looks for the path of the server, then for all of its origin; what is signed is left out', async () => {
  verifies('promise.http.pass-auth')
  const { loopback, server } = await serverOf(
    saying({ [FOR_ALL]: { resource: 'http://x', authorization_servers: [ISSUER], scopes_supported: ['a'], signed_metadata: 'e.y.J' } }),
  )
  expect(parsed(await askResourceMetadata(server))).toEqual({
    resource: 'http://x',
    authorization_servers: [ISSUER],
    scopes_supported: ['a'],
  })
  expect(loopback.asked.map(({ request }) => request.url)).toEqual([FOR_PATH, FOR_ALL])
})

test('askResourceMetadata() goes first where a challenge of the server says, within its origin alone', async () => {
  verifies('promise.http.pass-auth')
  let place = '/own'
  const pages = saying({
    '/own': { authorization_servers: [ISSUER], own: true },
    [FOR_PATH]: { authorization_servers: [ISSUER], own: false },
  })
  const { loopback, server } = await serverOf((asked) => {
    if (asked.request.method !== 'POST') return pages(asked)
    asked.response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${place}"` }).end()
  })
  const refused = async (): Promise<void> => {
    const session = stack.use(new RemoteSession(server))
    session.says({ id: 1, method: 'initialize', params: {} })
    await session.refusal('1')
  }
  place = 'https://elsewhere.example/own'
  await refused()
  expect(parsed(await askResourceMetadata(server))).toMatchObject({ own: false })
  place = `${new URL(loopback.url).origin}/own`
  await refused()
  expect(parsed(await askResourceMetadata(server))).toMatchObject({ own: true })
})

test('askResourceMetadata() names no authorization server that is the server itself; where there is no other it says so', async () => {
  verifies('promise.http.pass-auth')
  const own: string[] = []
  const { loopback, server } = await serverOf((asked) => saying({ [FOR_PATH]: { authorization_servers: own } })(asked))
  for (const issuers of [[], [new URL(loopback.url).origin], [`${new URL(loopback.url).origin}/auth`], ['not a url']]) {
    own.splice(0, own.length, ...issuers)
    expect(await askResourceMetadata(server)).toEqual({ lacks: 'issuer' })
  }
  own.push(ISSUER)
  expect(parsed(await askResourceMetadata(server))).toEqual({ authorization_servers: [ISSUER] })
})

test('askResourceMetadata() says no address of the machine, which is of no use to a client elsewhere', async () => {
  verifies('promise.http.pass-auth')
  const pages: Record<string, object> = {}
  const { loopback, server } = await serverOf(saying(pages))
  const { origin } = new URL(loopback.url)
  // A scope may be a URL, and must come as it is.
  const elsewhere = { jwks_uri: 'https://as.example/jwks', resource_name: 'Files', scopes_supported: [`${origin}/read`] }
  pages[FOR_PATH] = {
    ...elsewhere,
    resource: loopback.url,
    authorization_servers: [ISSUER],
    resource_documentation: `${origin}/docs`,
    resource_policy_uri: `${origin}/policy`,
    more: [{ at: `${origin}/more` }, 'x'],
  }
  expect(parsed(await askResourceMetadata(server))).toEqual({ ...elsewhere, authorization_servers: [ISSUER] })
})

test.each([
  ['nothing', {}, { lacks: 'metadata' }],
  ['what is no JSON', { [FOR_PATH]: 'x', [FOR_ALL]: '[1]' }, { lacks: 'metadata' }],
  [
    'more depth than can be written anew',
    { [FOR_PATH]: `{"authorization_servers":["${ISSUER}"],"x":${'['.repeat(30_000)}${']'.repeat(30_000)}}` },
    { lacks: 'metadata' },
  ],
  ['too much', { [FOR_PATH]: { authorization_servers: [ISSUER], x: 'x'.repeat(65_536) } }, { lacks: 'metadata' }],
])('askResourceMetadata() of a server that says %s', async (_what, pages, expected) => {
  const { server } = await serverOf(saying(pages))
  expect(await askResourceMetadata(server)).toEqual(expected)
})

test('askResourceMetadata() of a server that is not there, or broken, says that it could not be asked', async () => {
  const { loopback, server } = await serverOf(({ response }) => void response.writeHead(500).end())
  expect(await askResourceMetadata(server)).toEqual({ lacks: 'server' })
  await loopback.stop()
  expect(await askResourceMetadata(server)).toEqual({ lacks: 'server' })
})

test('metadataTeller() masks what is secret, and tells the owner once that nobody can sign in', async () => {
  verifies('promise.http.pass-auth')
  let issuers: readonly string[] = []
  const { server } = await serverOf((asked) => saying({ [FOR_PATH]: { authorization_servers: issuers, note: 'a-secret-word' } })(asked))
  const warned: string[] = []
  const log = { ...SILENT_LOG, warn: (event: string) => void warned.push(event) }
  const tell = metadataTeller(server, new LineMask(['a-secret-word'], () => {}), log)
  expect([await tell(), await tell(), warned]).toEqual([{ lacks: 'issuer' }, { lacks: 'issuer' }, ['sign_in.not_public']])
  issuers = [ISSUER]
  expect(JSON.stringify(await tell())).not.toContain('a-secret-word')
  expect(parsed(await tell())).toMatchObject({ authorization_servers: [ISSUER] })
})
