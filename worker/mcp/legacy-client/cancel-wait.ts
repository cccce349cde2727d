/** Hears, on a stream of the Share, that a session's client has cancelled a call which runs in another of its sessions, where nobody knows it by the client's id. */
import { randomKey } from '../../call-key.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { ShareStream } from '../../carry/share-stream.ts'
import type { Caller } from '../../contract/share-rpc.ts'

export class CancelWait {
  readonly #stream: ShareStream

  /** `call`: the client's raw id. */
  constructor(share: ShareClient, { principal, session }: Caller, call: string, onCancelled: () => void) {
    this.#stream = new ShareStream(
      share,
      { kind: 'asking', principal, session, key: randomKey(), call },
      {
        onControl: ({ type }) => {
          if (type === 'cancelled') onCancelled()
        },
        onEnd: () => {},
        retries: Infinity,
      },
    )
  }

  /** Rejects as ShareClient.open does. Where the session has ended, nobody cancels any more. */
  async open(): Promise<void> {
    await this.#stream.open()
  }

  close(): void {
    this.#stream.close()
  }
}
