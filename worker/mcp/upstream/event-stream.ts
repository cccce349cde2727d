/** Writes what an upstream answers as the events of its client's response: with keep-alives between them, within what the client may see, to the answer or why there is none. */
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import { replacement, splice } from '../../../protocol/splice.ts'
import { findPath, rootOf } from '../../bridge/json-view.ts'
import type { ResponseBody } from '../../carry/response-body.ts'
import { MAX_UPSTREAM_EVENT_BYTES } from '../../upstream-limits.ts'
import type { Accepts } from '../request-headers.ts'
import { FRAMINGS } from '../response/message-writer.ts'
import { chunksOf, readWhole } from './bodies.ts'
import { EventSplitter, readEvent, writeEvent } from './event-splitter.ts'
import type { MessageFilter } from './message-filter.ts'
import type { UpstreamAnswer } from './upstream-port.ts'
import type { WatchedRequest } from './watched-request.ts'

/** Who gets the answer, and how. */
export interface Recipient {
  readonly watched: WatchedRequest
  readonly filter: MessageFilter
  readonly accepts: Accepts
  /** Of the client's request. */
  readonly signal: AbortSignal
  /** Id of the request, as it was sent; undefined of a stream that listens. */
  readonly rawId: string | undefined
  /** Bytes of the request. */
  readonly size: number
  readonly keepAliveMs: number
  /** The response may begin before the upstream's: there is no session to tell in its head. */
  readonly mayBeginEarly: boolean
  /** Its client can come back to the upstream for the rest of a stream: an event's id counts in the session alone that it was told in. */
  readonly mayReturn: boolean
  /** Its answer needs no work, so that the upstream's time is not over when it has begun. */
  readonly isSoon: boolean
  /** What the head says of the session that the upstream has given. */
  readonly sessionFields: (session: string | undefined) => Promise<Record<string, string>>
}

export type FailedAnswer = Extract<UpstreamAnswer, { readonly kind: 'failed' }>
export type CameAnswer = Extract<UpstreamAnswer, { readonly body: ReadableStream<Uint8Array> }>

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const KEEP_ALIVE = encoder.encode(FRAMINGS.events.keepAlive)
export const TOO_LARGE_ANSWER: Failure = { code: 'UPSTREAM_TOO_LARGE', executed: 'unknown' }
export const BROKEN_ANSWER: Failure = { code: 'UPSTREAM_BROKEN', executed: 'unknown' }

/** Why an answer ends before it is whole. */
export function lossOf({ watched }: Pick<Recipient, 'watched'>, { deadline }: Pick<CameAnswer, 'deadline'>): Failure {
  return watched.failure ?? (deadline.hasPassed ? { code: 'UPSTREAM_TIMEOUT', executed: 'unknown' } : BROKEN_ANSWER)
}

export class EventStream {
  readonly #to: Recipient
  readonly #body: ResponseBody
  readonly #splitter = new EventSplitter(MAX_UPSTREAM_EVENT_BYTES)
  #came = 0
  /** The client can come back to the upstream for the rest. */
  #mayReturn = false
  /** Part of an event has gone out. */
  #isAmid = false

  constructor(to: Recipient, body: ResponseBody) {
    this.#to = to
    this.#body = body
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#body.readable
  }

  keepAlive(): void {
    if (!this.#isAmid && this.#body.isIdle) this.#body.write(KEEP_ALIVE)
  }

  /** Writes all that comes, to the end. */
  async pour(pending: Promise<UpstreamAnswer>): Promise<void> {
    const answer = await pending
    const { watched, filter, size } = this.#to
    const failure = await this.#poured(answer)
    const told = failure === undefined ? undefined : (watched.failure ?? failure)
    if (told !== undefined) await this.#fail(told)
    this.#body.end()
    watched.end(told?.code ?? filter.answered ?? 'ok', size + this.#came)
  }

  /** Why the request has no answer; undefined when it has one, or its client can come back for that. */
  async #poured(answer: UpstreamAnswer): Promise<Failure | undefined> {
    if (answer.kind === 'failed') return answer.failure
    if (answer.kind === 'accepted') return BROKEN_ANSWER
    if (answer.kind === 'refused') {
      await this.#write(writeEvent(decoder.decode(withId(answer.body, this.#to.rawId ?? 'null'))))
      return undefined
    }
    try {
      return answer.kind === 'json' ? await this.#json(answer) : await this.#events(answer)
    } catch {
      return this.#mayReturn && this.#to.watched.failure === undefined ? undefined : lossOf(this.#to, answer)
    } finally {
      answer.deadline.stop()
    }
  }

  async #json({ body, signal }: CameAnswer): Promise<Failure | undefined> {
    const bytes = await readWhole(body, MAX_UPSTREAM_EVENT_BYTES, signal)
    if (bytes === undefined) return TOO_LARGE_ANSWER
    this.#came = bytes.length
    const seen = await this.#to.filter.seen(bytes)
    if (seen === undefined || seen === 'unclear') return BROKEN_ANSWER
    await this.#write(writeEvent(decoder.decode(seen)))
    return undefined
  }

  async #events({ body, signal, deadline }: CameAnswer): Promise<Failure | undefined> {
    const { filter, rawId, isSoon } = this.#to
    if (!isSoon) deadline.stop()
    for await (const chunk of chunksOf(body, signal)) {
      this.#came += chunk.length
      for (const piece of this.#splitter.push(chunk)) {
        if (piece.kind === 'event') {
          if (!(await this.#passes(piece.bytes))) return BROKEN_ANSWER
        } else if (!filter.isOpen) return TOO_LARGE_ANSWER
        else {
          filter.passed()
          this.#isAmid = !piece.isLast
          await this.#write(piece.bytes)
        }
      }
      if (filter.answered !== undefined) deadline.stop()
    }
    return filter.answered !== undefined || this.#mayReturn || rawId === undefined ? undefined : BROKEN_ANSWER
  }

  /** Writes what its client may see of an event; false for one that readers would read differently. */
  async #passes(bytes: Uint8Array): Promise<boolean> {
    const { filter } = this.#to
    const { others, data, hasId } = readEvent(bytes)
    if (hasId && this.#to.mayReturn) this.#mayReturn = true
    const message = data === undefined || data === '' ? undefined : encoder.encode(data)
    const seen = message === undefined ? undefined : await filter.seen(message)
    if (seen === 'unclear') return false
    const place = others.filter((line) => line.startsWith('id:'))
    // As it came, but where something was taken out. The place of what is hidden is told all the same.
    if (seen === message) await this.#write(bytes)
    else if (seen !== undefined) await this.#write(writeEvent(decoder.decode(seen), others))
    else if (hasId) await this.#write(writeEvent('', place))
    return true
  }

  async #fail(failure: Failure): Promise<void> {
    const { rawId } = this.#to
    if (rawId === undefined) return
    if (this.#isAmid) this.#body.abort(failure.code)
    else this.#body.write(writeEvent(errorResponse(rawId, failure)))
  }

  #write(bytes: Uint8Array): Promise<void> {
    return written(this.#body, bytes, this.#to.watched.signal)
  }
}

/** Writes, and waits until the client has taken it. Rejects when that is of no use any more. */
export function written(body: ResponseBody, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Error('cut off'))
    if (signal.aborted || !body.isOpen) return stop()
    signal.addEventListener('abort', stop, { once: true })
    body.write(bytes, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
  })
}

/** An error response under another id: by the one that an upstream gives, nobody may be found. */
function withId(message: Uint8Array, rawId: string): Uint8Array {
  const id = findPath(message, rootOf(message), 'id')
  return id === undefined ? message : splice(message, [replacement(id, rawId)])
}
