/** Makes the client's response of what an upstream answers: as it came, with keep-alives, within what its client may see, and cut where it may see no more. */
import type { Failure } from '../../../protocol/errors.ts'
import { ResponseBody } from '../../carry/response-body.ts'
import { FIRST_ANSWER_MS } from '../../limits.ts'
import { MAX_UPSTREAM_ANSWER_BYTES, MAX_UPSTREAM_EVENT_BYTES, UPSTREAM_LOOK_BYTES } from '../../upstream-limits.ts'
import { timeout } from '../../within.ts'
import {
  accepted,
  eventStreamResponse,
  failureResponse,
  jsonResponse,
  jsonStreamResponse,
  unaskedFailureResponse,
} from '../response/responses.ts'
import { chunksOf, readUpTo } from './bodies.ts'
import { EventSplitter, readEvent } from './event-splitter.ts'
import {
  BROKEN_ANSWER,
  type CameAnswer,
  EventStream,
  type FailedAnswer,
  lossOf,
  type Recipient,
  TOO_LARGE_ANSWER,
  written,
} from './event-stream.ts'
import type { Deadline, UpstreamAnswer } from './upstream-port.ts'

const encoder = new TextEncoder()

/** `pending`: never rejects. */
export async function respondTo(recipient: Recipient, pending: Promise<UpstreamAnswer>): Promise<Response> {
  const { accepts, signal, watched } = recipient
  const leave = (): void => watched.leave()
  signal.addEventListener('abort', leave, { once: true })
  const late = timeout(FIRST_ANSWER_MS)
  const first = accepts.events && recipient.mayBeginEarly ? await Promise.race([pending, late.passed]) : await pending
  late.clear()
  if (first === undefined) return eventsOf(recipient, pending, {}, true)
  if (first.kind === 'failed') return refusedBy(recipient, first)
  if (first.kind === 'refused') {
    watched.end('error', recipient.size + first.body.length)
    return jsonResponse(first.body, {}, first.status)
  }
  if (first.kind === 'accepted') {
    watched.end(recipient.rawId === undefined ? 'ok' : 'UPSTREAM_BROKEN', recipient.size)
    return recipient.rawId === undefined ? accepted() : failureResponse({ ...BROKEN_ANSWER, detail: 'no answer' }, recipient.rawId)
  }
  const fields = await recipient.sessionFields(first.session)
  const isAsEvents = first.kind === 'events' ? accepts.events : !accepts.json
  if (isAsEvents) return eventsOf(recipient, Promise.resolve(first), fields, false)
  return first.kind === 'json' ? jsonOf(recipient, first, fields) : collected(recipient, first, fields)
}

function refusedBy({ watched, size, rawId }: Recipient, { failure }: FailedAnswer): Response {
  const told = watched.failure ?? failure
  watched.end(told.code, size)
  if (rawId !== undefined) return failureResponse(told, rawId)
  return unaskedFailureResponse(told, told.code === 'METHOD_NOT_ALLOWED' ? { allow: 'POST' } : {})
}

/** A JSON answer, whole where it must be looked into, else as it comes. */
async function jsonOf(recipient: Recipient, answer: CameAnswer, fields: Record<string, string>): Promise<Response> {
  const { filter, watched, size } = recipient
  const { body, signal, deadline } = answer
  try {
    const { bytes, rest } = await readUpTo(body, filter.isOpen ? UPSTREAM_LOOK_BYTES : MAX_UPSTREAM_EVENT_BYTES, signal)
    if (rest !== undefined && filter.isOpen) return jsonStreamResponse(passedOn(recipient, deadline, bytes, rest), fields)
    void rest?.return()
    if (rest !== undefined) return failed(recipient, answer, TOO_LARGE_ANSWER)
    deadline.stop()
    const seen = await filter.seen(bytes)
    if (seen === undefined || seen === 'unclear') return failed(recipient, answer, BROKEN_ANSWER)
    watched.end(filter.answered ?? 'ok', size + bytes.length)
    return jsonResponse(seen, fields)
  } catch {
    return failed(recipient, answer, lossOf(recipient, answer))
  }
}

/** The rest of a long JSON answer, which nobody looks into. */
function passedOn(
  { watched, signal, size }: Recipient,
  deadline: Deadline,
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array, void>,
): ReadableStream<Uint8Array> {
  const body = new ResponseBody(signal, () => watched.leave())
  let passed = first.length
  const pass = async (): Promise<'ok' | 'UPSTREAM_TOO_LARGE'> => {
    await written(body, first, watched.signal)
    for await (const chunk of rest) {
      passed += chunk.length
      if (passed > MAX_UPSTREAM_ANSWER_BYTES) return 'UPSTREAM_TOO_LARGE'
      await written(body, chunk, watched.signal)
    }
    return 'ok'
  }
  void pass()
    .catch(() => watched.failure?.code ?? 'UPSTREAM_BROKEN')
    .then((outcome) => {
      deadline.stop()
      watched.end(outcome, size + passed)
      if (outcome === 'ok') body.end()
      else body.abort(outcome)
    })
  return body.readable
}

/** The answer alone, of events for a client that takes none. */
async function collected(recipient: Recipient, answer: CameAnswer, fields: Record<string, string>): Promise<Response> {
  const { filter, watched, size } = recipient
  const splitter = new EventSplitter(MAX_UPSTREAM_EVENT_BYTES)
  let came = 0
  try {
    for await (const chunk of chunksOf(answer.body, answer.signal)) {
      came += chunk.length
      for (const piece of splitter.push(chunk)) {
        if (piece.kind === 'part') return failed(recipient, answer, TOO_LARGE_ANSWER)
        const { data } = readEvent(piece.bytes)
        const seen = data === undefined ? undefined : await filter.seen(encoder.encode(data))
        if (seen === 'unclear') return failed(recipient, answer, BROKEN_ANSWER)
        if (filter.answered === undefined || seen === undefined) continue
        answer.deadline.stop()
        watched.end(filter.answered, size + came)
        return jsonResponse(seen, fields)
      }
    }
    return failed(recipient, answer, BROKEN_ANSWER)
  } catch {
    return failed(recipient, answer, lossOf(recipient, answer))
  }
}

function failed({ watched, size, rawId }: Recipient, { deadline }: CameAnswer, failure: Failure): Response {
  deadline.stop()
  watched.end(failure.code, size)
  return failureResponse(failure, rawId)
}

/** A stream of events, which may begin before there is an answer. */
function eventsOf(recipient: Recipient, pending: Promise<UpstreamAnswer>, fields: Record<string, string>, isEarly: boolean): Response {
  const { watched, signal, keepAliveMs } = recipient
  const stream = new EventStream(recipient, new ResponseBody(signal, () => finish()))
  const ticker = setInterval(() => stream.keepAlive(), keepAliveMs)
  const finish = (): void => {
    clearInterval(ticker)
    watched.leave()
  }
  if (isEarly) stream.keepAlive()
  void stream.pour(pending).finally(finish)
  return eventStreamResponse(stream.readable, fields)
}
