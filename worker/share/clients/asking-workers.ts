/** Workers that ask a session's client something in the middle of a call: brings them what the client says, over their sockets. */
import { canonicalId } from '../../../protocol/json/json-scan.ts'
import { readAskName } from '../../contract/ask-name.ts'
import type { SendOutcome, SendRequest } from '../../contract/share-rpc.ts'
import type { StreamControl } from '../../contract/streams.ts'
import type { Streams } from './streams.ts'

const decoder = new TextDecoder()

export class AskingWorkers {
  readonly #streams: Streams

  constructor(streams: Streams) {
    this.#streams = streams
  }

  /** Brings a client's response to the Worker that has asked for it; undefined when it answers no question of a Worker. */
  answer({ kind, session, rawId, size, body }: SendRequest): SendOutcome | undefined {
    const name = kind === 'response' ? readAskName(rawId) : undefined
    if (name === undefined) return undefined
    if (size > body.length)
      return { kind: 'failed', failure: { code: 'BODY_TOO_LARGE', detail: 'an answer to this server may have 1 MiB' } }
    const socket = this.#streams.asking(session).find((candidate) => this.#streams.attachmentOf(candidate)?.key === name.key)
    socket?.send(JSON.stringify({ type: 'told', index: name.index, body: decoder.decode(body) } satisfies StreamControl))
    return { kind: socket === undefined ? 'unheard' : 'sent' }
  }

  /** The client has cancelled a call, which it names by its own id. A Worker that asks it something for this call is told. */
  cancel(session: string, rawId: string): void {
    for (const socket of this.#streams.asking(session)) {
      if (this.#streams.attachmentOf(socket)?.call !== canonicalId(rawId)) continue
      // All answers may have come already: then the next attempt of the call is on its way, and must be stopped.
      this.#streams.markCancelled(socket)
      socket.send(JSON.stringify({ type: 'cancelled' } satisfies StreamControl))
    }
  }
}
