/** How the clients that people have sign in: what each registers and where it has codes sent, as they were seen to do. */
import { describe, expect, test } from 'vitest'
import { createShare } from '../harness/relay.ts'
import { invite, SigningIn } from '../harness/sign-in.ts'

interface Golden {
  readonly client: string
  readonly body: Readonly<Record<string, unknown>>
  /** Where it has the code sent, of what it has registered. */
  readonly redirectUri: string
  readonly scope?: string
}

const CODE = { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] }
const PUBLIC = { ...CODE, token_endpoint_auth_method: 'none' }
const VS_CODE = {
  ...PUBLIC,
  client_name: 'Visual Studio Code',
  client_uri: 'https://code.visualstudio.com',
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  redirect_uris: [
    'https://insiders.vscode.dev/redirect',
    'https://vscode.dev/redirect',
    'http://localhost/',
    'http://127.0.0.1/',
    'http://localhost:33418/',
    'http://127.0.0.1:33418/',
  ],
  application_type: 'native',
}
const CURSOR = {
  ...PUBLIC,
  client_name: 'Cursor',
  redirect_uris: [
    'https://www.cursor.com/agents/mcp/oauth/callback',
    'https://www.cursor.com/bot/mcp/oauth/callback',
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'http://localhost:8787/callback',
    'grokbot://mcp/oauth/callback',
  ],
}

const GOLDEN: readonly Golden[] = [
  {
    client: 'claude.ai',
    body: {
      ...CODE,
      client_name: 'Claude',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
      token_endpoint_auth_method: 'client_secret_post',
      scope: 'claudeai',
    },
    redirectUri: 'https://claude.ai/api/mcp/auth_callback',
    scope: 'mcp',
  },
  {
    client: 'claude.com',
    body: {
      ...PUBLIC,
      client_name: 'Claude',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback'],
    },
    redirectUri: 'https://claude.com/api/mcp/auth_callback',
  },
  {
    client: 'Claude Code',
    body: { ...PUBLIC, client_name: 'Claude Code (share)', redirect_uris: ['http://localhost:54545/callback'] },
    redirectUri: 'http://localhost:61234/callback',
  },
  {
    client: 'ChatGPT',
    body: {
      ...CODE,
      client_name: 'ChatGPT',
      redirect_uris: ['https://chatgpt.com/connector/oauth/abc123'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    redirectUri: 'https://chatgpt.com/connector/oauth/abc123',
    scope: 'openid mcp',
  },
  {
    client: 'ChatGPT, older',
    body: { ...PUBLIC, client_name: 'ChatGPT', redirect_uris: ['https://chatgpt.com/connector_platform_oauth_redirect'] },
    redirectUri: 'https://chatgpt.com/connector_platform_oauth_redirect',
  },
  { client: 'Cursor', body: CURSOR, redirectUri: 'cursor://anysphere.cursor-mcp/oauth/callback' },
  { client: 'Cursor, on loopback', body: CURSOR, redirectUri: 'http://localhost:8787/callback' },
  { client: 'Cursor, agents', body: CURSOR, redirectUri: 'https://www.cursor.com/agents/mcp/oauth/callback' },
  { client: 'VS Code', body: VS_CODE, redirectUri: 'http://127.0.0.1:40123/' },
  { client: 'VS Code, on the web', body: VS_CODE, redirectUri: 'https://vscode.dev/redirect' },
  {
    client: 'Codex',
    body: { ...PUBLIC, client_name: 'Codex', redirect_uris: ['http://127.0.0.1:52345/callback'] },
    redirectUri: 'http://127.0.0.1:52345/callback',
  },
  {
    client: 'Gemini CLI',
    body: { ...PUBLIC, client_name: 'Gemini CLI MCP Client', redirect_uris: ['http://localhost:7777/oauth/callback'], scope: '' },
    redirectUri: 'http://localhost:65290/oauth/callback',
  },
  {
    client: 'mcp-remote',
    body: {
      ...PUBLIC,
      client_name: 'MCP CLI Proxy',
      client_uri: 'https://github.com/modelcontextprotocol/mcp-cli',
      redirect_uris: ['http://localhost:3334/oauth/callback'],
      software_id: '2e6dc280',
      software_version: '0.1.37',
    },
    redirectUri: 'http://localhost:3334/oauth/callback',
  },
  {
    client: 'a client that says the least',
    body: { redirect_uris: ['https://client.example/callback'] },
    redirectUri: 'https://client.example/callback',
  },
  {
    client: 'a client with empty members',
    body: { ...PUBLIC, redirect_uris: ['https://client.example/callback'], client_uri: '', logo_uri: null, client_name: '' },
    redirectUri: 'https://client.example/callback',
  },
]

/** What a client adds to a token request to prove itself. */
function proofOf(told: Readonly<Record<string, unknown>>): Record<string, string> {
  return told['client_secret'] === undefined ? {} : { client_secret: String(told['client_secret']) }
}

describe.each(GOLDEN)('$client', ({ body, redirectUri, scope }) => {
  test('registers, signs in, refreshes and is told the issuer', async () => {
    const share = await createShare()
    const { code } = await invite(share)
    const signing = new SigningIn(share, { redirectUri })
    const told = await signing.register({ client_name: undefined, token_endpoint_auth_method: undefined, ...body })
    expect(told).toMatchObject({ client_id: expect.any(String) as string, redirect_uris: body['redirect_uris'] })
    expect(signing.clientId.length).toBeLessThan(1500)
    const decided = await signing.decide(await signing.open(scope === undefined ? {} : { scope }), { code })
    const location = new URL(decided.headers.get('location') ?? '')
    expect([decided.status, location.searchParams.get('iss'), location.searchParams.get('state')]).toEqual([303, signing.base, 'st'])
    expect(location.href.split('?')[0]).toBe(redirectUri)
    const exchanged = await exchange(signing, told, location.searchParams.get('code') ?? '')
    expect(exchanged.status).toBe(200)
    const tokens: { access_token: string; refresh_token: string } = await exchanged.json()
    expect((await signing.use(tokens.access_token)).status).toBe(404)
    expect(
      (await ask(signing, told, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, resource: `${signing.base}/mcp` }))
        .status,
    ).toBe(200)
  })
})

function exchange(signing: SigningIn, told: Readonly<Record<string, unknown>>, code: string): Promise<Response> {
  const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
  return ask(signing, told, { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: signing.redirectUri })
}

/** A token request by the client's own method, and that of the standard where it has not said one. */
function ask(signing: SigningIn, told: Readonly<Record<string, unknown>>, members: Readonly<Record<string, string>>): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' }
  const isBasic = told['token_endpoint_auth_method'] === 'client_secret_basic'
  if (isBasic) headers['authorization'] = `Basic ${btoa(`${encodeURIComponent(signing.clientId)}:${String(told['client_secret'])}`)}`
  const named = isBasic ? {} : { client_id: signing.clientId, ...proofOf(told) }
  return signing.ask('/token', { method: 'POST', headers, body: new URLSearchParams({ ...named, ...members }).toString() })
}

describe('a registration', () => {
  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['no redirect URI', '{}'],
    ['a redirect URI that is a script', '{"redirect_uris":["javascript:alert(1)"]}'],
    ['a redirect URI of plain http', '{"redirect_uris":["http://client.example/"]}'],
    ['a redirect URI with a fragment', '{"redirect_uris":["https://client.example/#x"]}'],
    [
      'only flows that are not offered',
      '{"redirect_uris":["https://client.example/"],"grant_types":["implicit"],"response_types":["token"]}',
    ],
    ['more than an id can hold', JSON.stringify({ redirect_uris: [`https://client.example/${'x'.repeat(5000)}`] })],
  ])('with %s is refused', async (_, body) => {
    const signing = new SigningIn(await createShare())
    const response = await signing.ask('/register', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    expect([response.status, response.headers.get('cache-control')?.includes('no-store') ?? false]).toEqual([400, true])
    expect(await response.json()).toMatchObject({ error: expect.stringMatching(/^invalid_/) as string })
  })

  test('above 16 KiB is refused', async () => {
    const signing = new SigningIn(await createShare())
    expect((await signing.ask('/register', { method: 'POST', body: 'x'.repeat(17_000) })).status).toBe(413)
  })

  test('makes an id that holds for its share, unchanged', async () => {
    const signing = new SigningIn(await createShare())
    await signing.register()
    const id = signing.clientId
    for (const forged of [
      `${id}A`,
      id.slice(0, -1),
      id.replace('.', '..'),
      `${btoa('{"redirectUris":["https://evil.example/"]}')}.${id.split('.')[1]}`,
    ]) {
      signing.clientId = forged
      expect((await signing.open()).response.status, forged).toBe(400)
    }
  })

  test('with a secret proves itself by that alone', async () => {
    const share = await createShare()
    const { code } = await invite(share)
    const signing = new SigningIn(share)
    const told = await signing.register({ token_endpoint_auth_method: 'client_secret_post' })
    const grant = await signing.approve(code)
    for (const secret of ['', 'guess']) expect((await exchange(signing, { ...told, client_secret: secret }, grant)).status).toBe(401)
    expect((await exchange(signing, told, grant)).status).toBe(200)
  })
})
