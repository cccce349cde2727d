/** Owns one agent of a run: the real command line behind its own proxy, with everything that can happen to a process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { GRACE_MS } from '../../protocol/limits.ts'
import { within } from '../harness/deadline.ts'
import { asObject, type JsonObject } from '../harness/json.ts'
import { NODE, ROOT } from '../harness/program.ts'
import type { Disturbance, Interval, Proof } from './account.ts'
import type { History } from './history.ts'
import { LinkProxy } from './wire/proxy.ts'

export interface AgentSpec {
  readonly name: string
  /** World and number, for the history. */
  readonly where: string
  readonly token: string
  /** Options of the agent besides its name and relay. */
  readonly args: readonly string[]
  readonly command: readonly string[]
  readonly logFile: string
  /** Told of every process, so that none outlives the run. */
  readonly onProcess: (pid: number) => void
}

const READY_MS = 60_000

export class ChaosAgent implements AsyncDisposable {
  /** Times at which it was dead or leaving, or a child of it was dead and it had not noticed. */
  readonly outages: Interval[] = []
  /** Times at which it had been out of reach for longer than the grace time, because it slept. */
  readonly lostAsleep: Interval[] = []
  /** Children that were killed, or whose agent was, and when. */
  readonly childDeaths = new Map<number, number>()
  readonly proofs: Proof[] = []
  readonly disturbances: Disturbance[] = []
  readonly allChildren = new Set<number>()
  unexpectedEnds = 0
  readonly proxy: LinkProxy
  readonly #spec: AgentSpec
  readonly #history: History
  readonly #log: WriteStream
  /** By lane and channel. */
  readonly #children = new Map<string, { readonly pid: number; readonly lane: number }>()
  /** When children were killed of whose end the agent has not said yet: what comes meanwhile is sent to one that is dead. */
  readonly #dying = new Map<string, number>()
  #process: ChildProcess | undefined
  #ready = Promise.withResolvers<void>()
  #isExpectedToEnd = false
  #turn: Promise<void> = Promise.resolve()
  /** What the next process proves by its hello, by lane. */
  readonly #killed = new Map<number, { readonly pids: Set<number>; readonly killedMs: number }>()

  private constructor(spec: AgentSpec, history: History, proxy: LinkProxy) {
    this.#spec = spec
    this.#history = history
    this.proxy = proxy
    this.#log = createWriteStream(spec.logFile)
  }

  static async start(spec: AgentSpec, relayPort: () => number, history: History): Promise<ChaosAgent> {
    const proxy = await LinkProxy.start(relayPort, {
      frame: (direction, frame) => history.frame(spec.where, direction, frame),
      said: (text) => history.event(spec.where, text),
      greeted: (lane) => agent.#saidHello(lane),
      disturbed: (disturbance) => agent.#disturbed(disturbance),
    })
    const agent: ChaosAgent = new ChaosAgent(spec, history, proxy)
    agent.#launch()
    await agent.#whenReady()
    return agent
  }

  get where(): string {
    return this.#spec.where
  }

  /** Kills it as a crash would, and starts it again. */
  kill(restartMs: number): Promise<void> {
    return this.#inTurn(() => this.#kill(restartMs))
  }

  /** Asks it to leave, and starts it again. */
  drain(restartMs: number): Promise<void> {
    return this.#inTurn(() => this.#drain(restartMs))
  }

  /** The machine sleeps. */
  sleep(ms: number): Promise<void> {
    return this.#inTurn(async () => {
      const fromMs = Date.now()
      this.#process?.kill('SIGSTOP')
      await delay(ms)
      this.#process?.kill('SIGCONT')
      this.#disturbed({ kind: 'sleep', fromMs, toMs: Date.now() })
    })
  }

  /** What befalls the process comes one after the other: one that is dead cannot sleep. */
  #inTurn(befall: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(befall)
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #kill(restartMs: number): Promise<void> {
    const fromMs = Date.now()
    this.#killed.clear()
    for (const { pid, lane } of this.#children.values()) {
      const killed = this.#killed.get(lane) ?? { pids: new Set(), killedMs: fromMs }
      killed.pids.add(pid)
      this.#killed.set(lane, killed)
    }
    this.#bereave(fromMs)
    await this.#end('SIGKILL')
    await this.#startAgain(fromMs, restartMs)
  }

  async #drain(restartMs: number): Promise<void> {
    const fromMs = Date.now()
    const pids = [...this.#children.values()].map(({ pid }) => pid)
    await this.#end('SIGTERM')
    for (const pid of pids) this.childDeaths.set(pid, fromMs)
    this.#children.clear()
    this.#history.event(this.where, `left after ${Date.now() - fromMs} ms`)
    await this.#startAgain(fromMs, restartMs)
  }

  /** Kills one of its servers; false when it has none. */
  killChild(nth: number): boolean {
    const children = [...this.#children]
    const [ch, child] = children[nth % Math.max(1, children.length)] ?? []
    if (ch === undefined || child === undefined) return false
    const { pid, lane } = child
    const atMs = Date.now()
    this.childDeaths.set(pid, atMs)
    this.proofs.push({ kind: 'death', where: this.where, lane, pids: new Set([pid]), killedMs: atMs, atMs })
    this.#children.delete(ch)
    this.#dying.set(ch, atMs)
    this.#history.event(this.where, `child ${pid} of ${ch} is killed`)
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It had ended by itself: its call, if any, was answered.
    }
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGTERM')
    await this.proxy[Symbol.asyncDispose]()
    this.#log.end()
  }

  #launch(): void {
    const { name, token, args, command, onProcess } = this.#spec
    const relay = `http://127.0.0.1:${this.proxy.port}`
    const own = ['agent/cli.ts', '--relay', relay, '--name', name, '--json', ...args, '--', ...command]
    const env = { ...process.env, MCP_EDGE_TOKEN: token }
    // A group of its own, as the guard ends groups.
    const child = spawn(NODE, own, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    this.#process = child
    if (child.pid !== undefined) onProcess(child.pid)
    this.#isExpectedToEnd = false
    this.#ready = Promise.withResolvers<void>()
    createInterface({ input: child.stderr }).on('line', (line) => this.#hear(line))
    child.on('exit', (code, signal) => {
      if (this.#process !== child || this.#isExpectedToEnd) return
      this.unexpectedEnds++
      this.#history.event(this.where, `ended by itself: ${code ?? signal}`)
      this.#bereave(Date.now())
      const fromMs = Date.now()
      this.#launch()
      void this.#whenReady().then(() => this.outages.push({ fromMs, toMs: Date.now() }))
    })
  }

  async #startAgain(fromMs: number, restartMs: number): Promise<void> {
    await delay(restartMs)
    this.#launch()
    await this.#whenReady()
    this.outages.push({ fromMs, toMs: Date.now() })
    this.#history.event(this.where, 'is back')
  }

  async #whenReady(): Promise<void> {
    await within(this.#ready.promise, `agent ${this.where} to be ready`, READY_MS)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    this.#isExpectedToEnd = true
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  #bereave(atMs: number): void {
    for (const { pid } of this.#children.values()) this.childDeaths.set(pid, atMs)
    this.#children.clear()
  }

  #hear(line: string): void {
    this.#log.write(`${line}\n`)
    const event = parse(line)
    const { pid } = event ?? {}
    const lane = Number(event?.['lane'] ?? 0)
    const ch = typeof event?.['ch'] === 'string' ? `${lane} ${event['ch']}` : undefined
    if (event?.['event'] === 'ready') this.#ready.resolve()
    if (event?.['event'] === 'channel.open' && ch !== undefined && typeof pid === 'number') {
      this.#children.set(ch, { pid, lane })
      this.allChildren.add(pid)
    }
    if (event?.['event'] !== 'channel.end' || ch === undefined) return
    this.#children.delete(ch)
    const fromMs = this.#dying.get(ch)
    if (fromMs !== undefined) this.outages.push({ fromMs, toMs: Date.now() })
    this.#dying.delete(ch)
  }

  /** A link that was broken while the agent slept is as a longer sleep: the agent cannot come back. */
  #disturbed(disturbance: Omit<Disturbance, 'where'>): void {
    const { fromMs, toMs } = disturbance
    this.disturbances.push({ where: this.where, ...disturbance })
    const hasSlept = this.disturbances.some((other) => other.kind === 'sleep' && other.fromMs < toMs && other.toMs > fromMs)
    if (hasSlept && toMs > fromMs + GRACE_MS) this.lostAsleep.push({ fromMs: fromMs + GRACE_MS, toMs })
  }

  #saidHello(lane: number): void {
    const killed = this.#killed.get(lane)
    this.#killed.delete(lane)
    if (killed !== undefined) this.proofs.push({ kind: 'hello', where: this.where, lane, ...killed, atMs: Date.now() })
  }
}

function parse(line: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(line))
  } catch {
    return undefined
  }
}
