/** Owns the relay of a run: the deployed Worker in a real workerd, which can be killed, started again, and made to forget an object. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { bundleWorker } from '../../selfhost/build-worker.ts'
import { readWranglerToml, toWorkerdConfig } from '../../selfhost/config.ts'
import { type RunningRelay, startWorkerd } from '../../selfhost/workerd.ts'
import { LATE_CALL_MS } from '../../worker/limits.ts'
import { asObject, type JsonObject, textField } from '../harness/json.ts'
import { ROOT } from '../harness/program.ts'
import type { Disturbance, Interval } from './account.ts'
import type { History } from './history.ts'

const OWNER_KEY = 'owner-key-of-the-chaos-run'

/** A share as its owner was told of it. */
export interface ShareAccess {
  readonly id: string
  /** Objects that carry it. */
  readonly lanes: number
  readonly url: string
  readonly clientToken: string
  readonly agentToken: string
}

export class ChaosRelay implements AsyncDisposable {
  readonly outages: Interval[] = []
  /**
   * When objects were thrown out of memory, and workerd was not there. For a while after that an object does not know which calls Workers still hold, and
   * cannot tell clients that have come back that theirs is lost.
   */
  readonly disturbances: Disturbance[] = []
  /** Told when workerd has been killed. */
  readonly onKilled = new Set<() => void>()
  readonly #folder: string
  readonly #history: History
  /** The output of workerd: the Worker's log. */
  readonly #output: number
  readonly #onProcess: (pid: number) => void
  #running: RunningRelay | undefined
  #port = 0
  #resets = 0
  #isClosing = false
  /** Ends of workerd that nobody had asked for. */
  unexpectedEnds = 0

  private constructor(folder: string, history: History, output: number, onProcess: (pid: number) => void) {
    this.#folder = folder
    this.#history = history
    this.#output = output
    this.#onProcess = onProcess
  }

  /** `onProcess` is told of every workerd, so that none outlives the run. */
  static async start(folder: string, history: History, output: number, onProcess: (pid: number) => void): Promise<ChaosRelay> {
    const relay = new ChaosRelay(folder, history, output, onProcess)
    await mkdir(join(folder, 'storage'), { recursive: true })
    await mkdir(join(folder, 'runtime'), { recursive: true })
    await bundleWorker(join(ROOT, 'test/chaos/worker/reset-worker.ts'), join(folder, 'runtime/worker.js'))
    await relay.#launch()
    return relay
  }

  get port(): number {
    return this.#port
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get pid(): number | undefined {
    return this.#running?.pid
  }

  /** Kills workerd, and starts it again on the same port and storage. */
  async restart(afterMs: number): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    const fromMs = Date.now()
    this.#running = undefined
    process.kill(running.pid, 'SIGKILL')
    for (const tell of this.onKilled) tell()
    await running.ended
    await delay(afterMs)
    await this.#launch()
    const toMs = Date.now()
    this.outages.push({ fromMs, toMs })
    this.disturbances.push({ kind: 'restart-relay', where: 'relay', fromMs, toMs: toMs + LATE_CALL_MS })
    this.#history.event('relay', `up again after ${Date.now() - fromMs} ms`)
  }

  /** Throws a share's object out of memory, whatever it is at; of several the next, which is told before. */
  async reset(name: string, share: ShareAccess, before: (lane: number) => void): Promise<void> {
    const lane = this.#resets++ % share.lanes
    before(lane)
    const fromMs = Date.now()
    const object = lane === 0 ? share.id : `${share.id}.${lane}`
    await fetch(`${this.origin}/chaos/abort/${object}`, { method: 'POST' }).catch(() => undefined)
    this.disturbances.push({ kind: 'reset', where: name, lane, fromMs, toMs: Date.now() + LATE_CALL_MS })
  }

  async createShare(name: string, lanes: number): Promise<ShareAccess> {
    const made = await this.#api('POST', 'shares', { name, lanes })
    return {
      id: textField(made, 'share'),
      lanes,
      url: textField(made, 'url'),
      clientToken: textField(made, 'client_token'),
      agentToken: textField(made, 'agent_token'),
    }
  }

  /** The token of one more principal. */
  async createClientToken(share: ShareAccess): Promise<string> {
    return textField(await this.#api('POST', `shares/${share.id}/tokens`, { kind: 'client', policy: { access: 'admin' } }), 'token')
  }

  /** Which life of its objects a share is in. */
  async incarnation(share: ShareAccess): Promise<string> {
    const counters = asObject((await this.#api('GET', `shares/${share.id}`))['counters'])
    const byLane = Array.isArray(counters['by_lane']) ? counters['by_lane'] : [counters]
    return byLane.map((lane) => textField(asObject(lane), 'incarnation')).join()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true
    await this.#running?.stop()
  }

  async #launch(): Promise<void> {
    const variables = { OWNER_KEY, LOOPBACK: '1' }
    const configFile = join(this.#folder, 'runtime/config.capnp')
    const config = readWranglerToml(await readFile(join(ROOT, 'wrangler.toml'), 'utf8'))
    const address = `127.0.0.1:${this.#port}`
    await writeFile(configFile, toWorkerdConfig(config, { address, bundle: 'worker.js', fromEnvironment: Object.keys(variables) }))
    const storageDir = join(this.#folder, 'storage')
    const running = await startWorkerd({ configFile, storageDir, variables, onProcess: this.#onProcess, output: this.#output })
    this.#running = running
    this.#port = running.port
    void running.ended.then((how) => this.#ended(running, how))
  }

  #ended(running: RunningRelay, how: string): void {
    if (this.#isClosing || this.#running !== running) return
    this.unexpectedEnds++
    this.#history.event('relay', `ended by itself: ${how}`)
  }

  async #api(method: string, path: string, body?: JsonObject): Promise<JsonObject> {
    const response = await fetch(`${this.origin}/api/${path}`, {
      method,
      headers: { authorization: `Bearer ${OWNER_KEY}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return asObject(await response.json())
  }
}
