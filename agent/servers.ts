/** Several servers in one process, each with a link of its own: one's end is only its own, and a change touches nothing that has not changed. */
import { createHash } from 'node:crypto'
import type { PreparedServer } from './config/options.ts'
import { AgentExit, EXIT } from './exit.ts'
import type { Log } from './log.ts'
import { run, type RunContext } from './run.ts'

interface ServersOptions extends Pick<RunContext, 'guard' | 'platform' | 'version' | 'kill'> {
  /** The log of one server: its lines name it, and mask what is its secret. */
  readonly logFor: (server: PreparedServer) => Log
}

interface ServedServer {
  /** Of all that it was told. */
  readonly digest: string
  readonly leave: AbortController
  /** Resolves when it has ended, whyever. */
  readonly ended: Promise<void>
  isOver: boolean
}

export class Servers {
  readonly #options: ServersOptions
  readonly #served = new Map<string, ServedServer>()
  readonly #leaving = new AbortController()
  readonly #over = Promise.withResolvers<void>()
  #lastFault: AgentExit | undefined

  constructor(options: ServersOptions) {
    this.#options = options
  }

  /** Serves exactly these from now on: starts, ends and starts anew as they differ from before. Not waited for. */
  serve(servers: readonly PreparedServer[]): void {
    const wanted = new Map(servers.map((one) => [one.server, one]))
    for (const [server, served] of this.#served) if (!wanted.has(server)) this.#end(server, served)
    for (const [server, prepared] of wanted) {
      const digest = digestOf(prepared)
      const before = this.#served.get(server)
      if (before?.digest === digest) continue
      before?.leave.abort()
      // The one before may hold what the next needs: a port, a lock, its name at the share.
      this.#start(prepared, digest, before?.ended)
    }
  }

  /**
   * Resolves when all were told to leave and have left.
   *
   * @throws {AgentExit} the last one, when each server has ended by itself.
   */
  async run(): Promise<void> {
    await this.#over.promise
    if (!this.#leaving.signal.aborted && this.#lastFault !== undefined) throw this.#lastFault
  }

  /** Ends all in good order. */
  leave(): void {
    this.#leaving.abort()
    for (const { leave } of this.#served.values()) leave.abort()
    this.#look()
  }

  #start(prepared: PreparedServer, digest: string, before: Promise<void> | undefined): void {
    const leave = new AbortController()
    const served: ServedServer = { digest, leave, isOver: false, ended: this.#serveOne(prepared, leave.signal, before) }
    if (this.#leaving.signal.aborted) leave.abort()
    this.#served.set(prepared.server, served)
    void served.ended.then(() => {
      served.isOver = true
      this.#look()
    })
  }

  async #serveOne(prepared: PreparedServer, leave: AbortSignal, before: Promise<void> | undefined): Promise<void> {
    const { logFor, ...shared } = this.#options
    await before
    const log = logFor(prepared)
    if (leave.aborted) return
    const { settings, childEnv, mask, warnings } = prepared
    for (const meaning of warnings) log.warn('options', { meaning })
    try {
      await run({ ...shared, settings, childEnv, mask, log, leave })
    } catch (error) {
      const fault = error instanceof AgentExit ? error : new AgentExit(EXIT.INTERNAL, 'INTERNAL', String(error), { cause: error })
      this.#lastFault = fault
      log.error('server.ended', { exit: fault.exit, code: fault.code, meaning: fault.message })
    }
  }

  #end(server: string, served: ServedServer): void {
    served.leave.abort()
    void served.ended.then(() => {
      if (this.#served.get(server) === served) this.#served.delete(server)
      this.#look()
    })
  }

  #look(): void {
    if ([...this.#served.values()].every(({ isOver }) => isOver)) this.#over.resolve()
  }
}

/** The same for what is the same, and never written anywhere. */
function digestOf({ settings, childEnv }: PreparedServer): string {
  const { http, ...rest } = settings
  const target = http === undefined ? null : { ...http, url: http.url.href }
  const sorted = Object.entries(childEnv).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify([rest, target, sorted]))
    .digest('hex')
}
