/** Wires link, channels, children and guard into one agent, and ends them in order. */
import { randomUUID } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CLOSE, type Hello } from '../protocol/handshake.ts'
import { Backoff } from './backoff.ts'
import { Channels } from './channels.ts'
import { startChild, type Child, type ChildHandlers } from './child.ts'
import { findEra, type Era, type EraFinding } from './era.ts'
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
  const start = (handlers: ChildHandlers): Child => startChild(spec, handlers, { guard, mask: context.mask, platform })
  const channels = new Channels({ maxChildren, idleStopMs, log, now: () => performance.now(), startChild: start })
  const finding = findEra(settings.era, { startChild: start, version: context.version, log })
  kill.addEventListener(
    'abort',
    () => {
      channels.kill()
      finding.kill()
    },
    { once: true },
  )
  const endChildren = async (): Promise<void> => void (await Promise.all([channels.stop(), finding.stop()]))
  const serving = new Serving(context, url, channels, finding)
  const leaving = leaveInOrder(serving, channels, endChildren, leave)
  try {
    await serving.run()
    if (leave.aborted) await leaving
  } finally {
    await endChildren()
    guard.end()
  }
}

/** Waits for the word to leave, then: no new calls, the running ones answered, children ended, the relay told. */
async function leaveInOrder(serving: Serving, channels: Channels, endChildren: () => Promise<void>, leave: AbortSignal): Promise<void> {
  await new Promise<void>((done) => (leave.aborted ? done() : leave.addEventListener('abort', () => done(), { once: true })))
  if (serving.drain()) await channels.quiet(AbortSignal.timeout(DRAIN_MS))
  await endChildren()
  await serving.close()
}

/** Keeps one link up and the channels joined to it. */
class Serving {
  readonly #context: RunContext
  readonly #url: URL
  readonly #channels: Channels
  readonly #finding: EraFinding
  /** Dial no more; and: cut what is there. */
  readonly #closing = new AbortController()
  readonly #cut = new AbortController()
  readonly #instance = randomUUID()
  #link: Link | undefined
  /** What is known of the server, and what the last hello said of it. */
  #era: Era = 'legacy'
  #announced: Era = 'legacy'

  constructor(context: RunContext, url: URL, channels: Channels, finding: EraFinding) {
    this.#context = context
    this.#url = url
    this.#channels = channels
    this.#finding = finding
  }

  async run(): Promise<void> {
    const { settings, log } = this.#context
    const backoff = new Backoff({
      minMs: settings.reconnectDelayMs,
      maxMs: Math.max(settings.reconnectDelayMs, RECONNECT_MAX_MS),
      random: Math.random,
    })
    const ready = this.#finding.soon.then((era) => void (this.#era = era))
    void this.#learnLate(ready)
    const { signal } = this.#closing
    await keepConnected({
      connect: () => this.#connect(ready),
      backoff,
      maxRetries: settings.maxRetries,
      log,
      now: () => performance.now(),
      pause: (ms) => delay(ms, undefined, { signal }).catch(() => {}),
      signal,
    })
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

  async #connect(ready: Promise<void>): Promise<LinkEnd> {
    const { settings, log, version } = this.#context
    const options = {
      url: this.#url,
      token: settings.token,
      compress: !isLoopback(this.#url),
      keepaliveMs: settings.keepaliveMs,
      userAgent: `mcp-edge-agent/${version}`,
      hello: () => this.#hello(),
      ready,
      signal: this.#cut.signal,
    }
    const end = await connectOnce(options, {
      welcomed: (link, welcome) => {
        this.#link = link
        log.info('ready', { share: welcome.share, relay: this.#url.origin.replace(/^ws/, 'http'), agent: settings.name })
        this.#channels.attach(link, welcome)
        void this.#rejoinIfStale()
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

  /** A verdict that comes after the hello makes a new one necessary. */
  async #learnLate(ready: Promise<void>): Promise<void> {
    await ready
    this.#era = await this.#finding.sure
    await this.#rejoinIfStale()
  }

  async #rejoinIfStale(): Promise<void> {
    if (this.#link === undefined || this.#announced === this.#era) return
    this.#context.log.warn('era.late', { era: this.#era, meaning: 'the server took long to say so: joining anew' })
    await this.#redial()
  }

  /** The relay is about to go: finish here, then dial again. */
  async #relayLeaves(): Promise<void> {
    this.#context.log.info('link.draining')
    await this.#redial()
  }

  async #redial(): Promise<void> {
    const link = this.#link
    await this.#channels.quiet(AbortSignal.timeout(DRAIN_MS))
    await link?.close(CLOSE.GOING_AWAY, 'drained')
  }

  #hello(): Hello {
    const { settings, version } = this.#context
    const { name, join: mode, isolation } = settings
    this.#announced = this.#era
    return {
      type: 'hello',
      agent: name,
      instance: this.#instance,
      join: mode,
      isolation,
      era: this.#era,
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
