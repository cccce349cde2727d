/** One lane of the share: keeps its link up, says hello for its channels, and leaves it when told to. */
import { setTimeout as delay } from 'node:timers/promises'
import { CLOSE, type Hello, type Welcome } from '../../protocol/handshake.ts'
import { MAX_APP_ORIGIN_CHARS } from '../../protocol/web/web-limits.ts'
import { Backoff } from './backoff.ts'
import type { Channels } from '../channel/channels.ts'
import type { WebExchanges } from '../web/web-exchanges.ts'
import type { Era } from '../server/era.ts'
import type { ResourceMetadata } from '../server/http/resource-metadata.ts'
import { usageError } from '../exit.ts'
import { DRAIN_MS, RECONNECT_MAX_MS } from '../limits.ts'
import { connectOnce, type Link, type LinkEnd, type LinkHandlers, type LinkOptions, webSocketPasses } from './link.ts'
import type { Log } from '../log.ts'
import { pollOnce } from './poll-link.ts'
import { proxyFor } from './proxy.ts'
import { describeEnd, isDisplaced, keepConnected } from './reconnect.ts'
import type { AgentSettings } from '../config/settings.ts'
import { isLoopback } from '../config/token.ts'
import { TransportChoice } from './transport-choice.ts'

/** RFC 6455 §7.4.1. Of an agent that is leaving the relay would not wait for the calls that run. */
const CLOSE_NORMAL = 1000

interface LaneOptions {
  readonly index: number
  /** URL of the share's agent endpoint. */
  readonly url: URL
  readonly settings: AgentSettings
  readonly log: Log
  readonly version: string
  readonly program?: string | undefined
  readonly instance: string
  readonly channels: Channels
  readonly web: WebExchanges
  /** What the server says of where its clients sign in. Never rejects. */
  readonly resourceMetadata: () => Promise<ResourceMetadata>
  /** The server's era, as far as it is known by now. */
  readonly era: () => Era
  /** The hello waits for this. Never rejects. */
  readonly ready: Promise<unknown>
  /** Resolves as soon as the first lane has let this agent in. */
  readonly mayServe: () => Promise<void>
  readonly welcomed: (welcome: Welcome) => void
  readonly lost: () => void
  /** Ends the dialling. */
  readonly closing: AbortSignal
  /** Cuts the link that is there. */
  readonly cut: AbortSignal
}

export class AgentLane {
  readonly channels: Channels
  readonly #options: LaneOptions
  #link: Link | undefined
  /** The era that the last hello has said. */
  #announced: Era = 'legacy'
  /** As the last welcome has named it. */
  #share = ''
  /** Another agent has taken the place of this one on the lane. */
  #isDisplaced = false
  readonly #transport: TransportChoice

  constructor(options: LaneOptions) {
    this.#options = options
    this.#transport = new TransportChoice(options.settings.transport.kind)
    this.channels = options.channels
  }

  get isUp(): boolean {
    return this.#link !== undefined
  }

  /** Serves until `closing`. Throws an AgentExit when the relay's word is final. */
  async run(): Promise<void> {
    const { settings, log, closing, index } = this.#options
    const backoff = new Backoff({
      minMs: settings.reconnectDelayMs,
      maxMs: Math.max(settings.reconnectDelayMs, RECONNECT_MAX_MS),
      random: Math.random,
    })
    await keepConnected({
      connect: (dialMs) => this.#connect(dialMs),
      backoff,
      isFirstLane: index === 0,
      maxRetries: settings.maxRetries,
      log,
      now: () => performance.now(),
      pause: (ms) => delay(ms, undefined, { signal: closing }).catch(() => {}),
      signal: closing,
    })
  }

  /** Tells the relay that this agent is leaving. False when there is no link on which answers could still go out. */
  drain(): boolean {
    this.#link?.send({ type: 'drain' })
    return this.isUp
  }

  async close(): Promise<void> {
    await this.#link?.close(CLOSE.GOING_AWAY, 'agent stopped')
  }

  /** Joins anew when the last hello has said another era than is known now. */
  async rejoinIfStale(): Promise<void> {
    const era = this.#options.era()
    if (this.#link === undefined || this.#announced === era) return
    this.#options.log.warn('era.late', { era, meaning: 'the server took long to say so: joining anew' })
    await this.#redial(true)
  }

  async #connect(dialMs: number): Promise<LinkEnd> {
    const { url, index, settings, version, ready, cut, welcomed, lost } = this.#options
    // Who may serve is decided on the first lane alone.
    if (this.#isDisplaced) await this.#options.mayServe()
    const options: LinkOptions = {
      url: laneUrl(url, index),
      token: settings.token,
      proxy: this.#proxy(),
      tls: settings.tls,
      compress: !isLoopback(url),
      dialMs,
      keepaliveMs: settings.keepaliveMs,
      userAgent: `mcp-edge-agent/${version}`,
      hello: () => this.#hello(),
      channels: this.channels,
      web: this.#options.web,
      ready,
      signal: cut,
    }
    const end = await this.#dial(options, {
      welcomed: (link, welcome) => {
        this.#link = link
        this.#share = welcome.share
        welcomed(welcome)
        this.channels.attach(link, welcome)
        this.#options.web.attach(link)
        void this.rejoinIfStale()
      },
      unaccepted: (entries) => this.#tellUnaccepted(entries),
      metadataAsked: (key) => void this.#tellMetadata(key),
      draining: () => void this.#drained(),
    })
    this.#link = undefined
    this.#isDisplaced = index > 0 && isDisplaced(end)
    this.channels.detach()
    this.#options.web.detach()
    lost()
    return end
  }

  #tellUnaccepted(entries: number): void {
    const { log, program = 'mcp-edge-agent' } = this.#options
    const accept = `${program} tools accept ${this.#share} --all`
    const meaning = `new or changed since they were accepted, and held back from clients until the owner of the share looks through them (tools diff) and accepts them: ${accept}`
    log.warn('tools.held', { entries, meaning })
  }

  /** By a WebSocket, or where something on the way lets none through by polls. */
  async #dial(options: LinkOptions, handlers: LinkHandlers): Promise<LinkEnd> {
    const { settings, log } = this.#options
    const choice = this.#transport
    if (choice.polls) {
      const polled = await this.#poll(options, handlers)
      if (!polled.hasBegun) choice.returnToWebSocket()
      return polled.end
    }
    const end = await connectOnce(options, handlers)
    if (options.signal.aborted || !choice.isBlocked(end, options.dialMs)) return end
    const polled = await this.#poll(options, handlers, () => {
      choice.fellBack()
      log.warn('link.polls', {
        reason: describeEnd(end),
        retryMs: settings.transport.webSocketRetryMs,
        meaning: 'no WebSocket gets through to the relay: polling, which is slower, until one does',
      })
    })
    return polled.hasBegun || isWordOfRelay(polled.end) ? polled.end : end
  }

  async #poll(options: LinkOptions, handlers: LinkHandlers, begun?: () => void) {
    const ended = new AbortController()
    let hasBegun = false
    const end = await pollOnce(options, this.#options.settings.transport, handlers, () => {
      hasBegun = true
      begun?.()
      if (this.#transport.canReturn) void this.#watchForWebSocket(options, AbortSignal.any([options.signal, ended.signal]))
    })
    ended.abort()
    return { hasBegun, end }
  }

  /** Leaves polling as soon as a WebSocket gets through: to the relay a link that was cut, and whose agent is back at once. */
  async #watchForWebSocket(options: LinkOptions, signal: AbortSignal): Promise<void> {
    const { settings, log } = this.#options
    while (!signal.aborted) {
      await delay(settings.transport.webSocketRetryMs, undefined, { signal }).catch(() => {})
      // What a web app is in the middle of would end with the link.
      if (signal.aborted || options.web.size > 0 || !(await webSocketPasses(options, signal))) continue
      log.info('link.websocket', { meaning: 'a WebSocket gets through again: leaving polling for it' })
      this.#transport.returnToWebSocket()
      await this.channels.quiet(AbortSignal.timeout(DRAIN_MS))
      await this.#link?.close(CLOSE_NORMAL, 'back to a WebSocket')
      return
    }
  }

  #proxy(): URL | undefined {
    try {
      return proxyFor(this.#options.url, process.env)
    } catch (error) {
      throw usageError(`${error instanceof RangeError ? error.message : 'the proxy cannot be used'}.`)
    }
  }

  /** The relay is about to go: lets calls be answered here, then dials again. */
  async #drained(): Promise<void> {
    this.#options.log.info('link.draining')
    await this.#redial()
  }

  /** `isAnother`: the server is spoken to otherwise from now on, so that no process of before is of use. */
  async #redial(isAnother = false): Promise<void> {
    const link = this.#link
    await this.channels.quiet(AbortSignal.timeout(DRAIN_MS))
    if (isAnother) this.channels.closeAll()
    await link?.close(CLOSE.GOING_AWAY, 'drained')
  }

  async #tellMetadata(key: string): Promise<void> {
    const found = await this.#options.resourceMetadata()
    if ('json' in found) this.#link?.send({ type: 'metadata', key }, Buffer.from(found.json))
    else this.#link?.send({ type: 'metadata', key, lacks: found.lacks })
  }

  #hello(): Hello {
    const { settings, version, instance, index } = this.#options
    const { name, join, isolation } = settings
    const era = this.#options.era()
    this.#announced = era
    return {
      type: 'hello',
      agent: name,
      instance,
      // Where the first lane has let this agent in, the others let it in beside whoever is there.
      join: index > 0 && join === 'primary' ? 'replica' : join,
      isolation,
      era: era === 'legacy' ? 'legacy' : 'modern',
      ...(era === 'both' ? { initializes: true } : {}),
      hearsUnaccepted: true,
      asksApart: true,
      ...(settings.tellsPrincipal ? { wantsPrincipal: true } : {}),
      ...(settings.http?.passesAuth === true ? { passesAuth: true } : {}),
      ...webFields(settings),
      ...(settings.patterns === undefined ? {} : { patterns: settings.patterns }),
      ...(settings.spreads === true ? { spreads: true } : {}),
      ...(settings.maxCalls === undefined ? {} : { maxCalls: settings.maxCalls }),
      product: `mcp-edge-agent/${version}`,
      ...this.channels.helloFields(),
    }
  }
}

/** Whether the relay itself has refused: not one that is older than polls. */
function isWordOfRelay(end: LinkEnd): boolean {
  return end.kind === 'refused' && end.code !== undefined && end.code !== 'ROUTE_NOT_FOUND'
}

function laneUrl(url: URL, index: number): URL {
  const own = new URL(url)
  if (index > 0) own.searchParams.set('lane', String(index))
  return own
}

function webFields({ web, command, http }: AgentSettings): Pick<Hello, 'serves' | 'app'> {
  if (web === undefined) return {}
  const { origin } = web.origin
  const app = origin.length > MAX_APP_ORIGIN_CHARS ? {} : { app: origin }
  return { serves: command === undefined && http === undefined ? 'web' : 'both', ...app }
}
