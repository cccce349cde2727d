/** A local server that signs its clients in by itself, shared with --pass-auth: the SDKs' clients find its authorization server through a key link, and sign in there. */
import { Client, type ClientOptions, SSEClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asObject, textField, toolText } from '../../harness/json.ts'
import { localhostFetch } from '../../harness/sign-in/localhost-fetch.ts'
import { AuthorizationServer, SigningInServer } from '../../harness/sign-in/signing-in-server.ts'
import { Keychain, transportTo } from '../../harness/sign-in/sdk-sign-in.ts'
import { type Agent, createShare, type Relay, type Share, startAgent, startRelay } from '../../harness/selfhost.ts'
import { CLIENT_INFO } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const PINNED: ClientOptions = { versionNegotiation: { mode: { pin: '2026-07-28' } } }

const stack = new AsyncDisposableStack()
let relay: Relay
let issuer: AuthorizationServer
let server: SigningInServer
let agent: Agent
let share: Share
let url: string

beforeAll(async () => {
  relay = stack.use(await startRelay())
  issuer = stack.use(await AuthorizationServer.start())
  server = stack.use(await SigningInServer.start(issuer))
  share = await createShare(relay)
  agent = stack.use(await startAgent(share, { args: ['--url', server.url, '--pass-auth'] }))
  const made = asObject(await (await relay.api('POST', `shares/${share.id}/tokens`, { kind: 'key', policy: { access: 'admin' } })).json())
  url = textField(made, 'share_url')
})
afterAll(() => stack.disposeAsync())

/** Goes to the page that the client has opened, as this user; what the client is called back with. */
async function consentAs(user: string, keychain: Keychain): Promise<URLSearchParams> {
  issuer.user = user
  const response = await fetch(keychain.opened ?? '', { redirect: 'manual' })
  return new URL(response.headers.get('location') ?? '').searchParams
}

async function connect(keychain: Keychain, options?: ClientOptions): Promise<Client> {
  const client = new Client(CLIENT_INFO, options)
  await client.connect(transportTo(url, keychain))
  return client
}

async function signedIn(user: string, options?: ClientOptions): Promise<Keychain> {
  const keychain = new Keychain()
  const transport = transportTo(url, keychain)
  await expect(new Client(CLIENT_INFO, options).connect(transport)).rejects.toThrow(UnauthorizedError)
  await transport.finishAuth(await consentAs(user, keychain))
  return keychain
}

const whoami = async (client: Client): Promise<string> => toolText(asObject(await client.callTool({ name: 'whoami', arguments: {} })))

test('two people with one link sign in at the server, see what is theirs, and go on with refreshed tokens in their sessions', async () => {
  verifies('promise.http.pass-auth')
  const keychains = [await signedIn('ann'), await signedIn('bob')] as const
  expect(new Set(issuer.resources)).toEqual(new Set([url]))
  const [ann, bob] = await Promise.all(keychains.map((keychain) => connect(keychain)))
  if (ann === undefined || bob === undefined) throw new Error('not connected')
  expect(await Promise.all([whoami(ann), whoami(bob)])).toEqual(['ann read', 'bob read'])
  const [ofAnn, ofBob] = await Promise.all([ann, bob].map(async (client) => (await client.listTools()).tools.map(({ name }) => name)))
  expect([ofAnn, ofBob]).toEqual([
    ['whoami', 'write', 'of-ann'],
    ['whoami', 'write', 'of-bob'],
  ])
  const before = keychains.map(({ kept }) => kept?.access_token)
  issuer.expire()
  expect(await Promise.all([whoami(bob), whoami(ann)])).toEqual(['bob read', 'ann read'])
  expect(keychains.every(({ kept }, at) => kept?.access_token !== before[at])).toBe(true)
  await Promise.all([ann.close(), bob.close()])
})

test('a client that may not do something yet is sent to sign in for more, with the scope that the server names', async () => {
  verifies('promise.http.pass-auth')
  const keychain = await signedIn('ann')
  keychain.opened = undefined
  const client = await connect(keychain)
  await expect(client.callTool({ name: 'write', arguments: {} })).rejects.toThrow()
  const asked = (keychain.opened as URL | undefined)?.searchParams
  expect(asked?.get('scope')).toBe('read write')
  await client.close()
})

test('clients of 2026-07-28 sign in as well, and two of them are two at a server of the handshake era', async () => {
  verifies('promise.http.pass-auth')
  const keychains = [await signedIn('ann', PINNED), await signedIn('bob', PINNED)] as const
  const clients = await Promise.all(keychains.map((keychain) => connect(keychain, PINNED)))
  expect(await Promise.all(clients.map(whoami))).toEqual(['ann read', 'bob read'])
  issuer.expire()
  expect(await Promise.all(clients.map(whoami))).toEqual(['ann read', 'bob read'])
  await Promise.all(clients.map((client) => client.close()))
})

test('over HTTP+SSE a client signs in and refreshes its token as well', async () => {
  verifies('promise.http.pass-auth')
  const keychain = new Keychain()
  const transport = (): SSEClientTransport =>
    new SSEClientTransport(new URL(url.replace(/mcp$/, 'sse')), { authProvider: keychain, fetch: localhostFetch })
  const first = transport()
  await expect(new Client(CLIENT_INFO).connect(first)).rejects.toThrow(UnauthorizedError)
  await first.finishAuth(await consentAs('bob', keychain))
  await first.close()
  const client = new Client(CLIENT_INFO)
  await client.connect(transport())
  expect(await whoami(client)).toBe('bob read')
  issuer.expire()
  expect(await whoami(client)).toBe('bob read')
  await client.close()
})

test('no credential is told in a log, and nothing of the relay has come to the server', async () => {
  verifies('promise.http.pass-auth')
  // Nobody has asked again and again what was refused. What the relay asks by itself is told to the owner.
  expect(server.asked.filter(({ authorization }) => authorization === undefined).length).toBeLessThan(20)
  expect(await relay.describe(share)).toMatchObject({ listing_problem: { code: 'LISTING_FAILED' } })
  const shown = server.asked.flatMap(({ authorization }) => authorization ?? [])
  expect(shown.length).toBeGreaterThan(0)
  expect(shown.filter((one) => !/^Bearer token-\d+-of-(?:ann|bob)$/.test(one))).toEqual([])
  expect(`${agent.program.stderr.tail()}${relay.program.stderr.tail()}`).not.toMatch(/token-\d+-of-/)
  expect(agent.program.running).toBe(true)
})
