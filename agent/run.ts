/** Wires link, channels, children and guard into one agent, and ends them in order. */
import { randomUUID } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { CLOSE, type Hello } from '../protocol/handshake.ts'
import { Backoff } from './backoff.ts'
import { Channels } from './channels.ts'
import { startChild } from './child.ts'
import { AgentExit, EXIT } from './exit.ts'
import { startGuard } from './guard.ts'
import { DRAIN_MS, RECONNECT_MAX_MS } from './limits.ts'
import { connectOnce, type Link, type LinkEnd } from './link.ts'
import type { Log } from './log.ts'
import type { Mask } from './mask.ts'
import { keepConnected } from './reconnect.ts'
import type { Settings } from './settings.ts'
import { isLoopback, linkUrl, readToken } from './token.ts'

interface RunContext {
  readonly settings: Settings
  readonly childEnv: Readonly<Record<string, string>>
  readonly mask: Mask
  readonly log: Log
  readonly version: string
  readonly platform: NodeJS.Platform
  /** Asks the agent to leave in good order. */
  readonly leave: AbortSignal
  /** Ends it at once; nothing is waited for. */
  readonly kill: AbortSignal
}

/** Serves until told to leave. Throws an AgentExit when it cannot go on; its children are gone by then. */
export async function run(context: RunContext): Promise<void> {
  const { settings, log, platform, leave, kill } = context
  const claims = readToken(settings.token)
  const url = linkUrl(claims, settings.relay)
  requireCommand(settings, context.childEnv, platform)
  if (url.protocol === 'ws:' && !isLoopback(url))
    log.warn('link.plain', { relay: url.host, meaning: 'the token travels unencrypted: use https' })
  const guard = startGuard(log, platform)
  const { command, args, cwd, maxChildren, idleStopMs } = settings
  const spec = { command, args, cwd, env: context.childEnv }
  const channels = new Channels({
    maxChildren,
    idleStopMs,
    log,
    now: () => performance.now(),
    startChild: (handlers) => startChild(spec, handlers, { guard, mask: context.mask, platform }),
  })
  kill.addEventListener('abort', () => channels.kill(), { once: true })
  const serving = new Serving(context, url, channels)
  const leaving = leaveInOrder(serving, channels, leave)
  try {
    await serving.run()
    if (leave.aborted) await leaving
  } finally {
    await channels.stop()
    guard.end()
  }
}

/** Waits for the word to leave, then: no new calls, the running ones answered, children ended, the relay told. */
async function leaveInOrder(serving: Serving, channels: Channels, leave: AbortSignal): Promise<void> {
  await new Promise<void>((done) => (leave.aborted ? done() : leave.addEventListener('abort', () => done(), { once: true })))
  if (serving.drain()) await channels.quiet(AbortSignal.timeout(DRAIN_MS))
  await channels.stop()
  await serving.close()
}

/** Keeps one link up and the channels joined to it. */
class Serving {
  readonly #context: RunContext
  readonly #url: URL
  readonly #channels: Channels
  /** Dial no more; and: cut what is there. */
  readonly #closing = new AbortController()
  readonly #cut = new AbortController()
  readonly #instance = randomUUID()
  #link: Link | undefined

  constructor(context: RunContext, url: URL, channels: Channels) {
    this.#context = context
    this.#url = url
    this.#channels = channels
  }

  async run(): Promise<void> {
    const { settings, log } = this.#context
    const backoff = new Backoff({
      minMs: settings.reconnectDelayMs,
      maxMs: Math.max(settings.reconnectDelayMs, RECONNECT_MAX_MS),
      random: Math.random,
    })
    await keepConnected({ connect: () => this.#connect(), backoff, maxRetries: settings.maxRetries, log, signal: this.#closing.signal })
  }

  /** Tells the relay that we are leaving. False when there is no link that could still bring answers home. */
  drain(): boolean {
    this.#link?.send({ type: 'drain' })
    return this.#link !== undefined
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#link?.close(CLOSE.GOING_AWAY, 'agent stopped')
    this.#cut.abort()
  }

  async #connect(): Promise<LinkEnd> {
    const { settings, log, version } = this.#context
    const options = {
      url: this.#url,
      token: settings.token,
      compress: !isLoopback(this.#url),
      keepaliveMs: settings.keepaliveMs,
      userAgent: `mcp-edge-agent/${version}`,
      hello: () => this.#hello(),
      signal: this.#cut.signal,
    }
    const end = await connectOnce(options, {
      welcomed: (link, welcome) => {
        this.#link = link
        log.info('ready', { share: welcome.share, relay: this.#url.origin.replace(/^ws/, 'http'), agent: settings.name })
        this.#channels.attach(link, welcome)
      },
      frame: (frame, body) => {
        if (frame.type !== 'drain') return this.#channels.receive(frame, body)
        void this.#relayLeaves()
        return undefined
      },
      writable: () => this.#channels.flush(),
    })
    this.#link = undefined
    this.#channels.detach()
    return end
  }

  /** The relay is about to go: finish here, then dial again. */
  async #relayLeaves(): Promise<void> {
    const link = this.#link
    this.#context.log.info('link.draining')
    await this.#channels.quiet(AbortSignal.timeout(DRAIN_MS))
    await link?.close(CLOSE.GOING_AWAY, 'drained')
  }

  #hello(): Hello {
    const { settings, version } = this.#context
    const { name, join: mode, isolation } = settings
    return {
      type: 'hello',
      agent: name,
      instance: this.#instance,
      join: mode,
      isolation,
      product: `mcp-edge-agent/${version}`,
      ...this.#channels.memory(),
    }
  }
}

/** Says before anything is dialled that the command cannot be found. On Windows the system looks in more places, so it is left to it. */
function requireCommand({ command, cwd }: Settings, env: Readonly<Record<string, string>>, platform: NodeJS.Platform): void {
  if (platform === 'win32') return
  const places = command.includes('/')
    ? [resolve(cwd, command)]
    : (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder === '' ? cwd : folder, command))
  if (!places.some(isRunnable))
    throw new AgentExit(
      EXIT.CHILD,
      'COMMAND_NOT_FOUND',
      `The command ${command} was not found${command.includes('/') ? '' : ' in PATH'}, or may not be run.`,
    )
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
