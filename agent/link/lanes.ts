/** All lanes of the share: dials the first, and the others once its welcome has said how many there are. */
import { randomUUID } from 'node:crypto'
import type { Welcome } from '../../protocol/handshake.ts'
import { KeptAnswers } from '../channel/calls/kept-answers.ts'
import { CallMemory } from '../channel/calls/call-memory.ts'
import { Channels } from '../channel/channels.ts'
import type { WebApp } from '../server/web-app.ts'
import { WebExchanges } from '../web/web-exchanges.ts'
import type { Child, ChildHandlers } from '../server/child.ts'
import type { Era, EraFinding } from '../server/era.ts'
import { AgentLane } from './lane.ts'
import { DRAIN_MS, REMEMBERED_KEYS } from '../limits.ts'
import { laneLog, type Log } from '../log.ts'
import { ChildLimit } from '../channel/child-limit.ts'
import type { AgentSettings } from '../config/settings.ts'
import { GivenUpStarts } from '../server/given-up-starts.ts'
import type { ResourceMetadata } from '../server/http/resource-metadata.ts'
import { SpareChild } from '../server/spare.ts'

interface LanesOptions {
  readonly settings: AgentSettings
  /** URL of the share's agent endpoint. */
  readonly url: URL
  readonly log: Log
  readonly version: string
  /** As a run has it. */
  readonly program?: string | undefined
  readonly finding: EraFinding
  readonly startChild: (handlers: ChildHandlers) => Child
  /** What the server says of where its clients sign in. Never rejects. */
  readonly resourceMetadata: () => Promise<ResourceMetadata>
  /** Undefined where none is shared. */
  readonly webApp: WebApp | undefined
}

export class Lanes {
  readonly #options: LanesOptions
  readonly #instance = randomUUID()
  readonly #childLimit: ChildLimit
  readonly #spare: SpareChild
  readonly #starts: GivenUpStarts
  readonly #answers = new KeptAnswers()
  readonly #lanes: AgentLane[] = []
  readonly #webs: WebExchanges[] = []
  /** How many lanes the share has; one until the first welcome. */
  #count = 1
  #endedLanes = 0
  readonly #ended = Promise.withResolvers<void>()
  readonly #closing = new AbortController()
  readonly #cut = new AbortController()
  /** Resolved while the first lane has a link. */
  #mayServe = Promise.withResolvers<void>()
  #era: Era = 'legacy'
  readonly #ready: Promise<void>

  constructor(options: LanesOptions) {
    this.#options = options
    const { log, settings } = options
    const startChild = (handlers: ChildHandlers): Child => this.#spare.take(handlers)
    this.#starts = new GivenUpStarts({ startChild, now: () => performance.now(), idleStopMs: settings.idleStopMs, log })
    this.#childLimit = new ChildLimit(settings.maxChildren, this.#starts)
    this.#spare = new SpareChild({ startChild: options.startChild, hasRoom: () => this.#childLimit.hasRoom, log: options.log })
    this.#ready = options.finding.initial.then((era) => void (this.#era = era))
  }

  /** Serves until `close`. Throws an AgentExit when it cannot go on. */
  async run(): Promise<void> {
    this.#start(0)
    void this.#learnEra()
    await this.#ended.promise
  }

  /** Tells the relay that this agent is leaving. False when there is no link on which answers could still go out. */
  drain(): boolean {
    return this.#lanes.filter((lane) => lane.drain()).length > 0
  }

  /** Resolves when no call runs and all is sent, or after DRAIN_MS; says what is waited for. */
  async quiet(): Promise<void> {
    const calls = this.#lanes.reduce((sum, { channels }) => sum + channels.runningCalls, 0)
    if (calls > 0)
      this.#options.log.info('leaving.waits', { calls, atMostMs: DRAIN_MS, meaning: 'for their answers; a second signal ends at once' })
    const signal = AbortSignal.timeout(DRAIN_MS)
    await Promise.all(this.#lanes.map(({ channels }) => channels.quiet(signal)))
  }

  /** Stops every server process. */
  async stop(): Promise<void> {
    for (const web of this.#webs) web.stop()
    await Promise.all([this.#starts.stop(), this.#spare.stop(), ...this.#lanes.map(({ channels }) => channels.stop())])
  }

  /** Ends every process group at once. */
  kill(): void {
    this.#starts.kill()
    this.#spare.kill()
    for (const { channels } of this.#lanes) channels.kill()
  }

  /** Closes all links in good order; `run` ends then. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#mayServe.resolve()
    await Promise.all(this.#lanes.map((lane) => lane.close()))
    this.#cut.abort()
  }

  #start(index: number): void {
    const { settings, url, version, program } = this.#options
    const spare = this.#spare
    const log = laneLog(this.#options.log, index, () => this.#count > 1)
    const memory = new CallMemory(this.#answers, () => Math.floor(REMEMBERED_KEYS / this.#count))
    const { idleStopMs, tellsStderr, tellsPrincipal } = settings
    const channels = new Channels({
      childLimit: this.#childLimit,
      memory,
      idleStopMs,
      log,
      now: () => performance.now(),
      startChild: (handlers) => spare.take(handlers),
      starts: this.#starts,
      tellsStderr,
      tellsPrincipal,
      ...(settings.hasSpare && { answered: () => spare.prepare() }),
    })
    const web = new WebExchanges(this.#options.webApp, log, () => performance.now())
    this.#webs.push(web)
    const lane = new AgentLane({
      index,
      url,
      settings,
      log,
      version,
      program,
      instance: this.#instance,
      channels,
      web,
      resourceMetadata: this.#options.resourceMetadata,
      era: () => this.#era,
      ready: this.#ready,
      mayServe: () => this.#mayServe.promise,
      welcomed: (welcome) => this.#welcomed(index, welcome),
      lost: () => {
        if (index === 0 && !this.#closing.signal.aborted) this.#mayServe = Promise.withResolvers()
      },
      closing: this.#closing.signal,
      cut: this.#cut.signal,
    })
    this.#lanes.push(lane)
    lane.run().then(
      () => this.#laneEnded(),
      (error: unknown) => this.#fail(error),
    )
  }

  #welcomed(index: number, { share, lanes = 1, replaced = [] }: Welcome): void {
    const { log, url, settings } = this.#options
    if (index === 0) {
      this.#count = lanes
      this.#mayServe.resolve()
      if (replaced.length > 0)
        log.warn('agents.replaced', {
          agents: replaced.join(','),
          meaning: 'served this share until now, and were ended in favour of this agent',
        })
      if (settings.isolation === 'share' && lanes > settings.maxChildren && this.#lanes.length === 1)
        log.warn('lanes.children', {
          lanes,
          maxChildren: settings.maxChildren,
          meaning: 'each lane has a server process of its own: raise --max-children',
        })
      for (let next = this.#lanes.length; next < this.#count; next++) this.#start(next)
    }
    const relay = url.origin.replace(/^ws/, 'http')
    if (this.#count > 1) log.debug('lane.ready', { lane: index, relay })
    if (this.#lanes.length === this.#count && this.#lanes.every((lane) => lane.isUp)) {
      const { name: agent, server } = settings
      log.info('ready', {
        share,
        relay,
        agent,
        ...(server === undefined ? {} : { servedAs: server }),
        ...(this.#count === 1 ? {} : { lanes: this.#count }),
      })
    }
  }

  #laneEnded(): void {
    if (++this.#endedLanes === this.#lanes.length) this.#ended.resolve()
  }

  /** One lane cannot go on. Then none does: a share must not be served in part. */
  #fail(error: unknown): void {
    this.#closing.abort()
    this.#cut.abort()
    this.#ended.reject(error)
  }

  /** Waits for the server's era; lanes whose hello said another one join anew. */
  async #learnEra(): Promise<void> {
    await this.#ready
    if (this.#options.settings.hasSpare) this.#spare.prepare()
    this.#era = await this.#options.finding.final
    await Promise.all(this.#lanes.map((lane) => lane.rejoinIfStale()))
  }
}
