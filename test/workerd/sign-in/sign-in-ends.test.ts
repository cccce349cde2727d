/** What ends the access of people who have signed in, and what does not, in the real runtime. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { Registry } from '../../../worker/registry/registry.ts'
import { order } from '../harness/orders.ts'
import { createShare, ORIGIN, resetShare, revokeShare, TestClient } from '../harness/relay.ts'
import { connected, initialize } from '../harness/scripted-agent.ts'
import { signedIn, codeOf, errorOf, LET_IN, statusOf, rowsOf, invite, SigningIn, type Tokens } from '../harness/sign-in.ts'

describe('what ends access', () => {
  test('removing the person: tokens, streams and refreshes at once, and nobody else', async () => {
    verifies('promise.9.sign-in')
    const { share, agent } = await connected()
    const [{ person, signing, tokens }, other] = [await signedIn(share), await signedIn(share, { name: 'Bob' })]
    const client = new TestClient(share, tokens.access_token)
    await initialize(agent, client)
    const stream = await client.listen()
    expect(stream.status).toBe(200)
    expect((await order('DELETE', `/api/shares/${share.id}/people/${person.id}`)).status).toBe(204)
    expect(await stream.text()).not.toContain('tools')
    const refused = await signing.use(tokens.access_token)
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer error="invalid_token", resource_metadata="${ORIGIN}/.well-known/oauth-protected-resource/s/${share.id}/mcp"`,
    ])
    expect(await errorOf(await signing.refresh(tokens.refresh_token))).toBe('400 invalid_grant')
    expect(await statusOf(share, person.id)).toBe('revoked')
    expect(await codeOf(await other.signing.use(other.tokens.access_token))).toBe(LET_IN)
    expect((await order('DELETE', `/api/shares/${share.id}/people/${person.id}`)).told['code']).toBe('PERSON_NOT_FOUND')
  })

  test('an answer to a refresh that was remembered is not given after that', async () => {
    const share = await createShare()
    const { person, signing, tokens } = await signedIn(share)
    expect((await signing.refresh(tokens.refresh_token)).status).toBe(200)
    await order('DELETE', `/api/shares/${share.id}/people/${person.id}`)
    expect(await errorOf(await signing.refresh(tokens.refresh_token))).toBe('400 invalid_grant')
  })

  test('a rotation of the share', async () => {
    const share = await createShare()
    const [{ signing, tokens }, { code }] = [await signedIn(share), await invite(share)]
    await order('POST', `/api/shares/${share.id}/rotate`, {})
    expect((await signing.use(tokens.access_token)).status).toBe(401)
    expect(await errorOf(await signing.refresh(tokens.refresh_token))).toBe('400 invalid_grant')
    expect((await signing.decide(await signing.open(), { code })).status).toBe(403)
  })

  test.each(['access_token', 'refresh_token'] as const)('its client, which revokes its %s (RFC 7009)', async (which) => {
    const share = await createShare()
    const { person, signing, tokens } = await signedIn(share)
    const stranger = new SigningIn(share)
    await stranger.register({ client_name: 'stranger' })
    expect((await stranger.token({ token: tokens[which] })).status).toBe(200)
    expect(await codeOf(await signing.use(tokens.access_token))).toBe(LET_IN)
    expect((await signing.token({ token: tokens[which] })).status).toBe(200)
    expect([(await signing.use(tokens.access_token)).status, await statusOf(share, person.id)]).toEqual([401, 'revoked'])
  })

  test('the end of the share, with all that was kept of it', async () => {
    const share = await createShare()
    const { signing, tokens } = await signedIn(share)
    expect(await rowsOf(share)).not.toEqual([])
    await revokeShare(share)
    expect(await rowsOf(share)).toEqual([])
    expect((await signing.use(tokens.access_token)).status).toBe(404)
    expect(await errorOf(await signing.refresh(tokens.refresh_token))).toBe('400 invalid_grant')
    // Who asks later makes nothing anew.
    const tables = await runInDurableObject(env.SIGN_IN.getByName(share.id), (_, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'kept'").toArray(),
    )
    expect(tables).toEqual([])
  })

  test('but not a reset of the share', async () => {
    const share = await createShare()
    const { signing, tokens } = await signedIn(share)
    await signing.use(tokens.access_token)
    await resetShare(share)
    expect(await codeOf(await signing.use(tokens.access_token))).toBe(LET_IN)
  })
})

describe('a sign-in that breaks off', () => {
  test('before the access code is used up can be tried again with it', async () => {
    const share = await createShare()
    const { code } = await invite(share)
    const signing = new SigningIn(share)
    await signing.register()
    const failing = vi.spyOn(Registry.prototype, 'accessCode').mockImplementationOnce(() => {
      throw new Error('reset')
    })
    expect((await signing.decide(await signing.open(), { code })).status).toBe(500)
    failing.mockRestore()
    expect((await signing.exchange(await signing.approve(code))).status).toBe(200)
  })

  test('leaves a refresh that comes again after a reset with the same answer, which no row tells', async () => {
    verifies('promise.9.refresh-once')
    const share = await createShare()
    const { signing, tokens } = await signedIn(share)
    const first = await (await signing.refresh(tokens.refresh_token)).json<Tokens>()
    await runInDurableObject(env.SIGN_IN.getByName(share.id), (_, state) => state.abort('reset by a test')).catch(() => undefined)
    expect(await (await signing.refresh(tokens.refresh_token)).json()).toEqual(first)
    expect((await signing.refresh(first.refresh_token)).status).toBe(200)
    const rows = JSON.stringify(await rowsOf(share))
    for (const secret of [tokens.refresh_token, first.refresh_token, first.access_token]) expect(rows).not.toContain(secret)
  })

  test('and a token object that is reset in between exchanges the code all the same', async () => {
    const share = await createShare()
    const { code } = await invite(share)
    const signing = new SigningIn(share)
    await signing.register()
    const grant = await signing.approve(code)
    await runInDurableObject(env.SIGN_IN.getByName(share.id), (_, state) => state.abort('reset by a test')).catch(() => undefined)
    expect((await signing.exchange(grant)).status).toBe(200)
  })
})
