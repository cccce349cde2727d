/** Several servers in one process, each with a link of its own: one's end is only its own, and a change touches nothing that has not changed. */
import { createHash } from 'node:crypto'
import type { PreparedServer } from './config/prepared-server.ts'
import { AgentExit, EXIT } from './exit.ts'
import type { Log } from './log.ts'
import { run, type RunContext, serverStart } from './run.ts'
import { mergedStart } from './server/merged/merged-child.ts'
import { boundedStart, type MergedServer, MergedServers } from './server/merged/merged-servers.ts'

interface ServersOptions extends Pick<RunContext, 'guard' | 'platform' | 'version' | 'program' | 'kill'> {
  /** The log of one server: its lines name it, and mask what is its secret. */
  readonly logFor: (server: PreparedServer) => Log
}

interface ServedServer {
  readonly name: string
  /** Of all that it was told. */
  readonly digest: string
  readonly leave: AbortController
  /** Of one that is made of others: these. */
  readonly merged: MergedServers | undefined
  /** Resolves when it has ended, whyever. */
  readonly ended: Promise<void>
  isOver: boolean
}

interface Beginning extends Pick<ServedServer, 'merged'> {
  readonly leave: AbortSignal
  /** It begins when these have ended. */
  readonly before: readonly Promise<void>[]
}

export class Servers {
  readonly #options: ServersOptions
  readonly #served = new Map<string, ServedServer>()
  /** Told to go, and not gone. */
  readonly #ending = new Set<ServedServer>()
  readonly #leaving = new AbortController()
  readonly #over = Promise.withResolvers<void>()
  #lastFault: AgentExit | undefined

  constructor(options: ServersOptions) {
    this.#options = options
  }

  /** Serves exactly these from now on: starts, ends and starts anew as they differ from before. Not waited for. */
  serve(servers: readonly PreparedServer[]): void {
    const wanted = new Map(servers.map((one) => [one.key, { prepared: one, digest: digestOf(one) }]))
    // What is told otherwise from now on ends before anything starts: it may hold what that needs, a port, a lock, its name at the share.
    for (const [key, served] of this.#served) if (wanted.get(key)?.digest !== served.digest) this.#end(served)
    for (const [key, { prepared, digest }] of wanted) {
      const before = this.#served.get(key)
      if (before === undefined || before.leave.signal.aborted) this.#start(prepared, digest)
      else before.merged?.set(this.#partsOf(prepared))
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

  #start(prepared: PreparedServer, digest: string): void {
    const leave = new AbortController()
    const before = [...this.#ending].filter(({ name }) => name === prepared.name).map(({ ended }) => ended)
    const { name, key } = prepared
    const merged = prepared.parts === undefined ? undefined : new MergedServers(this.#partsOf(prepared))
    const ended = this.#serveOne(prepared, { merged, leave: leave.signal, before })
    const served: ServedServer = { name, digest, leave, merged, isOver: false, ended }
    if (this.#leaving.signal.aborted) leave.abort()
    this.#served.set(key, served)
    void served.ended.then(() => {
      served.isOver = true
      this.#look()
    })
  }

  /** Each is told what it is told apart. */
  #partsOf({ parts = [] }: PreparedServer): MergedServer[] {
    const { logFor, guard, platform } = this.#options
    return parts.map(({ name, isBare, prepared }) => {
      const { settings, childEnv, mask } = prepared
      const log = logFor(prepared)
      const start = boundedStart(serverStart({ settings, childEnv, mask, log, guard, platform }), settings.maxChildren)
      return { name, isBare, digest: digestOf(prepared), tellsStderr: settings.tellsStderr, log, start }
    })
  }

  async #serveOne(prepared: PreparedServer, { merged, leave, before }: Beginning): Promise<void> {
    const { logFor, ...shared } = this.#options
    await Promise.all(before)
    const log = logFor(prepared)
    if (leave.aborted) return
    const { settings, childEnv, mask, warnings } = prepared
    for (const meaning of warnings) log.warn('options', { meaning })
    try {
      const within = merged && { inProcess: mergedStart(merged, shared.version), isPolicedWithin: true }
      await run({ ...shared, settings, childEnv, mask, log, leave, ...within })
    } catch (error) {
      const fault = error instanceof AgentExit ? error : new AgentExit(EXIT.INTERNAL, 'INTERNAL', String(error), { cause: error })
      this.#lastFault = fault
      log.error('server.ended', { exit: fault.exit, code: fault.code, meaning: fault.message })
    }
  }

  #end(served: ServedServer): void {
    if (served.leave.signal.aborted) return
    served.leave.abort()
    this.#ending.add(served)
    void served.ended.then(() => {
      this.#ending.delete(served)
      for (const [key, now] of this.#served) if (now === served) this.#served.delete(key)
      this.#look()
    })
  }

  #look(): void {
    if (this.#ending.size === 0 && [...this.#served.values()].every(({ isOver }) => isOver)) this.#over.resolve()
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
