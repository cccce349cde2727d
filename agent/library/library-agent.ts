/** The agent as a library: one run of it after the other, and what happens in it as events. */
import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { childEnvironment, environmentSecrets, secretValues } from '../config/environment.ts'
import { targetSecrets } from '../config/http-target.ts'
import { VERSION } from '../config/options.ts'
import { type AgentSettings, readAgentSettings, type RawOptions } from '../config/settings.ts'
import { decodeAgentToken } from '../config/token.ts'
import { AgentExit, EXIT, usageError } from '../exit.ts'
import type { Log, LogFields, LogLevel } from '../log.ts'
import { Mask } from '../mask.ts'
import { requireNode } from '../node-version.ts'
import { run } from '../run.ts'
import { NO_GUARD, startGuard } from '../server/guard.ts'
import type {
  Agent,
  AgentEvents,
  AgentFault,
  AgentLogEntry,
  AgentOptions,
  AgentReady,
  ServerCommand,
  ServerFactory,
} from './agent-types.ts'
import { InProcessChild } from './in-process-child.ts'

type Listeners = { readonly [Name in keyof AgentEvents]: Set<(facts: AgentEvents[Name]) => void> }

/** One start, until it has ended. */
interface CurrentRun {
  readonly ready: Promise<AgentReady>
  readonly ended: Promise<void>
  readonly leave: AbortController
}

/** In place of a command, for a name that follows from it. */
const IN_PROCESS = ['(in process)']

export class LibraryAgent implements Agent {
  readonly #settings: AgentSettings
  readonly #childEnv: Readonly<Record<string, string>>
  readonly #mask: Mask
  readonly #factory: ServerFactory | undefined
  readonly #listeners: Listeners = {
    ready: new Set(),
    lost: new Set(),
    call: new Set(),
    log: new Set(),
    stderr: new Set(),
    ended: new Set(),
  }
  #current: CurrentRun | undefined

  constructor(options: AgentOptions) {
    requireNode(process.versions.node)
    const { server } = options
    this.#factory = typeof server === 'function' ? server : undefined
    const command = typeof server === 'object' && 'command' in server ? server : undefined
    this.#settings = settingsOf(options, command)
    // What can be known of the token before a relay is asked is said at once.
    decodeAgentToken(this.#settings.token)
    this.#childEnv = environmentOf(this.#settings)
    const ofServer = this.#settings.http === undefined ? environmentSecrets(this.#childEnv) : targetSecrets(this.#settings.http)
    this.#mask = new Mask([this.#settings.token, ...secretValues(process.env, this.#settings.env), ...ofServer])
  }

  get isRunning(): boolean {
    return this.#current !== undefined
  }

  start(): Promise<AgentReady> {
    this.#current ??= this.#begin()
    return this.#current.ready
  }

  async stop(): Promise<void> {
    this.#current?.leave.abort()
    await this.#current?.ended
  }

  on<Name extends keyof AgentEvents>(event: Name, listener: (facts: AgentEvents[Name]) => void): () => void {
    this.#listeners[event].add(listener)
    return () => void this.#listeners[event].delete(listener)
  }

  #begin(): CurrentRun {
    const ready = Promise.withResolvers<AgentReady>()
    // Who does not wait for it hears of its end by the event.
    ready.promise.catch(() => {})
    const leave = new AbortController()
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    void this.#serve(leave.signal, ready.resolve).then((fault) => {
      this.#current = undefined
      ready.reject(fault ?? new AgentExit(EXIT.OK, 'STOPPED', 'It was stopped before the relay had welcomed it.'))
      resolve()
      this.#tell('ended', { fault })
    })
    return { ready: ready.promise, ended, leave }
  }

  /** Resolves with why it cannot go on; undefined when it was told to leave. */
  async #serve(leave: AbortSignal, ready: (facts: AgentReady) => void): Promise<AgentFault | undefined> {
    const { platform } = process
    const log = this.#logFor(ready)
    const isCommand = this.#factory === undefined && this.#settings.http === undefined
    const failed = (reason: string): void => log.warn('guard.failed', { reason, meaning: 'children may outlive a killed agent' })
    const guard = isCommand ? startGuard(failed, platform) : NO_GUARD
    const kill = new AbortController()
    const factory = this.#factory
    try {
      await run({
        settings: this.#settings,
        childEnv: this.#childEnv,
        mask: this.#mask,
        log,
        guard,
        version: VERSION,
        platform,
        leave,
        kill: kill.signal,
        ...(factory !== undefined && { inProcess: (handlers, lineMask) => new InProcessChild(factory, handlers, lineMask) }),
      })
      return undefined
    } catch (error) {
      return error instanceof AgentExit ? error : new AgentExit(EXIT.INTERNAL, 'INTERNAL', String(error), { cause: error })
    } finally {
      guard.end()
    }
  }

  #logFor(ready: (facts: AgentReady) => void): Log {
    const at =
      (level: LogLevel) =>
      (event: string, fields: LogFields = {}): void => {
        const entry = this.#masked({ level, event, ...fields })
        this.#tell('log', entry)
        if (event === 'call') this.#tell('call', entry)
        if (event === 'link.lost') this.#tell('lost', entry)
        if (event !== 'ready') return
        const facts = { share: String(fields['share']), relay: String(fields['relay']), agent: String(fields['agent']) }
        ready(facts)
        this.#tell('ready', facts)
      }
    const child = (channel: string, line: string): void => this.#tell('stderr', { channel, line: this.#mask.apply(line) })
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child }
  }

  #masked(entry: AgentLogEntry): AgentLogEntry {
    const fields = Object.entries(entry).map(([name, value]) => [name, typeof value === 'string' ? this.#mask.apply(value) : value])
    return Object.fromEntries(fields) as AgentLogEntry
  }

  #tell<Name extends keyof AgentEvents>(event: Name, facts: AgentEvents[Name]): void {
    for (const listener of this.#listeners[event]) listener(facts)
  }
}

/** @throws {AgentExit} that names the option. */
function settingsOf(options: AgentOptions, command: ServerCommand | undefined): AgentSettings {
  const {
    server,
    join = 'primary',
    maxChildren = 32,
    idleStopMs = 1_800_000,
    reconnectDelayMs = 1000,
    maxRetries = 0,
    keepaliveMs = 30_000,
  } = options
  const address = typeof server === 'object' && 'url' in server ? server : undefined
  const { relay, name, maxCalls, spread, readOnly, tellStderr, tellPrincipal, passAuth, mask, transport } = options
  const given = {
    relay,
    name,
    maxCalls: maxCalls === undefined ? undefined : String(maxCalls),
    spread,
    readOnly,
    tellStderr,
    tellPrincipal,
    passAuth,
    mask,
    transport,
    cwd: command?.cwd,
    url: typeof address?.url === 'object' ? address.url.href : address?.url,
  }
  const raw: RawOptions = {
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<RawOptions>),
    token: options.token,
    replica: join === 'replica',
    replace: join === 'replace',
    isolate: options.isolate ?? 'session',
    era: options.era ?? 'auto',
    maxChildren: String(maxChildren),
    idleStop: `${idleStopMs}ms`,
    spare: '0',
    env: Object.entries(command?.env ?? {}).map(([key, value]) => `${key}=${value}`),
    sse: address?.transport === 'sse',
    header: Object.entries(address?.headers ?? {}).map(([key, value]) => `${key}: ${value}`),
    serves: options.serves ?? [],
    allow: options.allow ?? [],
    deny: options.deny ?? [],
    argument: options.argument ?? [],
    reconnectDelay: `${reconnectDelayMs}ms`,
    maxRetries: String(maxRetries),
    keepalive: `${keepaliveMs}ms`,
    logLevel: 'debug',
  }
  const words = typeof server === 'function' ? IN_PROCESS : command === undefined ? [] : [command.command, ...(command.args ?? [])]
  return readAgentSettings(raw, words, {
    cwd: process.cwd(),
    hostname: hostname(),
    readFile: (path) => readFileSync(path, 'utf8'),
    isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  })
}

function environmentOf({ env }: AgentSettings): Record<string, string> {
  try {
    return childEnvironment(process.env, env, process.platform)
  } catch (error) {
    if (error instanceof RangeError) throw usageError(`${error.message}.`)
    throw error
  }
}
