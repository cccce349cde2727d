/** A claimed relay in the test's own runtime: its owner, a share, and requests to it. */
import { env, exports } from 'cloudflare:workers'

export const ORIGIN = 'https://relay.example'

export interface TestShare {
  readonly id: string
  readonly url: string
  readonly clientToken: string
  readonly agentToken: string
}

let owner: Promise<string> | undefined

/** The owner key; the first caller claims the relay. */
export function ownerKey(): Promise<string> {
  owner ??= claim()
  return owner
}

async function claim(): Promise<string> {
  const registry = env.REGISTRY.getByName('registry')
  const asked = await registry.claim(undefined)
  const claimed = asked.outcome === 'code' ? await registry.claim(asked.code) : asked
  if (claimed.outcome !== 'owner') throw new Error(`the relay cannot be claimed: ${claimed.outcome}`)
  return claimed.ownerKey
}

export async function createShare(): Promise<TestShare> {
  const response = await fetchRelay('/api/shares', {
    method: 'POST',
    headers: { authorization: `Bearer ${await ownerKey()}`, 'content-type': 'application/json' },
    body: '{}',
  })
  const made: Record<string, string> = await response.json()
  return {
    id: made['share'] ?? '',
    url: `/s/${made['share']}/mcp`,
    clientToken: made['client_token'] ?? '',
    agentToken: made['agent_token'] ?? '',
  }
}

export function fetchRelay(path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(new Request(`${ORIGIN}${path}`, init))
}

/** A client of one share, with one session once it has initialised. */
export class TestClient {
  readonly share: TestShare
  readonly token: string
  session: string | undefined

  constructor(share: TestShare, token = share.clientToken) {
    this.share = share
    this.token = token
  }

  post(body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
    return fetchRelay(this.share.url, { method: 'POST', body, headers: this.#headers({ 'content-type': 'application/json', ...headers }) })
  }

  listen(): Promise<Response> {
    return fetchRelay(this.share.url, { headers: this.#headers({ accept: 'text/event-stream' }) })
  }

  async initialize(): Promise<Response> {
    const response = await this.post(
      '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
    )
    this.session = response.headers.get('mcp-session-id') ?? undefined
    return response
  }

  #headers(more: Record<string, string>): Record<string, string> {
    return {
      authorization: `Bearer ${this.token}`,
      accept: 'application/json, text/event-stream',
      ...(this.session === undefined ? {} : { 'mcp-session-id': this.session }),
      ...more,
    }
  }
}

/** Reads a response's events one by one. Comments are passed over. */
export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()
  #text = ''

  constructor(response: Response) {
    if (response.body === null) throw new Error('the response has no body')
    this.#reader = response.body.getReader()
  }

  /** The data of the next event; undefined at the end of the stream. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end !== -1) {
        const event = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        const data = event.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
        if (data.length > 0) return data.join('\n')
        continue
      }
      const { value, done } = await this.#reader.read()
      if (done) return undefined
      this.#text += this.#decoder.decode(value, { stream: true })
    }
  }

  /** Leaves, as a client does that closes its connection. */
  cancel(): Promise<void> {
    return this.#reader.cancel()
  }
}
