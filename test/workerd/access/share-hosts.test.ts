/** Signing in on a share's own host, in the real runtime: a root issuer for each share, and nothing of the relay's beside it. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import app from '../../../worker/index.ts'
import { verifies } from '../../requirements/verifies.ts'
import { registryStub } from '../harness/orders.ts'
import { createShare, ORIGIN, ownerKey } from '../harness/relay.ts'
import { invite, type Person, SigningIn } from '../harness/sign-in.ts'

const DOMAIN = 'share.example'
const hosted = { ...env, SHARE_DOMAIN: DOMAIN }
const loopback = { ...env, LOOPBACK: '1' }
const proxied = { ...env, SHARE_DOMAIN: DOMAIN, PUBLIC_URL: 'https://relay.example', ALLOWED_HOSTS: 'relay.example' }

type Relay = typeof hosted | typeof loopback | typeof proxied

function fetchFrom(relay: Relay, request: Request): Response | Promise<Response> {
  return app.fetch(request, relay, createExecutionContext())
}

function signingAt(relay: Relay, id: string, base: string): SigningIn {
  return new SigningIn({ id }, { base, fetch: (request) => fetchFrom(relay, request) })
}

async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  return response.json()
}

async function inviteAt(relay: Relay, id: string, origin = ORIGIN): Promise<Person> {
  const headers = { authorization: `Bearer ${await ownerKey()}`, 'content-type': 'application/json' }
  const request = new Request(`${origin}/api/shares/${id}/people`, { method: 'POST', headers, body: '{"name":"Ann"}' })
  return (await fetchFrom(relay, request)).json()
}

describe("a share's own host", () => {
  test('is an issuer at its root, whose resource is /mcp, and takes its tokens', async () => {
    verifies('promise.9.sign-in', 'promise.9.access-token')
    const share = await createShare()
    const base = `https://${share.id}.${DOMAIN}`
    const person = await inviteAt(hosted, share.id)
    expect(person.url).toBe(`${base}/mcp`)
    const signing = signingAt(hosted, share.id, base)
    const bare = await signing.ask('/mcp', { method: 'POST' })
    expect(bare.headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${base}/.well-known/oauth-protected-resource/mcp"`)
    for (const path of ['', '/mcp'])
      expect(await jsonOf(await signing.ask(`/.well-known/oauth-protected-resource${path}`))).toMatchObject({
        resource: `${base}/mcp`,
        authorization_servers: [base],
      })
    expect(await jsonOf(await signing.ask('/.well-known/oauth-protected-resource/sse'))).toMatchObject({ resource: `${base}/sse` })
    expect(await jsonOf(await signing.ask('/.well-known/oauth-authorization-server'))).toMatchObject({
      issuer: base,
      authorization_endpoint: `${base}/authorize`,
      token_endpoint: `${base}/token`,
      registration_endpoint: `${base}/register`,
    })
    const tokens = await signing.signIn(person.code)
    expect(tokens.resource).toBe(`${base}/mcp`)
    expect((await signing.use(tokens.access_token)).status).toBe(404)
    expect((await signing.refresh(tokens.refresh_token)).status).toBe(200)
    // A client's own token is taken there as well.
    expect((await signing.use(share.clientToken)).status).toBe(404)
  })

  test('has its servers with names below that root, each a resource of its own', async () => {
    verifies('servers.own-path', 'servers.sign-in')
    const share = await createShare()
    await registryStub().addServer(share.id, 'git')
    const base = `https://${share.id}.${DOMAIN}`
    const signing = signingAt(hosted, share.id, base)
    const bare = await signing.ask('/git/mcp', { method: 'POST' })
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer resource_metadata="${base}/.well-known/oauth-protected-resource/git/mcp"`,
    ])
    for (const end of ['mcp', 'sse'])
      expect(await jsonOf(await signing.ask(`/.well-known/oauth-protected-resource/git/${end}`))).toMatchObject({
        resource: `${base}/git/${end}`,
        authorization_servers: [base],
      })
    for (const name of ['k', 'sse', 'a_b'])
      expect((await signing.ask(`/.well-known/oauth-protected-resource/${name}/mcp`)).status).toBe(404)
    const { code } = await inviteAt(hosted, share.id)
    const tokens = await signing.signIn(code, { resource: `${base}/git/mcp` })
    expect(tokens.resource).toBe(`${base}/git/mcp`)
    const { access_token: refreshed, resource } = (await jsonOf(await signing.refresh(tokens.refresh_token))) as Record<string, string>
    expect(resource).toBe(`${base}/git/mcp`)
    for (const token of [tokens.access_token, refreshed ?? '']) {
      expect((await signing.use(token, '/git/mcp')).status).toBe(404)
      for (const path of ['/mcp', '/files/mcp']) expect((await signing.use(token, path)).status, path).toBe(401)
    }
    expect((await signing.use(share.clientToken, '/git/mcp')).status).toBe(404)
    expect((await signing.use(share.clientToken, '/files/mcp')).headers.get('content-type')).toBe('application/problem+json')
    const revoked = await signing.token({ token: refreshed ?? '' })
    expect(revoked.status).toBe(200)
    expect((await signing.use(refreshed ?? '', '/git/mcp')).status).toBe(401)
  })

  test('names the path at which its stream takes posts without the relay’s', async () => {
    const share = await createShare()
    const signing = signingAt(hosted, share.id, `https://${share.id}.${DOMAIN}`)
    const response = await signing.ask('/sse', { headers: { authorization: `Bearer ${share.clientToken}`, accept: 'text/event-stream' } })
    const { value } = (await response.body?.pipeThrough(new TextDecoderStream()).getReader().read()) ?? {}
    expect(value).toMatch(/data: \/messages\?sessionId=/)
    await response.body?.cancel().catch(() => undefined)
  })

  test('has nothing of the relay, and no key of a URL opens it', async () => {
    const share = await createShare()
    const signing = signingAt(hosted, share.id, `https://${share.id}.${DOMAIN}`)
    for (const path of [
      '/',
      '/api/shares',
      `/s/${share.id}/mcp`,
      `/agent/${share.id}`,
      '/k/x/mcp',
      `/own-host/${share.id}/mcp`,
      '/api/claim',
    ])
      expect((await signing.ask(path)).status, path).toBe(404)
  })

  test('that names no share of this relay, or is below another domain, is none', async () => {
    const share = await createShare()
    const other = share.id.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))
    expect((await signingAt(hosted, other, `https://${other}.${DOMAIN}`).ask('/.well-known/oauth-authorization-server')).status).toBe(404)
    for (const host of [`${share.id}.evil.example`, `${share.id}.x.${DOMAIN}`, `${share.id}${DOMAIN}`, `${share.id}-x.${DOMAIN}`])
      expect((await signingAt(hosted, share.id, `https://${host}`).ask('/authorize')).status, host).toBe(404)
    // There the path is a web app's, for whoever has a link.
    expect((await signingAt(hosted, share.id, `https://${share.id}-app.${DOMAIN}`).ask('/authorize')).status).toBe(401)
  })

  test('takes no token, code or cookie of the path below which others sign in', async () => {
    const share = await createShare()
    const [{ code }, { code: second }] = [await invite(share), await invite(share)]
    const below = new SigningIn(share)
    const tokens = await below.signIn(code)
    const signing = signingAt(hosted, share.id, `https://${share.id}.${DOMAIN}`)
    signing.clientId = below.clientId
    expect((await signing.use(tokens.access_token)).status).toBe(401)
    expect((await signing.refresh(tokens.refresh_token)).status).toBe(400)
    expect((await signing.exchange(await below.approve(second))).status).toBe(400)
  })
})

describe('a relay with SHARE_DOMAIN', () => {
  test('has no sign-in at its own origin', async () => {
    const share = await createShare()
    const signing = signingAt(hosted, share.id, `${ORIGIN}/s/${share.id}`)
    const bare = await signing.ask('/mcp', { method: 'POST' })
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    for (const path of [`${ORIGIN}/.well-known/oauth-authorization-server/s/${share.id}`, '/authorize', '/register', '/token'])
      expect((await signing.ask(path, path.startsWith('/') && path !== '/authorize' ? { method: 'POST' } : {})).status, path).toBe(404)
  })

  test('behind a proxy keeps the share’s host and has the scheme of PUBLIC_URL', async () => {
    const share = await createShare()
    const base = `https://${share.id}.${DOMAIN}`
    const person = await inviteAt(proxied, share.id)
    expect(person.url).toBe(`${base}/mcp`)
    const behind = new SigningIn(share, {
      base,
      fetch: (request) => fetchFrom(proxied, new Request(request.url.replace('https:', 'http:'), request)),
    })
    const tokens = await behind.signIn(person.code)
    expect((await behind.use(tokens.access_token)).status).toBe(404)
  })
})

describe('a loopback relay', () => {
  test('has hosts below localhost, and paths, each with issuers of plain HTTP', async () => {
    const share = await createShare()
    for (const base of [`http://${share.id}.localhost:8787`, `http://127.0.0.1:8787/s/${share.id}`]) {
      const { code } = await inviteAt(loopback, share.id, 'http://127.0.0.1:8787')
      const signing = signingAt(loopback, share.id, base)
      const { origin, pathname } = new URL(base)
      const name = `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`
      expect(await jsonOf(await signing.ask(name))).toMatchObject({ issuer: base, token_endpoint: `${base}/token` })
      const page = await signing.open()
      expect(page.response.status).toBe(400)
      await signing.register()
      const decided = await signing.decide(await signing.open(), { code })
      expect(new URL(decided.headers.get('location') ?? '').searchParams.get('iss')).toBe(base)
      const tokens = await jsonOf(await signing.exchange(new URL(decided.headers.get('location') ?? '').searchParams.get('code') ?? ''))
      expect(tokens['resource']).toBe(`${base}/mcp`)
      expect((await signing.use(String(tokens['access_token']))).status).toBe(404)
    }
  })
})

test.each([
  '/.well-known/oauth-protected-resource',
  '/.well-known/oauth-protected-resource/mcp',
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
])('%s is nothing at the root of a relay', async (path) => {
  for (const relay of [env, hosted, loopback])
    expect((await fetchFrom(relay as Relay, new Request(`${ORIGIN}${path}`))).status).not.toBe(200)
})

test('a URL with a key has no metadata, and no challenge', async () => {
  const share = await createShare()
  for (const name of ['oauth-protected-resource', 'oauth-authorization-server'])
    for (const path of [
      `/.well-known/${name}/s/${share.id}/k/x/mcp`,
      `/.well-known/${name}/s/${share.id}/k/x`,
      `/s/${share.id}/k/x/.well-known/${name}`,
    ])
      expect((await fetchFrom(env as Relay, new Request(`${ORIGIN}${path}`))).status, path).toBe(404)
  for (const path of ['authorize', 'token', 'register'])
    expect((await fetchFrom(env as Relay, new Request(`${ORIGIN}/s/${share.id}/k/x/${path}`, { method: 'POST' }))).status).toBe(404)
})

test('over plain HTTP to another machine nobody signs in', async () => {
  const share = await createShare()
  const base = `http://192.0.2.1:8787/s/${share.id}`
  const signing = signingAt(env as Relay, share.id, base)
  expect((await signing.ask('/authorize')).status).toBe(404)
  expect((await signing.ask('/mcp', { method: 'POST' })).headers.get('www-authenticate')).toBe('Bearer')
  expect(await inviteAt(env as Relay, share.id, 'http://192.0.2.1:8787')).toMatchObject({ code: 'SIGN_IN_UNAVAILABLE' })
})
