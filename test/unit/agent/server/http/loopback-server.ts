/** A real HTTP server on this machine that a test plays, and a session with it as a channel of the agent has one. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Failure } from '../../../../../protocol/errors.ts'
import { readHttpTarget } from '../../../../../agent/config/http-target.ts'
import type { Child, ChildEnd } from '../../../../../agent/server/child.ts'
import { HttpServer } from '../../../../../agent/server/http/http-server.ts'
import { httpStart } from '../../../../../agent/server/http/http-start.ts'
import type { LineMask } from '../../../../../agent/server/masking/line-mask.ts'
import type { Asked, Behaviour } from '../../../../fixtures/http-vices.ts'

export type Message = Readonly<Record<string, unknown>>

/** Wakes those that wait whenever something has happened. */
class Waiters {
  readonly #waiting = new Set<() => void>()

  changed(): void {
    for (const look of this.#waiting) look()
  }

  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await promise
      this.#waiting.delete(resolve)
    }
  }
}

export class LoopbackServer implements AsyncDisposable {
  /** All that has come, in order. */
  readonly asked: Asked[] = []
  behaviour: Behaviour
  readonly #server: Server
  readonly #waiters = new Waiters()

  constructor(server: Server, behaviour: Behaviour) {
    this.#server = server
    this.behaviour = behaviour
    server.on('request', (request, response) => {
      const pieces: Buffer[] = []
      request.on('data', (piece: Buffer) => pieces.push(piece))
      request.on('error', () => {})
      request.on('end', () => {
        const body = Buffer.concat(pieces).toString('utf8')
        const asked = { request, response, body, message: body === '' ? {} : (JSON.parse(body) as Asked['message']) }
        this.asked.push(asked)
        this.behaviour(asked)
        this.#waiters.changed()
      })
    })
  }

  static async start(behaviour: Behaviour, port = 0): Promise<LoopbackServer> {
    const server = createServer()
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return new LoopbackServer(server, behaviour)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`
  }

  /** The first request that fits, past ones included. */
  async next(fits: (asked: Asked) => boolean): Promise<Asked> {
    return await this.#waiters.until(() => this.asked.find(fits))
  }

  /** As its process does when it is killed. */
  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

interface SessionOptions {
  readonly sse?: boolean
  readonly header?: readonly string[]
  readonly lineMask?: LineMask
  readonly passAuth?: boolean
}

export class RemoteSession implements AsyncDisposable {
  readonly child: Child
  readonly heard: Message[] = []
  readonly taken: boolean[] = []
  /** Calls that the server has refused for whom they come from. */
  readonly refused: { readonly id: string; readonly failure: Failure }[] = []
  readonly gone: Promise<ChildEnd>
  readonly #waiters = new Waiters()

  /** `server`: its URL, or one that other sessions have too. */
  constructor(server: string | HttpServer, { sse = false, header = [], lineMask, passAuth = false }: SessionOptions = {}) {
    const gone = Promise.withResolvers<ChildEnd>()
    this.gone = gone.promise
    this.child = httpStart(
      typeof server === 'string' ? new HttpServer(readHttpTarget({ url: server, sse, header, headerFile: undefined, passAuth })) : server,
      lineMask,
    )({
      line: (bytes) => {
        this.heard.push(JSON.parse(Buffer.from(bytes).toString('utf8')) as Message)
        this.#waiters.changed()
      },
      tooLong: () => {},
      refused: (id, failure) => {
        this.refused.push({ id, failure })
        this.#waiters.changed()
      },
      stderr: () => {},
      gone: gone.resolve,
    })
  }

  says(message: Message): void {
    this.child.write(Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`), (taken) => void this.taken.push(taken))
  }

  /** The first message of the server that fits, past ones included. */
  async hears(fits: (message: Message) => boolean): Promise<Message> {
    return await this.#waiters.until(() => this.heard.find(fits))
  }

  /** How a call was refused, by its raw id. */
  async refusal(id: string): Promise<Failure> {
    return await this.#waiters.until(() => this.refused.find((one) => one.id === id)?.failure)
  }

  async answer(id: unknown): Promise<Message> {
    return await this.hears((message) => message['id'] === id && !('method' in message))
  }

  /** A session with a handshake. */
  async begins(): Promise<void> {
    this.says({
      id: 'init',
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    })
    await this.answer('init')
    this.says({ method: 'notifications/initialized' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop()
  }
}
