/** Who tries wrong credentials, in the real runtime: is slowed, wakes nothing and writes nothing; and whoever has a right one never waits, from the same address either. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Registry } from '../../../worker/registry/registry.ts'
import { Share } from '../../../worker/share/share.ts'
import { SignIn } from '../../../worker/sign-in/sign-in.ts'
import { WRONG_TRIES } from '../../../worker/trust-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { order } from '../harness/orders.ts'
import { cameFrom, createShare, factsOf, fetchRelay, ownerKey, type TestShare } from '../harness/relay.ts'
import { connected } from '../harness/scripted-agent.ts'
import { errorOf, invite, rowsOf, signedIn, SigningIn } from '../harness/sign-in.ts'

const HERE = '192.0.2.1'
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
const JSON_TYPE = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': 'nobody' }
/** What one is told who is let in, and has no session. */
const LET_IN = 404

afterEach(() => void vi.restoreAllMocks())

/** Objects that are asked from now on. */
function watchObjects(): () => number {
  const spies = [
    ...(['call', 'admit', 'send', 'fetch'] as const).map((name) => vi.spyOn(Share.prototype, name)),
    ...(['fetch', 'approve'] as const).map((name) => vi.spyOn(SignIn.prototype, name)),
    ...(['findOwner', 'chainTrust', 'linkTrust', 'accessCode'] as const).map((name) => vi.spyOn(Registry.prototype, name)),
  ]
  return () => spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)
}

function post(path: string, address: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetchRelay(path, cameFrom(address, { method: 'POST', body: PING, headers: { ...JSON_TYPE, ...headers } }))
}

function withToken(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

/** Another one as long. What it is good for stands further back. */
function wrong(credential: string): string {
  const at = Math.floor(Math.random() * 12)
  return `${credential.slice(0, at)}${credential[at] === 'a' ? 'b' : 'a'}${credential.slice(at + 1)}`
}

/** The statuses of more tries than are looked at, in their order, and what the last of them was told. */
async function tried(ask: () => Promise<Response>): Promise<{ readonly statuses: number[]; readonly last: Response }> {
  const statuses: number[] = []
  for (;;) {
    const last = await ask()
    if (statuses.push(last.status) === WRONG_TRIES + 10) return { statuses, last }
    await last.arrayBuffer()
  }
}

/** So often refused as wrong, and then told to wait. */
function slowedFrom(status: number): number[] {
  return [...Array.from({ length: WRONG_TRIES }, () => status), ...Array.from({ length: 10 }, () => 429)]
}

test.each(['token', 'key'] as const)('a wrong %s is slowed, at this share and from this address', async (kind) => {
  verifies('promise.9.slowed')
  const { share } = await connected()
  const other = await createShare()
  const url = new URL(String((await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'key' })).told['share_url'])).pathname
  const key = url.split('/')[4] ?? ''
  const guess = (address: string, at = share): Promise<Response> =>
    kind === 'token' ? post(at.url, address, withToken(wrong(at.clientToken))) : post(`/s/${at.id}/k/${wrong(key)}/mcp`, address)
  const { total_changes: before } = (await factsOf(share)).counters
  const asked = watchObjects()
  const { statuses, last } = await tried(() => guess(HERE))
  expect(statuses).toEqual(slowedFrom(kind === 'token' ? 401 : 404))
  expect([last.headers.get('retry-after'), last.headers.get('www-authenticate')]).toEqual(['3', null])
  expect(await last.json()).toMatchObject({ error: { data: { code: 'TOO_MANY_TRIES', retryable: true } } })
  expect((await guess('192.0.2.2')).status).not.toBe(429)
  expect((await guess(HERE, other)).status).not.toBe(429)
  expect(asked()).toBe(0)
  vi.restoreAllMocks()
  expect((await factsOf(share)).counters.total_changes).toBe(before)
  // Whoever has a right one does not wait, from the same address.
  expect((await post(share.url, HERE, withToken(share.clientToken))).status).toBe(LET_IN)
  expect((await post(url, HERE)).status).toBe(LET_IN)
})

test('who shows nothing, or what has ended, is never slowed: it is told where to sign in', async () => {
  const { share } = await connected()
  for (let tries = 0; tries < 2 * WRONG_TRIES; tries++) {
    const bare = await post(share.url, HERE)
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('resource_metadata')])
  }
  expect((await order('DELETE', `/api/shares/${share.id}/tokens/${await linkOf(share)}`)).status).toBe(204)
  for (let tries = 0; tries < 2 * WRONG_TRIES; tries++) expect((await post(share.url, HERE, withToken(share.clientToken))).status).toBe(401)
})

async function linkOf(share: TestShare): Promise<string> {
  const { tokens } = (await order('GET', `/api/shares/${share.id}/tokens`)).told as { tokens: { id: string; kind: string }[] }
  return tokens.find(({ kind }) => kind === 'client')?.id ?? ''
}

test('a wrong token of an agent is slowed, and the right one connects', async () => {
  const share = await createShare()
  const upgrade = { upgrade: 'websocket', 'sec-websocket-protocol': 'mcp-edge.v1' }
  const dial = (token: string): Promise<Response> =>
    fetchRelay(`/agent/${share.id}`, cameFrom(HERE, { headers: { ...upgrade, ...withToken(token) } }))
  const { statuses, last } = await tried(() => dial(wrong(share.agentToken)))
  expect(statuses).toEqual(slowedFrom(401))
  expect([last.headers.get('retry-after'), await last.json()]).toEqual(['3', expect.objectContaining({ code: 'TOO_MANY_TRIES' })])
  const right = await dial(share.agentToken)
  expect(right.status).toBe(101)
  right.webSocket?.accept()
  right.webSocket?.close()
})

test('a wrong owner token is slowed, and the right one is not', async () => {
  verifies('promise.9.slowed')
  const ask = async (token: string): Promise<Response> => fetchRelay('/api/shares', cameFrom('192.0.2.9', { headers: withToken(token) }))
  const right = await ownerKey()
  const asked = watchObjects()
  const { statuses } = await tried(() => ask(`mcpe_owner_${'x'.repeat(Math.ceil(Math.random() * 20))}`))
  expect([statuses, asked()]).toEqual([slowedFrom(401), 0])
  // One that could have been made before there were seals is asked about, but no more often than that.
  for (let tries = 0; tries < 100; tries++) await ask(`mcpe_owner_${crypto.randomUUID().padEnd(43, 'x')}`)
  expect(asked()).toBe(0)
  expect((await ask(right)).status).toBe(200)
})

describe('at the sign-in', () => {
  /** A client's requests that all come from one address. */
  function signingFrom(share: TestShare, address: string): SigningIn {
    return new SigningIn(share, {
      fetch: async (request) => {
        const { pathname, search } = new URL(request.url)
        const body = request.method === 'POST' ? { body: await request.text() } : {}
        const headers = Object.fromEntries(request.headers)
        return fetchRelay(`${pathname}${search}`, {
          ...cameFrom(address, { headers }),
          method: request.method,
          redirect: 'manual',
          ...body,
        })
      },
    })
  }

  test('a wrong access code is slowed, and a right one lets its person in', async () => {
    verifies('promise.9.slowed')
    const share = await createShare()
    const { code } = await invite(share)
    const signing = signingFrom(share, HERE)
    await signing.register()
    const page = await signing.open()
    const asked = watchObjects()
    const { statuses, last } = await tried(() => signing.decide(page, { code: code.replace(/^./, code.startsWith('a') ? 'b' : 'a') }))
    expect(statuses).toEqual(slowedFrom(403))
    expect([last.headers.get('retry-after'), await last.text()]).toEqual(['3', expect.stringContaining('Too many wrong codes')])
    expect([asked(), await rowsOf(share)]).toEqual([0, []])
    expect((await signing.decide(page, { code })).status).toBe(303)
  })

  test('wrong codes and refresh tokens ask nobody and are slowed, and right ones are exchanged', async () => {
    verifies('promise.9.slowed')
    const share = await createShare()
    const { tokens, signing } = await signedIn(share)
    const here = signingFrom(share, HERE)
    here.clientId = signing.clientId
    const code = await here.approve((await invite(share)).code)
    const asked = watchObjects()
    const tries = [
      () => here.exchange(wrong(code)),
      () => here.refresh(wrong(tokens.refresh_token)),
      () => here.exchange(`${code.slice(0, -22)}${'A'.repeat(22)}`),
      // A code is no refresh token, nor one of another share.
      () => here.refresh(code),
      () => here.exchange('x'),
    ]
    let count = 0
    const { statuses, last } = await tried(() => (tries[count++ % tries.length] ?? (() => here.exchange('x')))())
    expect(statuses).toEqual(slowedFrom(400))
    expect(await errorOf(last)).toBe('429 temporarily_unavailable')
    expect((await here.token({ token: wrong(tokens.access_token) })).status).toBe(429)
    expect(asked()).toBe(0)
    vi.restoreAllMocks()
    expect((await here.exchange(code)).status).toBe(200)
    expect((await here.refresh(tokens.refresh_token)).status).toBe(200)
  })

  test('a refresh token of the time before they were sealed is still good', async () => {
    const share = await createShare()
    const { tokens, signing } = await signedIn(share)
    const unsealed = tokens.refresh_token.slice(0, -23)
    expect(unsealed).toMatch(/^[\w-]+:[\w-]+:[\w-]+$/)
    const refreshed: { refresh_token: string } = await (await signing.refresh(unsealed)).json()
    expect(refreshed.refresh_token).toMatch(/^[\w-]+:[\w-]+:[\w-]+\.[\w-]{22}$/)
    expect((await signing.refresh(refreshed.refresh_token)).status).toBe(200)
  })

  test('what says nothing that is known here is refused without asking, and makes no object', async () => {
    const share = await createShare()
    const signing = new SigningIn(share)
    await signing.register()
    const asked = watchObjects()
    expect(await errorOf(await signing.token({ grant_type: 'client_credentials' }))).toBe('400 unsupported_grant_type')
    expect(await errorOf(await signing.token({ grant_type: 'authorization_code' }))).toBe('400 invalid_request')
    expect(await errorOf(await signing.token({}))).toBe('400 invalid_request')
    expect((await signing.token({ token: 'x' })).status).toBe(200)
    expect(asked()).toBe(0)
    vi.restoreAllMocks()
    expect(env.SIGN_IN).toBeDefined()
  })
})
