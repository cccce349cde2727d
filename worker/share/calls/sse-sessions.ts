/** Sessions over HTTP+SSE, where all goes out on the session's one stream: tells the Worker that holds it what is to come. */
import { encodeFrame } from '../../../protocol/frame-codec.ts'
import { encodeReturnAddress } from '../../contract/return-address.ts'
import type { CallOutcome, SessionCallRequest } from '../../contract/rpc.ts'
import type { StreamControl } from '../../contract/streams.ts'
import type { Streams } from '../clients/streams.ts'
import { failed } from './outcomes.ts'

const decoder = new TextDecoder()

export class SseSessions {
  readonly #streams: Streams

  constructor(streams: Streams) {
    this.#streams = streams
  }

  /** Sends an outcome that the relay has found by itself to the stream; one that only the Worker of the post understands is given back. */
  tell({ session, key, rawId, method, revision }: SessionCallRequest, outcome: CallOutcome): CallOutcome {
    const listener = this.#streams.listener(session)
    const tell = (control: StreamControl): CallOutcome => {
      listener?.send(JSON.stringify(control))
      return { kind: 'accepted' }
    }
    switch (outcome.kind) {
      case 'result':
        return tell({ type: 'answer', rawId, result: outcome.result })
      case 'initialized': {
        const answer = decoder.decode(outcome.answer)
        return tell({ type: 'initialized', rawId, answer, ...(revision === undefined ? {} : { revision }) })
      }
      case 'standby': {
        const standby = { ...outcome, answer: decoder.decode(outcome.answer) }
        return tell({ type: 'standby', rawId, method, standby, ...(revision === undefined ? {} : { revision }) })
      }
      case 'failed': {
        // Clients do not look into the body of a post that has succeeded, as many a failure's status says.
        const ra = encodeReturnAddress({ to: 'session', session, rawId })
        listener?.send(encodeFrame({ type: 'failed', ch: '', key, ra, ...outcome.failure, executed: outcome.failure.executed ?? 'no' }))
        return listener === undefined ? outcome : { kind: 'accepted' }
      }
      default:
        return outcome
    }
  }

  /** A call begins: the Worker can keep its client waiting, or tell it the end. `listed`: see StandbyAnswers. */
  announce({ session, key, method, cursor, rawId, rawToken }: SessionCallRequest, restarted: boolean, listed: string | undefined): void {
    const pending: StreamControl = {
      type: 'pending',
      key,
      rawId,
      restarted,
      ...(rawToken === undefined ? {} : { rawToken }),
      ...(listed === undefined ? {} : { standby: { method, ...(cursor === undefined ? {} : { cursor }), listed } }),
    }
    this.#streams.listener(session)?.send(JSON.stringify(pending))
  }

  /** For a child of the other era the Worker that holds the stream makes the call, since only it can ask the client meanwhile. */
  translate({ session, body, size }: SessionCallRequest): CallOutcome {
    const listener = this.#streams.listener(session)
    if (listener === undefined) return { kind: 'away', isExpected: true }
    if (size > body.length) return failed({ code: 'BODY_TOO_LARGE', detail: 'a request over HTTP+SSE to this server may have 1 MiB' })
    listener.send(JSON.stringify({ type: 'translate', body: decoder.decode(body) } satisfies StreamControl))
    return { kind: 'accepted' }
  }
}
