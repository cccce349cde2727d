/** A client's session as the SDKs make it: initialize, initialized, GET stream; and calls that are checked to be answered. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, type Endpoint, HttpClient, NoAnswer, type OpenStream } from './http-client.ts'

const BASE_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const PROTOCOL_VERSION = '2025-11-25'
/** Longest wait for a session in a case: a tunnel that does not answer is known by then. */
export const OPEN_BOUND_MS = 10_000
/** What is looked at of an answer: its beginning and its end, since some put the id last. */
const LOOKED_AT_BYTES = 4096

/** An answer that is not the one asked for. */
export class WrongAnswer extends Error {}

/** How long a session goes on without its stream when that is only `asked` for. */
const ASKED_MS = 250

/** Longest wait for the answer to a DELETE. */
const END_MS = 1000

export interface SessionOptions {
  /** The GET stream: `asked` for and not waited for long, as SDK clients do, or `needed`. */
  readonly stream?: 'asked' | 'needed' | 'none'
  /** Makes what gets the parts of a GET stream; asked once a session. */
  readonly receiver?: () => (part: Buffer) => void
  readonly boundMs?: number
}

export class Session {
  readonly #client: HttpClient
  readonly #headers: Readonly<Record<string, string>>
  #lastId = 0
  #stream: OpenStream | undefined
  #left = false

  constructor(client: HttpClient, headers: Readonly<Record<string, string>>) {
    this.#client = client
    this.#headers = headers
  }

  /**
   * The handshake, and the GET stream.
   *
   * @throws {NoAnswer | WrongAnswer}
   */
  static async open(
    client: HttpClient,
    { stream = 'asked', receiver = () => () => {}, boundMs = 30_000 }: SessionOptions = {},
  ): Promise<Session> {
    const params = `{"protocolVersion":"${PROTOCOL_VERSION}","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}`
    const started = await client.send('POST', BASE_HEADERS, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":${params}}`, boundMs)
    const id = started.headers['mcp-session-id']
    if (started.status !== 200 || typeof id !== 'string') throw new WrongAnswer(`initialize: ${describe(started)}`)
    const headers = { ...BASE_HEADERS, 'mcp-session-id': id, 'mcp-protocol-version': PROTOCOL_VERSION }
    const session = new Session(client, headers)
    const accepted = await client.send('POST', headers, '{"jsonrpc":"2.0","method":"notifications/initialized"}', boundMs)
    if (accepted.status !== 202) throw new WrongAnswer(`initialized: ${describe(accepted)}`)
    if (stream === 'none') return session
    const opened = session.#listen(client, receiver(), boundMs)
    await (stream === 'needed' ? opened : Promise.race([opened.catch(() => {}), delay(ASKED_MS)]))
    return session
  }

  /**
   * Calls a tool. `args` is JSON text. `expected` must stand at the beginning or end of the answer, which has `minBytes` at least.
   *
   * @throws {NoAnswer | WrongAnswer}
   */
  async call(name: string, args: string, expected = '"text":"', minBytes = 0, boundMs?: number): Promise<Answer> {
    const id = ++this.#lastId
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`
    const answer = await this.#client.send('POST', this.#headers, body, boundMs)
    const seen = endsOf(answer.body)
    if (answer.status !== 200 || !seen.includes(`"id":${id}`) || !seen.includes(expected) || answer.body.length < minBytes)
      throw new WrongAnswer(`tools/call ${name}: ${describe(answer)}`)
    return answer
  }

  async echo(boundMs?: number): Promise<void> {
    const text = `hello ${this.#lastId}`
    await this.call('echo', `{"text":"${text}"}`, `"text":"${text}"`, 0, boundMs)
  }

  async #listen(client: HttpClient, onEvent: (part: Buffer) => void, boundMs: number): Promise<void> {
    const stream = await client.open({ ...this.#headers, accept: 'text/event-stream' }, onEvent, boundMs)
    if (this.#left) stream.close()
    else this.#stream = stream
  }

  /** Ends the session with DELETE; returns the status, or undefined when none came soon. */
  async end(): Promise<number | undefined> {
    this.leave()
    try {
      return (await this.#client.send('DELETE', this.#headers, '', END_MS)).status
    } catch (error) {
      if (error instanceof NoAnswer) return undefined
      throw error
    }
  }

  /** Closes the stream and says nothing, as most clients do. */
  leave(): void {
    this.#left = true
    this.#stream?.close()
    this.#stream = undefined
  }
}

/** Sessions that are opened side by side, and how long it may take until all are open. */
const AT_ONCE = 8
const ALL_OPEN_MS = 45_000

/** A client of a contender with `count` sessions open. `guard` is asked before each few, and may throw. */
export async function openSessions(endpoint: Endpoint, count: number, options: SessionOptions = {}, guard = (): void => {}) {
  const client = new HttpClient(endpoint)
  const sessions: Session[] = []
  const endMs = performance.now() + ALL_OPEN_MS
  try {
    while (sessions.length < count) {
      guard()
      if (performance.now() > endMs) throw new NoAnswer(`not open after ${ALL_OPEN_MS / 1000} s`)
      const group = Array.from({ length: Math.min(AT_ONCE, count - sessions.length) }, () => Session.open(client, options))
      sessions.push(...(await Promise.all(group)))
    }
  } catch (error) {
    client[Symbol.dispose]()
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`session ${sessions.length + 1} of ${count}: ${reason}`, { cause: error })
  }
  return { client, sessions }
}

/** A client of a contender with one session open. */
export async function openSession(endpoint: Endpoint, options: SessionOptions = {}) {
  const { client, sessions } = await openSessions(endpoint, 1, options)
  const [session] = sessions
  if (session === undefined) throw new Error('no session')
  return { client, session }
}

function endsOf(body: Buffer): string {
  const head = body.toString('latin1', 0, LOOKED_AT_BYTES)
  return body.length <= LOOKED_AT_BYTES ? head : head + body.toString('latin1', body.length - LOOKED_AT_BYTES)
}

function describe({ status, body }: Answer): string {
  // Without what an event stream says of its events.
  const text = body.toString('utf8', 0, 1000).replaceAll(/^(id|event|retry|data):( ?$| [^{].*$|(?= \{))/gm, '')
  return `${status} ${text.replaceAll(/\s+/g, ' ').trim().slice(0, 160)}`
}
