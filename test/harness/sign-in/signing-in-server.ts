/** An MCP server on this machine that signs its clients in by itself, and the authorization server that it trusts, on a port of its own; both within the test. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Grant {
  readonly user: string
  readonly scope: string
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString('utf8')
}

function json(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

async function listening(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<Server> {
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function stop(server: Server): Promise<void> {
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}

/** Grants whoever asks what is asked for, to the user of that time. */
export class AuthorizationServer implements AsyncDisposable {
  /** Who stands before the browser. */
  user = 'nobody'
  /** Access tokens that hold. */
  readonly tokens = new Map<string, Grant>()
  /** Resources that tokens were asked for (RFC 8707). */
  readonly resources: (string | null)[] = []
  readonly #codes = new Map<string, Grant>()
  readonly #refresh = new Map<string, Grant>()
  readonly #server: Server
  #count = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<AuthorizationServer> {
    const server = await listening((request, response) => made.#answer(request, response))
    const made = new AuthorizationServer(server)
    return made
  }

  get origin(): string {
    return originOf(this.#server)
  }

  /** Tokens that were given hold no more; what refreshes them does. */
  expire(): void {
    this.tokens.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#server)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', this.origin)
    switch (pathname) {
      case '/.well-known/oauth-authorization-server':
        return json(response, 200, {
          issuer: this.origin,
          authorization_endpoint: `${this.origin}/authorize`,
          token_endpoint: `${this.origin}/token`,
          registration_endpoint: `${this.origin}/register`,
          response_types_supported: ['code'],
          grant_types_supported: ['authorization_code', 'refresh_token'],
          code_challenge_methods_supported: ['S256'],
          token_endpoint_auth_methods_supported: ['none'],
        })
      case '/register':
        return json(response, 201, { ...(JSON.parse(await bodyOf(request)) as object), client_id: 'client' })
      case '/authorize': {
        const code = `code-${++this.#count}`
        this.#codes.set(code, { user: this.user, scope: searchParams.get('scope') ?? '' })
        const location = new URL(searchParams.get('redirect_uri') ?? '')
        location.searchParams.set('code', code)
        const state = searchParams.get('state')
        if (state !== null) location.searchParams.set('state', state)
        return void response.writeHead(302, { location: location.href }).end()
      }
      case '/token':
        return this.#giveTokens(new URLSearchParams(await bodyOf(request)), response)
      default:
        return void response.writeHead(404).end()
    }
  }

  #giveTokens(asked: URLSearchParams, response: ServerResponse): void {
    this.resources.push(asked.get('resource'))
    const grant = this.#codes.get(asked.get('code') ?? '') ?? this.#refresh.get(asked.get('refresh_token') ?? '')
    if (grant === undefined) return json(response, 400, { error: 'invalid_grant' })
    const count = ++this.#count
    this.tokens.set(`token-${count}-of-${grant.user}`, grant)
    this.#refresh.set(`refresh-${count}`, grant)
    json(response, 200, {
      access_token: `token-${count}-of-${grant.user}`,
      refresh_token: `refresh-${count}`,
      token_type: 'Bearer',
      expires_in: 3600,
      ...(grant.scope === '' ? {} : { scope: grant.scope }),
    })
  }
}

/** Has a session for each client, and tells each who it is: `whoami`; `write` wants the scope of that name. */
export class SigningInServer implements AsyncDisposable {
  /** Authorization fields that have come, with the method that they came for; of requests for metadata none. */
  readonly asked: { readonly authorization: string | undefined; readonly method: string }[] = []
  readonly #server: Server
  readonly #issuer: AuthorizationServer
  #sessions = 0

  private constructor(server: Server, issuer: AuthorizationServer) {
    this.#server = server
    this.#issuer = issuer
  }

  static async start(issuer: AuthorizationServer): Promise<SigningInServer> {
    const server = await listening((request, response) => made.#answer(request, response))
    const made = new SigningInServer(server, issuer)
    return made
  }

  get url(): string {
    return `${originOf(this.#server)}/mcp`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#server)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const metadata = '/.well-known/oauth-protected-resource/mcp'
    if (request.url === metadata)
      return json(response, 200, { resource: this.url, authorization_servers: [this.#issuer.origin], scopes_supported: ['read', 'write'] })
    const text = await bodyOf(request)
    const message = (text === '' ? {} : JSON.parse(text)) as {
      readonly id?: unknown
      readonly method?: string
      readonly params?: { name?: string }
    }
    const { authorization } = request.headers
    this.asked.push({ authorization, method: message.method ?? request.method ?? '' })
    const grant = this.#issuer.tokens.get((authorization ?? '').replace('Bearer ', ''))
    const challenge = (more: string): Record<string, string> => ({
      'www-authenticate': `Bearer ${more}resource_metadata="${new URL(metadata, this.url).href}"`,
    })
    if (grant === undefined)
      return json(
        response,
        401,
        { error: 'invalid_token' },
        challenge(authorization === undefined ? 'scope="read", ' : 'error="invalid_token", '),
      )
    if (request.method !== 'POST') return void response.writeHead(request.method === 'DELETE' ? 200 : 405).end()
    if (message.id === undefined) return void response.writeHead(202).end()
    const answer = (result: object, headers: Record<string, string> = {}): void =>
      json(response, 200, { jsonrpc: '2.0', id: message.id, result }, headers)
    switch (message.method) {
      case 'initialize':
        return answer(
          { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'signs-in', version: '1' } },
          { 'mcp-session-id': `session-${++this.#sessions}` },
        )
      case 'tools/list':
        return answer({ tools: ['whoami', 'write', `of-${grant.user}`].map((name) => ({ name, inputSchema: { type: 'object' } })) })
      case 'tools/call':
        if (message.params?.name === 'write' && !grant.scope.split(' ').includes('write'))
          return json(response, 403, { error: 'insufficient_scope' }, challenge('error="insufficient_scope", scope="read write", '))
        return answer({ content: [{ type: 'text', text: `${grant.user} ${grant.scope}` }] })
      default:
        return json(response, 200, { jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } })
    }
  }
}
