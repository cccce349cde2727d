/** The wire between an agent and the relay, which can be cut; it looks at nothing that passes. */
import { connect, createServer, type Server, type Socket } from 'node:net'

export class CutProxy implements Disposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(relayPort: number): Promise<CutProxy> {
    const server = createServer()
    const proxy = new CutProxy(server)
    server.on('connection', (agent) => {
      const relay = connect(relayPort, '127.0.0.1')
      proxy.#join(agent, relay)
      proxy.#join(relay, agent)
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    server.listen(0, '127.0.0.1', resolve)
    await promise
    return proxy
  }

  get origin(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  }

  /** Ends all connections in whatever they are at; `abrupt` with a reset. */
  cut(abrupt: boolean): void {
    for (const socket of this.#sockets) {
      if (abrupt) socket.resetAndDestroy()
      else socket.destroy()
    }
  }

  [Symbol.dispose](): void {
    this.#server.close()
    this.cut(false)
  }

  #join(from: Socket, to: Socket): void {
    from.setNoDelay(true)
    from.pipe(to)
    this.#sockets.add(from)
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
