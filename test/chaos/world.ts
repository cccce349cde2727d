/** Owns one share of a run with its agents and clients, and does to them what the plan says. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { NODE, ROOT } from '../harness/program.ts'
import { ChaosAgent } from './agent.ts'
import { type ChaosClient, LegacyClient, MODERN_REVISION, ModernClient } from './clients.ts'
import type { History } from './history.ts'
import type { PlannedFault, WorldName } from './plan.ts'
import type { ChaosRelay, ShareAccess } from './relay.ts'
import { SdkClient } from './sdk-client.ts'

interface WorldOptions {
  readonly name: WorldName
  readonly agents: number
  readonly clients: number
  readonly lanes: number
  readonly folder: string
  readonly journal: string
  readonly onProcess: (pid: number) => void
}

const AGENT_ARGS: Readonly<Record<WorldName, readonly string[]>> = {
  session: ['--isolate', 'session', '--era', 'legacy'],
  shared: ['--isolate', 'share', '--era', 'legacy'],
  modern: ['--isolate', 'share', '--era', 'modern'],
}
/** Faults are many: agents look more often than by default whether they are cut off, and come back sooner. */
const EAGER_ARGS = ['--replica', '--keepalive', '2s', '--reconnect-delay', '200ms', '--max-children', '64', '--log-level', 'debug']

export class World implements AsyncDisposable {
  readonly name: WorldName
  readonly agents: readonly ChaosAgent[]
  readonly clients: readonly ChaosClient[]
  /** Times that the object was found to have been out of memory. */
  evictions = 0
  readonly #relay: ChaosRelay
  readonly #share: ShareAccess
  readonly #history: History

  private constructor(
    name: WorldName,
    relay: ChaosRelay,
    share: ShareAccess,
    agents: readonly ChaosAgent[],
    clients: readonly ChaosClient[],
    history: History,
  ) {
    this.name = name
    this.agents = agents
    this.clients = clients
    this.#relay = relay
    this.#share = share
    this.#history = history
    relay.onKilled.add(() => this.#broke('restart-relay'))
  }

  static async start(
    { name, agents, clients, lanes, folder, journal, onProcess }: WorldOptions,
    relay: ChaosRelay,
    history: History,
  ): Promise<World> {
    const share = await relay.createShare(name, lanes)
    const command = [NODE, join(ROOT, 'test/chaos/journal-server.ts'), journal]
    const started: ChaosAgent[] = []
    for (let at = 0; at < agents; at++) {
      const spec = {
        name: `${name}-${at}`,
        where: `${name} ${at}`,
        token: share.agentToken,
        args: [...AGENT_ARGS[name], ...EAGER_ARGS],
        command,
        logFile: join(folder, `agent-${name}-${at}.log`),
        onProcess,
      }
      started.push(await ChaosAgent.start(spec, () => relay.port, history))
    }
    const made: ChaosClient[] = []
    for (let at = 0; at < clients; at++) {
      // Clients without sessions are on the lane of their principal: several lanes take several principals.
      const access = lanes === 1 ? share : { ...share, clientToken: await relay.createClientToken(share) }
      made.push(makeClient(name, at, relay, access))
    }
    for (const client of made) await client.begin()
    return new World(name, relay, share, started, made, history)
  }

  /** Does what the plan says to one of our agents, our object, or the relay; resolves when all is as it was. */
  async suffer({ agent, fault }: PlannedFault): Promise<void> {
    const victim = this.agents[agent % this.agents.length]
    if (victim === undefined) return
    switch (fault.kind) {
      case 'cut':
        return victim.proxy.cut(fault)
      case 'half-open':
        return victim.proxy.halfOpen(fault.direction, fault.ms)
      case 'stall':
        return victim.proxy.stall(fault.direction, fault.ms)
      case 'delay':
        return victim.proxy.delay(fault.latencyMs, fault.ms)
      case 'throttle':
        return victim.proxy.throttle(fault.bytesPerSecond, fault.ms)
      case 'unplug':
      case 'tail':
        return victim.proxy.unplug(fault.ms)
      case 'kill-agent':
      case 'away':
        return victim.kill(fault.ms)
      case 'drain':
        return victim.drain(fault.ms)
      case 'sleep':
        return victim.sleep(fault.ms)
      case 'kill-child':
        return void victim.killChild(fault.nth)
      case 'restart-relay':
        return this.#relay.restart(fault.ms)
      case 'reset':
        return this.#relay.reset(this.name, this.#share, (lane) => this.#broke('reset', lane))
      case 'evict':
        return this.#lull(fault.ms)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.end?.()
    await Promise.all(this.agents.map((agent) => agent[Symbol.asyncDispose]()))
  }

  /** The relay's side of our links is gone, of one lane or of all. */
  #broke(kind: string, lane?: number): void {
    for (const { proxy } of this.agents) proxy.broke(kind, lane)
  }

  /** Nobody calls meanwhile, so that the object is evicted. */
  async #lull(ms: number): Promise<void> {
    const before = await this.#relay.incarnation(this.#share)
    await delay(ms)
    if ((await this.#relay.incarnation(this.#share)) === before) return
    this.evictions++
    this.#history.event(this.name, 'the object was evicted')
  }
}

/** One in four is made of the SDK; every other one of those by hand keeps a GET stream open, where there are such. */
function makeClient(world: WorldName, at: number, relay: ChaosRelay, share: ShareAccess): ChaosClient {
  const name = `${world}.${at}`
  if (at % 4 === 3) return new SdkClient(name, relay, share, world === 'modern' ? MODERN_REVISION : undefined)
  return world === 'modern' ? new ModernClient(name, share) : new LegacyClient(name, share, at % 2 === 0)
}
