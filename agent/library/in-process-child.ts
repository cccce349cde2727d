/** A server in this process in place of one of its own: gives it a transport as the official SDKs take one, and its lines to the channel. */
import { setTimeout as delay } from 'node:timers/promises'
import { MAX_LINE_BYTES } from '../../protocol/limits.ts'
import { BACKLOG_BYTES, OVERSIZED_HEAD_BYTES, OVERSIZED_TAIL_BYTES, TERM_GRACE_MS } from '../limits.ts'
import type { Child, ChildHandlers } from '../server/child.ts'
import type { LineMask } from '../server/masking/line-mask.ts'
import type { ServerFactory, ServerTransport, SessionServer } from './agent-types.ts'

export class InProcessChild implements Child {
  readonly pid = undefined
  readonly #handlers: ChildHandlers
  readonly #lineMask: LineMask | undefined
  readonly #transport: ServerTransport
  readonly #gone = Promise.withResolvers<void>()
  /** What came before the server listens. */
  #early: unknown[] | undefined = []
  /** What it has said while its client does not take more. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  #taken: PromiseWithResolvers<void> | undefined
  #server: SessionServer | undefined
  #isOver = false

  constructor(create: ServerFactory, handlers: ChildHandlers, lineMask: LineMask | undefined) {
    this.#handlers = handlers
    this.#lineMask = lineMask
    this.#transport = {
      start: () => {
        this.#listen()
        return Promise.resolve()
      },
      send: (message) => this.#send(message),
      close: () => {
        this.#end()
        return Promise.resolve()
      },
    }
    void this.#start(create)
  }

  unfinished(): undefined {}

  write(bytes: Uint8Array, done: (taken: boolean) => void): void {
    if (this.#isOver) return done(false)
    const message = parsed(bytes)
    if (message === undefined) return done(true)
    if (this.#early !== undefined) this.#early.push(message)
    else this.#deliver(message)
    done(true)
  }

  pause(): void {
    this.#taken ??= Promise.withResolvers()
  }

  resume(): void {
    const taken = this.#taken
    this.#taken = undefined
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    for (const line of held) this.#say(line)
    taken?.resolve()
  }

  async stop(): Promise<void> {
    if (!this.#isOver) {
      const bound = new AbortController()
      const closing = Promise.resolve(this.#server?.close?.()).catch(() => {})
      // A server that does not end is left to this process.
      await Promise.race([closing, delay(TERM_GRACE_MS, undefined, { signal: bound.signal }).catch(() => {})])
      bound.abort()
      this.#end()
    }
    await this.#gone.promise
  }

  kill(): void {
    this.#end()
  }

  async #start(create: ServerFactory): Promise<void> {
    try {
      const server = await create()
      this.#server = server
      if (this.#isOver) await server.close?.()
      else await server.connect(this.#transport)
    } catch (error) {
      this.#end(`the server did not start: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #listen(): void {
    // The server is told of messages when it has finished to connect, and of all in their order.
    setImmediate(() => {
      const early = this.#early ?? []
      this.#early = undefined
      for (const message of early) this.#deliver(message)
    })
  }

  #deliver(message: unknown): void {
    if (this.#isOver) return
    try {
      this.#transport.onmessage?.(message)
    } catch (error) {
      this.#transport.onerror?.(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #send(message: unknown): Promise<void> {
    if (this.#isOver) return Promise.reject(new Error('the session is over'))
    const text = JSON.stringify(message) as string | undefined
    if (text === undefined) return Promise.reject(new TypeError('that is no message'))
    const line = Buffer.from(text)
    if (this.#taken === undefined) {
      this.#say(line)
      return Promise.resolve()
    }
    if (this.#heldBytes + line.length > BACKLOG_BYTES) return Promise.reject(new Error('the client takes nothing of what the server says'))
    this.#held.push(line)
    this.#heldBytes += line.length
    return this.#taken.promise
  }

  #say(line: Uint8Array): void {
    if (this.#isOver) return
    if (line.length > MAX_LINE_BYTES)
      return this.#handlers.tooLong(line.subarray(0, OVERSIZED_HEAD_BYTES), line.subarray(-OVERSIZED_TAIL_BYTES), line.length)
    this.#handlers.line(this.#lineMask === undefined ? line : this.#lineMask.apply(line))
  }

  #end(startError?: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#taken?.resolve()
    setImmediate(() => {
      this.#transport.onclose?.()
      this.#gone.resolve()
      this.#handlers.gone({ exitCode: null, signal: null, stderr: '', startError })
    })
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown
  } catch {
    return undefined
  }
}
