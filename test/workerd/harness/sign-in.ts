/** A client that signs in at a share, and the browser of its person: what each sends, step by step. */
import { runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { order } from './orders.ts'
import { askAsOwner, ORIGIN, type TestShare } from './relay.ts'

export interface Person {
  readonly id: string
  readonly code: string
  readonly status: string
  readonly url: string
  readonly policy: unknown
  readonly [member: string]: unknown
}

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
  readonly scope: string
  readonly resource: string
  readonly [member: string]: unknown
}

/** RFC 7636, appendix B. */
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

export async function invite(share: TestShare, members: object = { name: 'Ann' }): Promise<Person> {
  const response = await askAsOwner('POST', `/api/shares/${share.id}/people`, members)
  return response.json()
}

const CLAUDE_AI = 'https://claude.ai/api/mcp/auth_callback'

interface Place {
  readonly base?: string
  readonly redirectUri?: string
  readonly fetch?: (request: Request) => Response | Promise<Response>
}

function ask(request: Request): Promise<Response> {
  return exports.default.fetch(request)
}

/** One client at one sign-in. */
export class SigningIn {
  readonly base: string
  readonly redirectUri: string
  readonly #fetch: (request: Request) => Response | Promise<Response>
  clientId = ''

  /** `base`: below which everything of the sign-in is. `fetch`: of a relay that is set up otherwise. */
  constructor(share: Pick<TestShare, 'id'>, { base = `${ORIGIN}/s/${share.id}`, redirectUri = CLAUDE_AI, fetch = ask }: Place = {}) {
    this.base = base
    this.redirectUri = redirectUri
    this.#fetch = fetch
  }

  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    return this.#fetch(new Request(/^https?:/.test(path) ? path : `${this.base}${path}`, { redirect: 'manual', ...init }))
  }

  async register(members: object = {}): Promise<Record<string, unknown>> {
    const body = JSON.stringify({
      redirect_uris: [this.redirectUri],
      token_endpoint_auth_method: 'none',
      client_name: 'Claude',
      ...members,
    })
    const response = await this.ask('/register', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const told: Record<string, unknown> = await response.json()
    if (response.status === 201) this.clientId = String(told['client_id'])
    return told
  }

  authorizeQuery(members: Readonly<Record<string, string>> = {}): string {
    return new URLSearchParams({
      response_type: 'code',
      client_id: this.clientId,
      redirect_uri: this.redirectUri,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
      state: 'st',
      resource: `${this.base}/mcp`,
      ...members,
    }).toString()
  }

  /** Opens the consent page as a browser does. */
  async open(members: Readonly<Record<string, string>> = {}): Promise<OpenPage> {
    const response = await this.ask(`/authorize?${this.authorizeQuery(members)}`)
    const html = await response.text()
    const [, sealed = ''] = /name="request" value="([^"]*)"/.exec(html) ?? []
    const [, action = ''] = /action="([^"]*)"/.exec(html) ?? []
    const [cookie = ''] = (response.headers.get('set-cookie') ?? '').split(';')
    return { response, html, sealed, action, cookie }
  }

  /** Sends the page's form. */
  decide(
    { sealed, cookie, action }: Pick<OpenPage, 'sealed' | 'cookie' | 'action'>,
    fields: Readonly<Record<string, string>>,
    headers = {},
  ) {
    const { origin } = new URL(this.base)
    const body = new URLSearchParams({ request: sealed, decision: 'allow', ...fields })
    const sent = { origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded', cookie, ...headers }
    return this.ask(`${origin}${action}`, { method: 'POST', headers: sent, body: body.toString() })
  }

  /** The code that the browser brings back. */
  async approve(code: string, members: Readonly<Record<string, string>> = {}): Promise<string> {
    const response = await this.decide(await this.open(members), { code })
    const location = response.headers.get('location')
    if (response.status !== 303 || location === null) throw new Error(`not approved: ${response.status}`)
    return new URL(location).searchParams.get('code') ?? ''
  }

  token(members: Readonly<Record<string, string>>): Promise<Response> {
    const body = new URLSearchParams({ client_id: this.clientId, ...members }).toString()
    return this.ask('/token', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body })
  }

  exchange(code: string, members: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.token({ grant_type: 'authorization_code', code, code_verifier: VERIFIER, redirect_uri: this.redirectUri, ...members })
  }

  refresh(refreshToken: string, members: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.token({ grant_type: 'refresh_token', refresh_token: refreshToken, ...members })
  }

  /** From an access code to tokens. */
  async signIn(code: string, members: Readonly<Record<string, string>> = {}): Promise<Tokens> {
    if (this.clientId === '') await this.register()
    const response = await this.exchange(await this.approve(code, members))
    if (!response.ok) throw new Error(`no tokens: ${response.status} ${await response.text()}`)
    return response.json()
  }

  /** A request that any client may make which is let in; 404 `SESSION_NOT_FOUND` says that it was. */
  async use(token: string, path = '/mcp'): Promise<Response> {
    return this.ask(path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': 'nobody',
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    })
  }
}

export interface OpenPage {
  readonly response: Response
  readonly html: string
  readonly sealed: string
  readonly action: string
  readonly cookie: string
}

/** A client whose person has signed in. */
export async function signedIn(share: TestShare, members?: object) {
  const person = await invite(share, members)
  const signing = new SigningIn(share)
  return { person, signing, tokens: await signing.signIn(person.code) }
}

export async function codeOf(response: Response): Promise<unknown> {
  const { error }: { error?: { data?: { code?: string } } } = await response.json()
  return `${response.status} ${error?.data?.code}`
}

export async function errorOf(response: Response): Promise<unknown> {
  const { error }: { error?: unknown } = await response.json()
  return `${response.status} ${String(error)}`
}

/** Of a request with a token that was let in. */
export const LET_IN = '404 SESSION_NOT_FOUND'

export async function statusOf(share: TestShare, id: string): Promise<unknown> {
  const { told } = await order('GET', `/api/shares/${share.id}/people`)
  return (told['people'] as { id: string; status: string }[]).find((person) => person.id === id)?.status
}

export function rowsOf(share: TestShare): Promise<unknown[]> {
  return runInDurableObject(env.SIGN_IN.getByName(share.id), (_, { storage }) =>
    storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'kept'").toArray().length === 0
      ? []
      : storage.sql.exec('SELECT name, value FROM kept').toArray(),
  )
}
