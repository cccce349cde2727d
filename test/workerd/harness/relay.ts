/** A claimed relay in the test's own runtime: its owner, a share, and requests to it. */
import { runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { passQuery } from '../../../worker/contract/trust/pass.ts'
import type { StreamTarget } from '../../../worker/contract/streams.ts'
import type { Pass } from '../../../worker/contract/trust/trust-rpc.ts'
import { NEWS_TAG } from '../../../worker/share/clients/stream-tags.ts'
import type { Share } from '../../../worker/share/share.ts'
import { expectDescribed } from './api-document.ts'
import type { ShareFacts } from '../../../worker/contract/share-admin.ts'

export const ORIGIN = 'https://relay.example'

export interface TestShare {
  readonly id: string
  readonly url: string
  readonly clientToken: string
  readonly agentToken: string
  /** One of its servers that have names, as who is served sees the share. */
  readonly server?: string
}

/** The same share, where one of its servers that have names is served. */
export function serverOf(share: TestShare, server: string): TestShare {
  return { ...share, url: `/s/${share.id}/${server}/mcp`, server }
}

let owner: Promise<string> | undefined

/** The owner key, which is the deployer's; the first caller claims the relay. */
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

/** A request to the owner's API, of the deployer or of whoever has this token. */
export async function askAsOwner(method: string, path: string, body?: object, token?: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token ?? (await ownerKey())}`, 'content-type': 'application/json' }
  return fetchRelay(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
}

/** `members`: of the request that makes it. Scripted agents answer no listing, so nothing is pinned unless that is said. */
export async function createShare(members: Readonly<Record<string, unknown>> = {}): Promise<TestShare> {
  const response = await askAsOwner('POST', '/api/shares', { pinning: 'off', ...members })
  const made: Record<string, string> = await response.json()
  return {
    id: made['share'] ?? '',
    url: `/s/${made['share']}/mcp`,
    clientToken: made['client_token'] ?? '',
    agentToken: made['agent_token'] ?? '',
  }
}

/** A token for clients of a share, who are another principal than those with its first. */
export async function createClientToken(share: TestShare): Promise<string> {
  const response = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy: { access: 'admin' } })
  const { token }: { token: string } = await response.json()
  return token
}

/** What the API answers must be as its description says. */
export async function fetchRelay(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await exports.default.fetch(new Request(`${ORIGIN}${path}`, init))
  if (path.startsWith('/api/')) await expectDescribed(init.method ?? 'GET', path, response)
  return response
}

export function stubOf(share: TestShare, lane = 0): DurableObjectStub<Share> {
  if (share.server !== undefined) return env.SHARE.getByName(`${share.id}/${share.server}`)
  return env.SHARE.getByName(lane === 0 ? share.id : `${share.id}.${lane}`)
}

/** The pass of a client that has come with the share's first token. */
export function passOf(share: TestShare): Pass {
  return { chain: [linkIdOf(share.clientToken)] }
}

/** The id of the link that a token belongs to. */
export function linkIdOf(token: string): string {
  const { jti }: { jti: string } = JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')))
  return jti
}

/** Opens a stream's socket as a Worker does. */
export function openStream(share: TestShare, target: StreamTarget): Promise<Response> {
  const query = new URLSearchParams({ ...target, ...passQuery(passOf(share)) })
  return stubOf(share).fetch(`https://share/stream?${query.toString()}`, { headers: { upgrade: 'websocket' } })
}

export async function factsOf(share: TestShare): Promise<ShareFacts> {
  const facts = await stubOf(share).admin({ op: 'describe' })
  if (facts === undefined) throw new Error('the share is gone')
  return facts
}

/** How many Workers wait there, each on a socket, for news of agents. */
export function awaitingNews(share: TestShare): Promise<number> {
  return runInDurableObject(stubOf(share), (_, state) => state.getWebSockets(NEWS_TAG).length)
}

/** Resets the object as a crash or a deploy does: its memory and all its sockets are lost, its rows stay. */
export async function resetShare(share: TestShare): Promise<void> {
  const reset = runInDurableObject(stubOf(share), (_, state) => state.abort('reset by a test'))
  await reset.catch(() => undefined)
}

export async function revokeShare(share: TestShare): Promise<Response> {
  return askAsOwner('DELETE', `/api/shares/${share.id}`)
}

/** A request as it comes to a relay on Cloudflare from a client at this address. */
export function cameFrom(address: string, { headers, ...init }: RequestInit = {}): RequestInit {
  return { ...init, headers: { ...(headers as Record<string, string>), 'cf-connecting-ip': address }, cf: { colo: 'AMS' } }
}

/** A client of one share, with one session once it has initialised. */
export class TestClient {
  readonly share: TestShare
  readonly token: string
  session: string | undefined
  /** From where it comes, as Cloudflare's network would say. */
  address: string | undefined

  constructor(share: TestShare, token = share.clientToken) {
    this.share = share
    this.token = token
  }

  post(body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
    return this.#fetch({ method: 'POST', body, headers: this.#headers({ 'content-type': 'application/json', ...headers }) })
  }

  /** Posts, and takes the answer as events only. */
  postForEvents(body: string): Promise<Response> {
    return this.post(body, { accept: 'text/event-stream' })
  }

  /** Ends the session. */
  leave(): Promise<Response> {
    return this.#fetch({ method: 'DELETE', headers: this.#headers({}) })
  }

  listen(): Promise<Response> {
    return this.#fetch({ headers: this.#headers({ accept: 'text/event-stream' }) })
  }

  /** Comes back for what followed an event of a stream that this session had. */
  resume(lastEventId: string): Promise<Response> {
    return this.#fetch({ headers: this.#headers({ accept: 'text/event-stream', 'last-event-id': lastEventId }) })
  }

  async initialize(): Promise<Response> {
    const response = await this.post(
      '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
    )
    this.session = response.headers.get('mcp-session-id') ?? undefined
    return response
  }

  #fetch(init: RequestInit): Promise<Response> {
    return fetchRelay(this.share.url, this.address === undefined ? init : cameFrom(this.address, init))
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
  /** Events that came whole, and the pieces of the next one. */
  readonly #events: string[] = []
  #pieces: string[] = []

  constructor(response: Response) {
    if (response.body === null) throw new Error('the response has no body')
    this.#reader = response.body.getReader()
  }

  /** The data of the next event; undefined at the end of the stream. */
  async next(): Promise<string | undefined> {
    return (await this.nextEvent())?.data
  }

  /** The next event that has data, with its name and id; undefined at the end of the stream. */
  async nextEvent(): Promise<ServerSentEvent | undefined> {
    for (let event = await this.#nextAny(); event !== undefined; event = await this.#nextAny()) if (event.data !== '') return event
    return undefined
  }

  /** The id of the next event that has one, with data or without. */
  async nextId(): Promise<string> {
    for (let event = await this.#nextAny(); event !== undefined; event = await this.#nextAny()) if (event.id !== undefined) return event.id
    throw new Error('the stream ended without an event id')
  }

  async #nextAny(): Promise<ServerSentEvent | undefined> {
    for (;;) {
      const text = this.#events.shift()
      if (text !== undefined) return parseEvent(text)
      const { value, done } = await this.#reader.read()
      if (done) return undefined
      this.#push(this.#decoder.decode(value, { stream: true }))
    }
  }

  /** Large events come in many pieces: they are joined once, when the event ends. */
  #push(piece: string): void {
    const before = this.#pieces.at(-1)?.at(-1) ?? ''
    this.#pieces.push(piece)
    if (!(before + piece).includes('\n\n')) return
    const events = this.#pieces.join('').split('\n\n')
    this.#pieces = [events.pop() ?? '']
    this.#events.push(...events)
  }

  /** Leaves, as a client does that closes its connection. */
  cancel(): Promise<void> {
    return this.#reader.cancel()
  }
}

export interface ServerSentEvent {
  readonly name: string
  readonly data: string
  readonly id: string | undefined
}

function parseEvent(text: string): ServerSentEvent {
  const lines = text.split('\n')
  const fields = (name: string): string[] => lines.flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []))
  return { name: fields('event').at(-1) ?? 'message', data: fields('data').join('\n'), id: fields('id').at(-1) }
}
