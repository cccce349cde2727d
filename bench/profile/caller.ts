/** The client of a profile: one session, calls that carry their number where taps can see it. */
import { type Endpoint, HttpClient } from '../cases/http-client.ts'

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

export class Caller implements Disposable {
  readonly #client: HttpClient
  #headers: Readonly<Record<string, string>> = HEADERS
  #lastId = 1_000_000

  constructor(endpoint: Endpoint) {
    this.#client = new HttpClient(endpoint)
  }

  async initialize(): Promise<void> {
    const params = '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}'
    const answer = await this.#client.send('POST', HEADERS, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":${params}}`)
    this.#headers = { ...HEADERS, 'mcp-session-id': String(answer.headers['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' }
    await this.#client.send('POST', this.#headers, '{"jsonrpc":"2.0","method":"notifications/initialized"}')
  }

  /**
   * Calls `echo`; returns the call's number.
   *
   * @throws {Error} for an answer that is not its own.
   */
  async call(): Promise<string> {
    const id = String(++this.#lastId)
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello ${id}"}}}`
    const answer = await this.#client.send('POST', { ...this.#headers, 'x-bench-call': id }, body)
    if (answer.status !== 200 || !answer.body.includes(`"id":${id}`)) throw new Error(`${answer.status} ${answer.body.toString()}`)
    return id
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]()
  }
}
