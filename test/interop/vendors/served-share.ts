/** Owns a share with its relay and agent, which can both be killed and started again where they were. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Agent, createShare, fixture, type Share, startAgent, StateFolder } from '../../harness/selfhost.ts'
import { asObject, textField } from '../../harness/json.ts'
import { KillableRelay } from '../killable-relay.ts'
import type { Way } from '../sdks/foreign-client.ts'
import type { ServerAddress } from './command-line.ts'

export class ServedShare implements AsyncDisposable {
  readonly #folder: StateFolder
  readonly #share: Share
  #relay: KillableRelay
  #agent: Agent

  private constructor(folder: StateFolder, share: Share, relay: KillableRelay, agent: Agent) {
    this.#folder = folder
    this.#share = share
    this.#relay = relay
    this.#agent = agent
  }

  static async start(): Promise<ServedShare> {
    const folder = await StateFolder.create()
    const relay = await KillableRelay.start(folder)
    const share = await createShare(relay.relay)
    return new ServedShare(folder, share, relay, await startEcho(share, folder))
  }

  address({ transport, by }: Way): ServerAddress {
    const { shareUrl, url, sseUrl, clientToken } = this.#share
    if (by === 'bearer') return { transport, url: transport === 'sse' ? sseUrl : url, bearer: clientToken }
    return { transport, url: transport === 'sse' ? shareUrl.replace(/\/mcp$/, '/sse') : shareUrl, bearer: undefined }
  }

  /** URL at which people sign in. */
  get url(): string {
    return this.#share.url
  }

  /** The access code of somebody who may do everything. */
  async invite(): Promise<string> {
    const made = await this.#share.relay.api('POST', `shares/${this.#share.id}/people`, { name: 'Ann', policy: { access: 'admin' } })
    return textField(asObject(await made.json()), 'code')
  }

  /** Neither gets to say goodbye. */
  async killAndStart(): Promise<void> {
    await this.#agent.program.kill9()
    this.#relay = await this.#relay.killAndStart()
    this.#agent = await startEcho(this.#share, this.#folder)
  }

  /** @throws Error unless the server has run these echoes, each once. */
  async expectEchoes(texts: readonly string[]): Promise<void> {
    const lines = (await readFile(join(this.#folder.path, 'journal'), 'utf8')).trim().split('\n')
    if (lines.join('\n') !== texts.join('\n')) throw new Error(`the server ran: ${lines.join(', ')} instead of ${texts.join(', ')}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent[Symbol.asyncDispose]()
    await this.#relay[Symbol.asyncDispose]()
  }
}

function startEcho(share: Share, folder: StateFolder): Promise<Agent> {
  return startAgent(share, { command: fixture('echo', '--journal', join(folder.path, 'journal')) })
}
