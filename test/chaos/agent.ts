/** Owns one agent of a run: the real command line behind its own proxy, with everything that can happen to a process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { within } from '../e2e/deadline.ts'
import { asObject, type JsonObject } from '../e2e/json.ts'
import { NODE, ROOT } from '../e2e/program.ts'
import type { Interval } from './account.ts'
import type { History } from './history.ts'
import { LinkProxy } from './proxy.ts'

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

/** A process proved dead by a hello: when it was killed, and when the relay heard of it. */
export interface Replacement {
  readonly pids: ReadonlySet<number>
  readonly killedMs: number
  readonly helloMs: number
}

const READY_MS = 60_000

export class ChaosAgent implements AsyncDisposable {
  /** Times at which it was dead or leaving. */
  readonly outages: Interval[] = []
  /** Children that were killed, or whose agent was, and when. */
  readonly childDeaths = new Map<number, number>()
  /** Those of them that were killed themselves. */
  readonly killedChildren = new Map<number, number>()
  readonly replacements: Replacement[] = []
  readonly allChildren = new Set<number>()
  unexpectedEnds = 0
  readonly proxy: LinkProxy
  readonly #spec: AgentSpec
  readonly #history: History
  readonly #log: WriteStream
  /** Process ids by lane and channel. */
  readonly #children = new Map<string, number>()
  #process: ChildProcess | undefined
  #ready = Promise.withResolvers<void>()
  #isExpectedToEnd = false
  #turn: Promise<void> = Promise.resolve()
  /** What the next hello of a new process proves. */
  #killed: { readonly pids: ReadonlySet<number>; readonly killedMs: number } | undefined

  private constructor(spec: AgentSpec, history: History, proxy: LinkProxy) {
    this.#spec = spec
    this.#history = history
    this.proxy = proxy
    this.#log = createWriteStream(spec.logFile)
  }

  static async start(spec: AgentSpec, relayPort: () => number, history: History): Promise<ChaosAgent> {
    const proxy = await LinkProxy.start(relayPort, {
      frame: (direction, frame) => {
        history.frame(spec.where, direction, frame)
        if (direction === 'up' && frame.header.startsWith('{"type":"hello"')) agent.#saidHello()
      },
      said: (text) => history.event(spec.where, text),
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
      this.#process?.kill('SIGSTOP')
      await delay(ms)
      this.#process?.kill('SIGCONT')
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
    this.#killed = { pids: new Set(this.#children.values()), killedMs: fromMs }
    this.#bereave(fromMs)
    await this.#end('SIGKILL')
    await this.#startAgain(fromMs, restartMs)
  }

  async #drain(restartMs: number): Promise<void> {
    const fromMs = Date.now()
    const pids = [...this.#children.values()]
    await this.#end('SIGTERM')
    for (const pid of pids) this.childDeaths.set(pid, fromMs)
    this.#children.clear()
    this.#history.event(this.where, `left after ${Date.now() - fromMs} ms`)
    await this.#startAgain(fromMs, restartMs)
  }

  /** Kills one of its servers; false when it has none. */
  killChild(nth: number): boolean {
    const children = [...this.#children]
    const [ch, pid] = children[nth % Math.max(1, children.length)] ?? []
    if (ch === undefined || pid === undefined) return false
    const atMs = Date.now()
    this.childDeaths.set(pid, atMs)
    this.killedChildren.set(pid, atMs)
    this.#children.delete(ch)
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
    for (const pid of this.#children.values()) this.childDeaths.set(pid, atMs)
    this.#children.clear()
  }

  #hear(line: string): void {
    this.#log.write(`${line}\n`)
    const event = parse(line)
    const { lane = 0, pid } = event ?? {}
    const ch = typeof event?.['ch'] === 'string' ? `${String(lane)} ${event['ch']}` : undefined
    if (event?.['event'] === 'ready') this.#ready.resolve()
    if (event?.['event'] === 'channel.open' && ch !== undefined && typeof pid === 'number') {
      this.#children.set(ch, pid)
      this.allChildren.add(pid)
    }
    if (event?.['event'] === 'channel.end' && ch !== undefined) this.#children.delete(ch)
  }

  #saidHello(): void {
    if (this.#killed === undefined) return
    this.replacements.push({ ...this.#killed, helloMs: Date.now() })
    this.#killed = undefined
  }
}

function parse(line: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(line))
  } catch {
    return undefined
  }
}
