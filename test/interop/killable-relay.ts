/** A relay that can be killed and started again where it was: on its port, with its state. */
import { Relay, Selfhost, type StateFolder } from '../harness/selfhost.ts'

export class KillableRelay implements AsyncDisposable {
  readonly #folder: StateFolder
  readonly #selfhost: Selfhost
  readonly relay: Relay

  constructor(folder: StateFolder, selfhost: Selfhost) {
    this.#folder = folder
    this.#selfhost = selfhost
    this.relay = new Relay(selfhost, folder)
  }

  /** A fresh one, or the one whose folder this is, on its port. */
  static async start(folder: StateFolder, port = '0'): Promise<KillableRelay> {
    return new KillableRelay(folder, await Selfhost.start(['--relay-only', '--port', port, '--data', folder.path]))
  }

  async killAndStart(): Promise<KillableRelay> {
    await this.#selfhost.program.kill9()
    return await KillableRelay.start(this.#folder, new URL(this.relay.origin).port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay[Symbol.asyncDispose]()
  }
}
