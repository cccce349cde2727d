/** The one client of every contender: raw HTTP/1.1 over kept connections, on node:http. It checks little and costs little. */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

/** Where a contender answers. `host` is what the Host header says, wherever the socket goes. */
export interface Endpoint {
  readonly port: number
  readonly path: string
  readonly host?: string
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** An exchange that got no answer, or none in time. */
export class NoAnswer extends Error {}

/** A GET stream that stays open. */
export interface OpenStream {
  readonly close: () => void
}

export class HttpClient implements Disposable {
  readonly #endpoint: Endpoint
  // Servers close what is idle for 5 s; a connection that is just being closed must not be taken.
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 2048, timeout: 4000 })

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  /**
   * One exchange, read to its end.
   *
   * @throws {NoAnswer} when the connection breaks or `boundMs` passes first.
   */
  send(method: 'POST' | 'DELETE', headers: Readonly<Record<string, string>>, body: string, boundMs = 30_000): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = this.#request(method, { ...headers, 'content-length': String(Buffer.byteLength(body)) }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          clearTimeout(timer)
          const [only] = parts
          const whole = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole })
        })
        response.on('error', fail)
      })
      const fail = (error: Error): void => {
        clearTimeout(timer)
        reject(new NoAnswer(error.message))
      }
      const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${boundMs / 1000} s`)), boundMs)
      sent.on('error', fail)
      sent.end(body)
    })
  }

  /**
   * Opens a GET stream; `onData` gets what comes.
   *
   * @throws {NoAnswer} when its headers are not there within `boundMs`, or its status is not 200.
   */
  open(headers: Readonly<Record<string, string>>, onData: (part: Buffer) => void, boundMs = 30_000): Promise<OpenStream> {
    return new Promise((resolve, reject) => {
      const sent = this.#request('GET', headers, (response) => {
        clearTimeout(timer)
        response.on('data', onData)
        response.on('error', () => {})
        if (response.statusCode === 200) resolve({ close: () => sent.destroy() })
        else reject(new NoAnswer(`GET answered ${response.statusCode}`))
      })
      const timer = setTimeout(() => sent.destroy(new Error(`GET: no answer within ${boundMs / 1000} s`)), boundMs)
      sent.on('error', (error) => {
        clearTimeout(timer)
        reject(new NoAnswer(error.message))
      })
      sent.end()
    })
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  #request(method: string, headers: Readonly<Record<string, string>>, onResponse: (response: IncomingMessage) => void) {
    const { port, path, host = `127.0.0.1:${port}` } = this.#endpoint
    return request({ host: '127.0.0.1', port, path, method, agent: this.#agent, headers: { host, ...headers } }, onResponse)
  }
}
