/** Clients that name a metadata document in the place of registering: how it is looked up, and what lets nobody in. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createShare } from '../harness/relay.ts'
import { invite, SigningIn } from '../harness/sign-in.ts'

describe('a client metadata document', () => {
  const ID = 'https://client.example/oauth/client.json'
  const DOCUMENT = {
    client_id: ID,
    client_name: 'Client',
    redirect_uris: ['http://localhost/callback', 'https://client.example/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }

  /** Answers what is fetched from the world. */
  function world(answer: () => Response): { readonly asked: string[] } {
    const asked: string[] = []
    vi.stubGlobal('fetch', (input: RequestInfo) => {
      asked.push(typeof input === 'string' ? input : input.url)
      return Promise.resolve(answer())
    })
    return { asked }
  }

  afterEach(() => {
    vi.unstubAllGlobals()
  })

  test('takes the place of registering, and names a host that is proved', async () => {
    const share = await createShare()
    const { code } = await invite(share)
    const { asked } = world(() => Response.json(DOCUMENT))
    const signing = new SigningIn(share, { redirectUri: 'http://localhost:49152/callback' })
    signing.clientId = ID
    const page = await signing.open()
    expect(page.html).toContain('described at client.example')
    const tokens = await signing.signIn(code)
    expect((await signing.use(tokens.access_token)).status).toBe(404)
    expect((await signing.refresh(tokens.refresh_token)).status).toBe(200)
    expect(new Set(asked)).toEqual(new Set([ID]))
  })

  test.each([
    ['names another client', () => Response.json({ ...DOCUMENT, client_id: 'https://other.example/x' })],
    ['is too large', () => Response.json({ ...DOCUMENT, pad: 'x'.repeat(6000) })],
    ['is not there', () => new Response('', { status: 404 })],
    ['is no JSON', () => new Response('<html>')],
    ['holds a secret', () => Response.json({ ...DOCUMENT, client_secret: 'x' })],
  ])('that %s lets nobody in', async (_, answer) => {
    const share = await createShare()
    world(answer)
    const signing = new SigningIn(share, { redirectUri: 'https://client.example/callback' })
    signing.clientId = ID
    const { response } = await signing.open()
    expect([response.status, response.headers.get('location')]).toEqual([502, null])
  })

  test.each([
    'http://client.example/x',
    'https://client.example',
    'https://a:b@client.example/x',
    'https://client.example/../x',
    'file:///x',
  ])('at %s is not fetched', async (id) => {
    const share = await createShare()
    const { asked } = world(() => Response.json({ ...DOCUMENT, client_id: id }))
    const signing = new SigningIn(share, { redirectUri: 'https://client.example/callback' })
    signing.clientId = id
    expect((await signing.open()).response.headers.get('location')).toBeNull()
    expect(asked).toEqual([])
  })

  test('that cannot be fetched by a loopback relay lets a program of this machine in, unverified, and nobody else', async () => {
    const share = await createShare()
    const { code } = await invite(share)
    world(() => Response.error())
    const base = `http://127.0.0.1:8787/s/${share.id}`
    const signing = new SigningIn(share, { base, redirectUri: 'http://127.0.0.1:49152/callback' })
    signing.clientId = ID
    const page = await signing.open()
    expect(page.html).toContain(`${ID} (not verified)`)
    const tokens = await signing.signIn(code)
    expect((await signing.use(tokens.access_token)).status).toBe(404)
    expect((await signing.refresh(tokens.refresh_token)).status).toBe(200)
    const away = new SigningIn(share, { base, redirectUri: 'https://client.example/callback' })
    away.clientId = ID
    expect((await away.open()).response.status).toBe(400)
  })
})
