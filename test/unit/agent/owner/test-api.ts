/** Stands in for a relay's API: answers as a test says, and keeps what it was asked. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Reply {
  readonly status?: number
  /** An object becomes JSON. */
  readonly body?: object | string
  readonly headers?: Readonly<Record<string, string>>
  /** The connection breaks behind the body. */
  readonly isCut?: true
}

/** By method and path, such as `GET shares?after=1`. */
export type Replies = Readonly<Record<string, Reply>>

export class TestApi implements AsyncDisposable {
  readonly asked: { readonly call: string; readonly authorization: string | undefined; readonly body: string }[] = []
  readonly #server: Server

  private constructor(replies: Replies) {
    this.#server = createServer((request, response) => {
      void this.#keep(request).then((call) => {
        const { status = 200, body = {}, headers, isCut } = replies[call] ?? problem(404, 'ROUTE_NOT_FOUND')
        response.writeHead(status, { 'content-type': 'application/json', ...headers })
        if (isCut === true) return response.write(String(body), () => response.destroy())
        return response.end(typeof body === 'string' ? body : JSON.stringify(body))
      })
    })
  }

  static async start(replies: Replies): Promise<TestApi> {
    const api = new TestApi(replies)
    api.#server.listen(0, '127.0.0.1')
    await once(api.#server, 'listening')
    return api
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #keep(request: IncomingMessage): Promise<string> {
    const call = `${request.method} ${request.url?.replace('/api/', '')}`
    let body = ''
    for await (const chunk of request) body += String(chunk)
    this.asked.push({ call, authorization: request.headers.authorization, body })
    return call
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** As the relay's own: title, and a detail that ends with advice. */
export function problem(status: number, code: string, title = 'It went wrong.', detail = 'Do this.'): Reply {
  return { status, body: { type: `urn:mcp-edge:problem:${code}`, title, status, code, detail } }
}

/** A share as the API shows it. */
export function shareBody(id: string, parts: object = {}): Record<string, unknown> {
  const share = id.padEnd(32, 'a')
  return {
    share,
    name: 'docs',
    url: `https://relay.example/s/${share}/mcp`,
    sse_url: `https://relay.example/s/${share}/sse`,
    created_at: '2026-11-29T14:00:00.000Z',
    expires_at: '2026-12-06T14:00:00.000Z',
    lanes: 1,
    jurisdiction: 'none',
    paused: false,
    policy: { access: 'admin' },
    ...parts,
  }
}

/** A token as the API lists it. */
export function tokenBody(id: string, parts: object = {}): Record<string, unknown> {
  return {
    id: id.padEnd(24, '0'),
    name: 'Ann',
    kind: 'key',
    principal: `key:${id.padEnd(24, '0')}`,
    created_at: '2026-11-29T14:00:00.000Z',
    expires_at: '2026-12-02T14:00:00.000Z',
    last_used_at: null,
    calls: 0,
    policy: { access: 'read' },
    limits: null,
    ...parts,
  }
}
