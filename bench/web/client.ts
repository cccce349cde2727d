/** The one client of every way to the app: HTTP/1.1 over kept connections, on node:http. Bodies are counted, not kept. */
import { Agent, request } from 'node:http'

/** Where the app is found. `headers`: what whoever comes that way must show. */
export interface WebEndpoint {
  readonly port: number
  /** What the Host header says, wherever the socket goes. */
  readonly host: string
  readonly headers?: Readonly<Record<string, string>>
}

const CHUNK = Buffer.alloc(64 * 1024, 'The quick brown fox. ')
/** A large body takes some seconds at most; one that stands still must not stand still for ever. */
const BOUND_MS = 30_000

export class WebClient implements Disposable {
  readonly #endpoint: WebEndpoint
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 256, timeout: 4000 })

  constructor(endpoint: WebEndpoint) {
    this.#endpoint = endpoint
  }

  /**
   * One request, whose answer is read to its end; `upBytes` of body go with it.
   *
   * @returns how many bytes came, or for an upload what the app has counted.
   * @throws {Error} when there is no answer, another status than 200, or none in time.
   */
  ask(path: string, upBytes = 0): Promise<number> {
    const { port, host, headers = {} } = this.#endpoint
    const isUpload = upBytes > 0
    return new Promise((resolve, reject) => {
      const body = isUpload ? { 'content-length': String(upBytes) } : {}
      const options = { host: '127.0.0.1', port, path, method: isUpload ? 'PUT' : 'GET', agent: this.#agent }
      const sent = request({ ...options, headers: { host, ...headers, ...body } }, (response) => {
        let bytes = 0
        const told: Buffer[] = []
        response.on('data', (part: Buffer) => {
          bytes += part.length
          if (isUpload) told.push(part)
        })
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode === 200) resolve(isUpload ? Number(Buffer.concat(told).toString()) : bytes)
          else reject(new Error(`${path}: status ${response.statusCode}`))
        })
      })
      sent.setTimeout(BOUND_MS, () => sent.destroy(new Error(`${path}: nothing for ${BOUND_MS / 1000} s`)))
      sent.on('error', reject)
      if (!isUpload) return void sent.end()
      let left = upBytes
      const write = (): void => {
        while (left > 0) {
          const part = CHUNK.subarray(0, Math.min(left, CHUNK.length))
          left -= part.length
          if (!sent.write(part)) return void sent.once('drain', write)
        }
        sent.end()
      }
      write()
    })
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}
