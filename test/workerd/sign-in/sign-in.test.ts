/** People sign in at a share (OAuth 2.1), in the real runtime: from an access code to a call, and what ends that again. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { order } from '../harness/orders.ts'
import { createShare, ORIGIN, TestClient } from '../harness/relay.ts'
import { connected, initialize } from '../harness/scripted-agent.ts'
import { signedIn, codeOf, errorOf, LET_IN, statusOf, rowsOf, invite, SigningIn, type Tokens } from '../harness/sign-in.ts'

const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

describe('whom an owner has invited', () => {
  test('is told where to sign in, registers, consents with the access code, and uses the server', async () => {
    verifies('promise.9.sign-in')
    const { share, agent } = await connected()
    const person = await invite(share)
    const signing = new SigningIn(share)
    const bare = await signing.ask('/mcp', { method: 'POST' })
    const [, metadataUrl = ''] = /^Bearer resource_metadata="([^"]*)"$/.exec(bare.headers.get('www-authenticate') ?? '') ?? []
    expect([bare.status, metadataUrl]).toEqual([401, `${ORIGIN}/.well-known/oauth-protected-resource/s/${share.id}/mcp`])
    const resource: unknown = await (await signing.ask(metadataUrl)).json()
    expect(resource).toMatchObject({ resource: person.url, authorization_servers: [signing.base] })
    const metadata: unknown = await (await signing.ask(`${ORIGIN}/.well-known/oauth-authorization-server/s/${share.id}`)).json()
    expect(metadata).toMatchObject({
      issuer: signing.base,
      authorization_endpoint: `${signing.base}/authorize`,
      token_endpoint: `${signing.base}/token`,
      registration_endpoint: `${signing.base}/register`,
      scopes_supported: ['mcp'],
      code_challenge_methods_supported: ['S256'],
      client_id_metadata_document_supported: true,
      token_endpoint_auth_methods_supported: expect.arrayContaining(['none']) as string[],
      authorization_response_iss_parameter_supported: true,
    })
    const tokens = await signing.signIn(person.code)
    expect(tokens).toMatchObject({ token_type: 'Bearer', resource: person.url, scope: 'mcp' })
    const client = new TestClient(share, tokens.access_token)
    const ch = await initialize(agent, client)
    const answered = client.post(LIST)
    const { header } = await agent.expect('call')
    agent.answer(header, '1', '{"tools":[]}')
    expect([header.ch, await (await answered).text()]).toEqual([ch, expect.stringContaining('"tools":[]') as string])
  })

  test('may only read unless its owner has said more', async () => {
    verifies('promise.9.read-by-default')
    const { share, agent } = await connected()
    const { tokens } = await signedIn(share)
    const client = new TestClient(share, tokens.access_token)
    await initialize(agent, client)
    const tools = [
      { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
      { name: 'wipe', inputSchema: { type: 'object' } },
    ]
    const serve = async (): Promise<void> => {
      for (;;) {
        const { header, body } = await agent.expect('call')
        const { id, method } = JSON.parse(new TextDecoder().decode(body)) as { id: unknown; method: string }
        if (method === 'tools/list') agent.answer(header, JSON.stringify(id), JSON.stringify({ tools }))
      }
    }
    void serve()
    const told = await (await client.post(LIST)).text()
    expect([told.includes('"look"'), told.includes('"wipe"')]).toEqual([true, false])
    const refused: unknown = await (await client.post('{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"wipe"}}')).json()
    expect(refused).toMatchObject({ id: 2, error: { code: -32602 } })
  })

  test('is pending until the access code is used, and then active; the code is shown once and kept as a hash', async () => {
    const share = await createShare()
    const person = await invite(share)
    expect(person).toMatchObject({ name: 'Ann', status: 'pending', principal: `person:${person.id}`, policy: { access: 'read' } })
    expect(person.code).toMatch(/^(?:[a-z2-7]{4}-){5}[a-z2-7]{4}$/)
    const { told } = await order('GET', `/api/shares/${share.id}/people`)
    const { code, url, ...facts } = person
    expect([told['people'], url]).toEqual([[facts], `${ORIGIN}/s/${share.id}/mcp`])
    const kept = await runInDurableObject(env.REGISTRY.getByName('registry'), (_, { storage }) =>
      JSON.stringify(storage.sql.exec('SELECT hex(hash) AS hash FROM access_codes').toArray()),
    )
    expect([kept.includes(code), kept.includes(code.replaceAll('-', ''))]).toEqual([false, false])
    await new SigningIn(share).signIn(code.toUpperCase().replaceAll('-', ' '))
    expect(await statusOf(share, person.id)).toBe('active')
  })

  test('is in no list of tokens, and no order for tokens means it', async () => {
    const share = await createShare()
    const person = await invite(share, { email: 'ann@example.com', policy: { access: 'write' } })
    expect(person).toMatchObject({ email: 'ann@example.com', policy: { access: 'write' } })
    const { told } = await order('GET', `/api/shares/${share.id}/tokens`)
    expect(JSON.stringify(told)).not.toContain(person.id)
    for (const [method, body] of [
      ['PATCH', { name: 'x' }],
      ['DELETE', undefined],
    ] as const)
      expect((await order(method, `/api/shares/${share.id}/tokens/${person.id}`, body)).told['code']).toBe('TOKEN_NOT_FOUND')
  })

  test.each([{}, { name: 'a', email: 'a@b' }, { email: 'ann' }, { name: 5 }, { name: 'a', policy: { access: 'all' } }])(
    'is not invited by %j',
    async (members) => {
      const share = await createShare()
      expect(await order('POST', `/api/shares/${share.id}/people`, members)).toMatchObject({ status: 400, told: { code: 'BODY_INVALID' } })
    },
  )

  test('is nobody to a share of another owner', async () => {
    const { told: owner } = await order('POST', '/api/owners', { name: 'Bob' })
    const share = await createShare()
    for (const [method, path] of [
      ['GET', ''],
      ['POST', ''],
      ['DELETE', '/x'],
    ] as const)
      expect((await order(method, `/api/shares/${share.id}/people${path}`, undefined, String(owner['owner_token']))).status).toBe(404)
  })
})

describe('an access token', () => {
  test('is checked without an object, and is for the URL that was typed', async () => {
    verifies('promise.9.access-token')
    const share = await createShare()
    const { signing, tokens } = await signedIn(share)
    const claims = JSON.parse(atob((tokens.access_token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))) as object
    expect(claims).toMatchObject({ iss: signing.base, aud: `${signing.base}/mcp`, share: share.id, scope: 'mcp' })
    const asked = vi.spyOn(env.SIGN_IN, 'getByName')
    expect(await codeOf(await signing.use(tokens.access_token))).toBe(LET_IN)
    expect(await codeOf(await signing.use(tokens.access_token, '/mcp/'))).toBe(LET_IN)
    for (const path of ['/sse', '/messages?sessionId=x']) {
      const init = { method: path === '/sse' ? 'GET' : 'POST', headers: { authorization: `Bearer ${tokens.access_token}` } }
      const elsewhere = await signing.ask(path, init)
      expect([elsewhere.status, elsewhere.headers.get('www-authenticate')]).toEqual([
        401,
        `Bearer error="invalid_token", resource_metadata="${ORIGIN}/.well-known/oauth-protected-resource/s/${share.id}/sse"`,
      ])
    }
    expect(asked).not.toHaveBeenCalled()
    asked.mockRestore()
  })

  test('of /sse opens HTTP+SSE, and nothing else', async () => {
    const share = await createShare()
    const { code } = await invite(share)
    const signing = new SigningIn(share)
    const { access_token: token, resource } = await signing.signIn(code, { resource: `${signing.base}/sse` })
    expect(resource).toBe(`${signing.base}/sse`)
    const stream = await signing.ask('/sse', { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' } })
    expect(stream.status).toBe(200)
    await stream.body?.cancel()
    expect((await signing.use(token)).status).toBe(401)
  })

  test('opens no other share, no API and no link of an agent, and is no key', async () => {
    const [share, other] = [await createShare(), await createShare()]
    const { tokens } = await signedIn(share)
    expect((await new SigningIn(other).use(tokens.access_token)).status).toBe(401)
    expect((await order('GET', '/api/shares', undefined, tokens.access_token)).status).toBe(401)
    const signing = new SigningIn(share)
    const upgrade = { upgrade: 'websocket', authorization: `Bearer ${tokens.access_token}` }
    expect((await signing.ask(`${ORIGIN}/agent/${share.id}`, { headers: upgrade })).status).toBe(401)
    expect((await signing.use(tokens.access_token, '/k/aaaa/mcp')).status).toBe(401)
  })

  test('has one spelling, and what it says cannot be changed', async () => {
    const share = await createShare()
    const { signing, tokens } = await signedIn(share)
    const [head, , mac] = tokens.access_token.split('.')
    const claims = {
      iss: signing.base,
      aud: `${signing.base}/mcp`,
      share: share.id,
      sub: 'x',
      scope: 'mcp',
      client: 'c',
      grant: 'g',
      exp: 4e9,
    }
    for (const forged of [`${tokens.access_token}=`, `${head}.${btoa(JSON.stringify(claims))}.${mac}`, `${head}.`])
      expect((await signing.use(forged)).status, forged).toBe(401)
  })
})

describe('a code, a refresh token and a client', () => {
  test('are useless on another share', async () => {
    const [share, other] = [await createShare(), await createShare()]
    const [{ code }, elsewhere] = [await invite(share), new SigningIn(other)]
    const signing = new SigningIn(share)
    await signing.register()
    elsewhere.clientId = signing.clientId
    expect((await elsewhere.open()).response.status).toBe(400)
    const grant = await signing.approve(code)
    await elsewhere.register()
    expect(await errorOf(await elsewhere.exchange(grant))).toBe('400 invalid_grant')
    const tokens: { refresh_token: string } = await (await signing.exchange(grant)).json()
    expect(await errorOf(await elsewhere.refresh(tokens.refresh_token))).toBe('400 invalid_grant')
    const { code: theirs } = await invite(other)
    expect((await signing.decide(await signing.open(), { code: theirs })).status).toBe(403)
  })

  test('two visitors with the same client both live on, each as itself', async () => {
    const share = await createShare()
    const [ann, bob] = [await invite(share), await invite(share, { name: 'Bob' })]
    const signing = new SigningIn(share)
    const [first, second] = [await signing.signIn(ann.code), await signing.signIn(bob.code)]
    for (const { access_token: token, refresh_token: refresh } of [first, second]) {
      expect(await codeOf(await signing.use(token))).toBe(LET_IN)
      expect((await signing.refresh(refresh)).status).toBe(200)
    }
    for (const text of [first.refresh_token, second.access_token]) expect(text).not.toContain(ann.code.replaceAll('-', ''))
  })

  test('five parallel refreshes all live on', async () => {
    verifies('promise.9.refresh-once')
    const { signing, tokens } = await signedIn(await createShare())
    const answers = await Promise.all(Array.from({ length: 5 }, () => signing.refresh(tokens.refresh_token)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    const refreshed = await Promise.all(answers.map((answer) => answer.json<Tokens>()))
    for (const { access_token: token, refresh_token: refresh } of refreshed) {
      expect(await codeOf(await signing.use(token))).toBe(LET_IN)
      expect((await signing.refresh(refresh)).status).toBe(200)
    }
  })

  test('a code that is used twice ends what came of it', async () => {
    const share = await createShare()
    const { id, code } = await invite(share)
    const signing = new SigningIn(share)
    await signing.register()
    const grant = await signing.approve(code)
    const tokens: { access_token: string } = await (await signing.exchange(grant)).json()
    expect(await errorOf(await signing.exchange(grant))).toBe('400 invalid_grant')
    expect([(await signing.use(tokens.access_token)).status, await statusOf(share, id)]).toEqual([401, 'revoked'])
  })

  test('a scope that nobody knows is granted as the one that there is', async () => {
    const share = await createShare()
    const { code } = await invite(share)
    const signing = new SigningIn(share)
    await signing.register()
    const granted = await signing.exchange(await signing.approve(code, { scope: 'openid profile mcp' }), { scope: 'openid' })
    const tokens: { scope: string; refresh_token: string } = await granted.json()
    expect([granted.status, tokens.scope]).toEqual([200, 'mcp'])
    expect((await signing.refresh(tokens.refresh_token, { scope: 'openid offline_access' })).status).toBe(200)
  })

  test('300 anonymous registrations, and as many open consent pages, store nothing', async () => {
    verifies('promise.9.register-nothing')
    const share = await createShare()
    const signing = new SigningIn(share)
    for (let at = 0; at < 300; at++) {
      await signing.register({ client_name: `client ${at}` })
      expect((await signing.open()).response.status).toBe(200)
    }
    expect(await rowsOf(share)).toEqual([])
  })
})
