/** Takes CPU profiles of workerd or Node and weighs their heaps through V8's inspector (Chrome DevTools Protocol). */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { asObject, type JsonObject } from '../../test/harness/json.ts'
import { type CpuProfile } from './cpu-profile.ts'

/** Microseconds between two looks. */
const INTERVAL_US = 200

export class Inspector implements AsyncDisposable {
  readonly #socket: WebSocket
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
  }

  /** Connects to the only target behind an inspector's port. */
  static async connect(port: number): Promise<Inspector> {
    const targets: unknown = await (await fetch(`http://127.0.0.1:${port}/json`)).json()
    const [target] = Array.isArray(targets) ? targets.map(asObject) : []
    const socket = new WebSocket(String(target?.['webSocketDebuggerUrl']), { perMessageDeflate: false, maxPayload: 0 })
    await once(socket, 'open')
    return new Inspector(socket)
  }

  async start(): Promise<void> {
    await this.#send('Profiler.enable')
    await this.#send('Profiler.setSamplingInterval', { interval: INTERVAL_US })
    await this.#send('Profiler.start')
  }

  async stop(): Promise<CpuProfile> {
    return asObject(await this.#send('Profiler.stop'))['profile'] as CpuProfile
  }

  /** What is reachable on V8's heap, in bytes: counted after a collection of garbage. */
  async heapBytes(): Promise<number> {
    await this.#send('HeapProfiler.collectGarbage')
    return Number(asObject(await this.#send('Runtime.getHeapUsage'))['usedSize'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate()
  }

  #send(method: string, params: JsonObject = {}): Promise<unknown> {
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const hear = (data: WebSocket.RawData): void => {
      const message = asObject(JSON.parse(String(data)))
      if (message['id'] !== id) return
      this.#socket.off('message', hear)
      if (message['error'] === undefined) resolve(message['result'])
      else reject(new Error(`${method}: ${JSON.stringify(message['error'])}`))
    }
    this.#socket.on('message', hear)
    this.#socket.send(JSON.stringify({ id, method, params }))
    return promise
  }
}
