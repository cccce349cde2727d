/**
 * The token endpoint of a share's sign-in: what the library answers, with our own access tokens in place of its. A refresh that comes
 * twice, as from several processes of one client, runs once, and for a while is answered as before.
 */
import { encode } from 'jose/base64url'
import { isAccessToken, mintAccessToken, resourceNamedBy, verifyAccessToken } from '../access/access-token.ts'
import type { RelayKeys } from '../access/secrets/keys.ts'
import { hashSecret } from '../access/secrets/secret.ts'
import { resourcesOf, serverOfResource } from '../access/share-site.ts'
import { ACCESS_TOKEN_MS, MAX_TOKEN_REQUEST_BYTES } from './limits.ts'
import { authorizationServer, isOfThisMachine, SCOPE, toInside, toOutside } from './authorization-server.ts'
import { ClientIds } from './client-ids.ts'
import { type GrantStore, withClients } from './grant-store.ts'
import { oauthError } from './oauth-error.ts'
import { readCapped } from '../read-capped.ts'
import { sealGrant } from './sealed-grants.ts'
import { RefreshMemo, type TokenAnswer } from './refresh-memo.ts'

interface Parts {
  readonly share: string
  readonly keys: RelayKeys
  readonly store: GrantStore
  /** Whether the link of a person lets anything in. */
  readonly isLive: (link: string) => Promise<boolean>
}

export class TokenEndpoint {
  readonly #parts: Parts
  readonly #refreshes: RefreshMemo
  /** The last request of each grant that is under way: they run one after the other. */
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(parts: Parts) {
    this.#parts = parts
    this.#refreshes = new RefreshMemo(parts.store)
  }

  /** Forgets what was answered. */
  forget(): void {
    this.#refreshes.forget()
  }

  /** `request`: with the URL that the client has called, which ends in `/token`. */
  async fetch(request: Request): Promise<Response> {
    const base = request.url.replace(/\/token\/?(?:\?.*)?$/, '')
    const text = await readCapped(request.body, MAX_TOKEN_REQUEST_BYTES)
    if (text === undefined) return oauthError('invalid_request', 'The request is too large.', 413)
    const form = new URLSearchParams(text)
    const grant = grantNameOf(form.get('refresh_token') ?? form.get('code') ?? '')
    const { link, resource } = (grant === undefined ? undefined : this.#parts.store.grant(grant)) ?? {}
    if (link !== undefined && !(await this.#parts.isLive(link)))
      return oauthError('invalid_grant', 'The access of this person is over. Ask the owner of the share.', 400)
    const ask = (): Promise<TokenAnswer> => this.#inTurn(grant, () => this.#answer({ base, resource }, request, narrowed(base, form), form))
    // Of a grant that is over nothing is remembered.
    const isRefresh = form.get('grant_type') === 'refresh_token' && link !== undefined
    const { status, headers, body } = await (isRefresh ? this.#refreshes.once(spelled(request, form), ask) : ask())
    return new Response(body, { status, headers: headers.map(([name, value]): [string, string] => [name, value]) })
  }

  /** Runs what concerns a grant after what runs for it already. */
  async #inTurn<T>(grant: string | undefined, run: () => Promise<T>): Promise<T> {
    if (grant === undefined) return run()
    const before = this.#running.get(grant)
    const turn = before === undefined ? run() : before.then(run, run)
    this.#running.set(grant, turn)
    try {
      return await turn
    } finally {
      if (this.#running.get(grant) === turn) this.#running.delete(grant)
    }
  }

  async #answer(place: TokenPlace, request: Request, inside: URLSearchParams, form: URLSearchParams): Promise<TokenAnswer> {
    const { base } = place
    const headers = new Headers({ 'content-type': request.headers.get('content-type') ?? '' })
    const authorization = request.headers.get('authorization')
    if (authorization !== null) headers.set('authorization', authorization)
    const body = request.method === 'POST' ? inside.toString() : undefined
    const asked = { method: request.method, headers, ...(body === undefined ? {} : { body }) }
    const response = await this.#askLibrary(place, form, asked)
    const told = await response.text()
    const isRevocation = form.get('grant_type') === null && form.get('token') !== null
    if (response.ok && isRevocation) await this.#revoke(base, form, authorization)
    const answered = { status: response.status, headers: [...response.headers] }
    if (!response.ok || isRevocation) return { ...answered, body: toOutside(base, told) }
    return { ...answered, body: JSON.stringify(await this.#withOurToken(base, JSON.parse(told) as TokenResponse)) }
  }

  /** Once more without looking up a client, as `askServer` does: here that a lookup has failed is an answer. */
  async #askLibrary({ base, resource }: TokenPlace, form: URLSearchParams, asked: RequestInit): Promise<Response> {
    const { keys, share, store } = this.#parts
    const clients = new ClientIds(keys.signIn, share, form.get('redirect_uri') ?? ANY_LOOPBACK)
    const ask = (looksUp: boolean): Promise<Response> =>
      authorizationServer(base, resource, looksUp).fetch(
        new Request(`${toInside(base)}/token`, asked),
        { OAUTH_KV: withClients(store, clients) },
        NO_CONTEXT,
      )
    const response = await ask(true)
    const isUnseen = response.status === 401 && isOfThisMachine(base) && form.get('client_id')?.startsWith('https:') === true
    return isUnseen ? ask(false) : response
  }

  async #withOurToken(base: string, told: TokenResponse): Promise<Record<string, unknown>> {
    const { share, keys, store } = this.#parts
    const grant = grantNameOf(told.access_token) ?? ''
    const facts = store.grant(grant)
    if (facts === undefined) throw new Error('a token was made without a grant')
    const resource = toOutside(base, told.resource)
    const nowMs = Date.now()
    const expiresAtMs = nowMs + Math.min(told.expires_in * 1000, ACCESS_TOKEN_MS)
    const access = { resource, share, link: facts.link, client: await digestOf(facts.clientId), grant, scope: told.scope, expiresAtMs }
    const refresh =
      told.refresh_token === undefined ? {} : { refresh_token: await sealGrant({ keys, share }, 'refresh', told.refresh_token) }
    return {
      ...told,
      ...refresh,
      resource,
      token_type: 'Bearer',
      access_token: await mintAccessToken(keys.accessToken, base, access, nowMs),
    }
  }

  /** Ends the grant of one of our tokens (RFC 7009), of which the library knows nothing; it has verified whose client asks. */
  async #revoke(base: string, form: URLSearchParams, authorization: string | null): Promise<void> {
    this.#refreshes.forget()
    const token = form.get('token') ?? ''
    if (!isAccessToken(token)) return
    const { keys, share, store } = this.#parts
    const client = await digestOf(form.get('client_id') ?? basicClientOf(authorization))
    for (const resource of resourcesOf(base, serverOfResource(base, resourceNamedBy(token) ?? ''))) {
      const read = await verifyAccessToken(keys.accessToken, token, { resource, share }, Date.now())
      if (read.ok && read.value.client === client) await store.delete(`grant:${read.value.grant}`)
    }
  }
}

/** A refresh names no redirect URI, and none is looked at. */
const ANY_LOOPBACK = 'http://localhost/'

/** `resource`: what the grant is for. */
interface TokenPlace {
  readonly base: string
  readonly resource: string | undefined
}

interface TokenResponse {
  readonly access_token: string
  readonly refresh_token?: string
  readonly expires_in: number
  readonly scope: string
  readonly resource: string
}

/** What the library hands work on to that outlives a request: it has none here. */
const NO_CONTEXT = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} } as unknown as ExecutionContext

/** All that a refresh says, in one spelling. */
function spelled({ headers }: Request, form: URLSearchParams): string {
  const sorted = new URLSearchParams(form)
  sorted.sort()
  return JSON.stringify([headers.get('authorization') ?? '', sorted.toString()])
}

/** The form as the library takes it: no scope that we do not know, since it refuses those, and its own spelling of our URLs. */
function narrowed(base: string, form: URLSearchParams): URLSearchParams {
  const inside = new URLSearchParams()
  for (const [name, value] of form) {
    if (name === 'scope') continue
    inside.append(name, name === 'resource' && value.startsWith(`${base}/`) ? toInside(value) : value)
  }
  if (form.get('grant_type') === 'refresh_token') inside.append('scope', SCOPE)
  return inside
}

/** The name of the grant in a code or refresh token. */
function grantNameOf(secret: string): string | undefined {
  const [, name] = /^([\w-]+:[\w-]+):[\w-]+$/.exec(secret) ?? []
  return name
}

async function digestOf(clientId: string): Promise<string> {
  return encode(await hashSecret(clientId))
}

/** The client of an `Authorization: Basic` header (RFC 6749 §2.3.1). */
function basicClientOf(authorization: string | null): string {
  const [, credentials] = /^basic +(\S+)$/i.exec(authorization ?? '') ?? []
  try {
    return decodeURIComponent((credentials === undefined ? '' : atob(credentials)).split(':', 1)[0] ?? '')
  } catch {
    return ''
  }
}
