/** Makes one Response of what comes for the calls of a POST: JSON when the answer comes first and soon, else a stream. */
import { errorResponse } from '../../../protocol/errors.ts'
import { failureOf } from '../../../protocol/failed-frame.ts'
import type { AgentFrame } from '../../../protocol/frame.ts'
import { splice } from '../../../protocol/splice.ts'
import { ResponseBody } from '../../carry/response-body.ts'
import { BEGINNING_KEEPALIVE_MS, FIRST_ANSWER_MS, KEEPALIVE_MS, LEAVING_KEEPALIVE_MS, RECONNECT_MS } from '../../limits.ts'
import { timeout } from '../../within.ts'
import { isFinal, type Item } from '../call/item.ts'
import { begin } from './calls-under-way.ts'
import type { Exchange } from './exchange.ts'
import { type ClientNames, FrameWriter, replacementsFor, type Resumable } from './frame-writer.ts'
import { FRAMINGS, MessageWriter } from './message-writer.ts'
import { initializeResponse, resultResponse } from './own-answers.ts'
import { QuietTimer } from './quiet-timer.ts'
import { eventStreamResponse, failureResponse, jsonResponse, jsonStreamResponse, serverErrorResponse } from './responses.ts'
import type { Accepts } from '../request-headers.ts'

/** The answer to a single request. `headers` go out with it unless it failed. */
export async function respond(
  exchange: Exchange,
  accepts: Accepts,
  signal: AbortSignal,
  headers: Record<string, string>,
): Promise<Response> {
  const pending = exchange.next()
  // A client that leaves before there is a response ends this request with it: what is left to do is done at once.
  const leave = exchange.modern?.cancel ?? exchange.gone
  if (leave !== undefined) signal.addEventListener('abort', leave, { once: true })
  const late = timeout(FIRST_ANSWER_MS)
  const first = await Promise.race([pending, late.passed])
  late.clear()
  if (leave !== undefined) signal.removeEventListener('abort', leave)
  if (first !== undefined && isFinal(first) && (accepts.json || isRefusal(first))) {
    exchange.close()
    return finalResponse(first, exchange, headers)
  }
  const isAnswer = first?.kind === 'frame' && first.header.type === 'answer'
  const framing = accepts.json && (isAnswer || !accepts.events) ? FRAMINGS.json : FRAMINGS.events
  const body = stream([exchange], framing, signal, first === undefined, pending)
  return framing === FRAMINGS.json ? jsonStreamResponse(body, headers) : eventStreamResponse(body, headers)
}

/** The rest of a call's stream, for a client that has come back. */
export function respondAgain(exchange: Exchange, signal: AbortSignal): Response {
  return eventStreamResponse(stream([exchange], FRAMINGS.events, signal, true))
}

/**
 * The answers to a batch (MCP 2025-03-26), as they come. A call is made as its exchange is taken from `exchanges`, and no more
 * than MAX_BATCH_CALLS are under way at once.
 */
export function respondToBatch(exchanges: Iterable<Exchange>, accepts: Accepts, signal: AbortSignal): Response {
  if (accepts.events) return eventStreamResponse(stream(exchanges, FRAMINGS.events, signal, true))
  return jsonStreamResponse(stream(exchanges, FRAMINGS.array, signal, true))
}

/** A status can still tell of these: the call never reached a server. */
function isRefusal(item: Item): boolean {
  return item.kind === 'failed' || (item.kind === 'frame' && item.header.type === 'failed')
}

function finalResponse(item: Item, { names, revision, modern }: Exchange, headers: Record<string, string>): Response {
  if (item.kind === 'failed') return failureResponse(item.failure, names.rawId)
  if (item.kind === 'response') return jsonResponse(item.text, headers, item.http)
  if (item.kind !== 'frame') return jsonResponse(ownAnswer(item, names, revision), headers)
  const { header, body, restarted, edits = [] } = item
  if (header.type === 'failed') return failureResponse(failureOf(header), names.rawId)
  if (header.type !== 'answer') return failureResponse({ code: 'INTERNAL' }, names.rawId)
  if (modern !== undefined && header.failed) return serverErrorResponse(splice(body, replacementsFor(header, body, names)))
  const isRefusedInitialize = revision !== undefined && header.failed
  const all = [...replacementsFor(header, body, { ...names, restarted }), ...edits]
  return jsonResponse(splice(body, all), isRefusedInitialize ? {} : headers)
}

/** An answer that the relay gives by itself. */
function ownAnswer(item: Exclude<Item, { kind: 'frame' }>, names: ClientNames, revision: string | undefined): string {
  if (item.kind === 'response' || item.kind === 'message') return item.text
  if (item.kind === 'failed') return errorResponse(names.rawId, item.failure)
  if (item.kind === 'result') return resultResponse(names.rawId, item.result)
  return initializeResponse(item.answer, names.rawId, revision)
}

type Framing = (typeof FRAMINGS)[keyof typeof FRAMINGS]

/** A body with what comes for the calls until each has its answer; the client's leaving ends them all. */
function stream(
  exchanges: Iterable<Exchange>,
  framing: Framing,
  signal: AbortSignal,
  isWaiting: boolean,
  first?: Promise<Item | undefined>,
): ReadableStream<Uint8Array> {
  const calls = begin(exchanges)
  const { silent } = calls
  const finish = (): void => {
    clearInterval(ticker)
    quiet?.stop()
    calls.close()
  }
  const body = new ResponseBody(signal, () => {
    finish()
    // Without sessions there is no other way to cancel (MCP 2026-07-28, Streamable HTTP, cancellation).
    for (const { modern } of silent) modern?.cancel()
  })
  const messages = new MessageWriter(body, framing)
  const ticker = setInterval(
    () => {
      messages.keepAlive()
      if (framing !== FRAMINGS.events) return
      for (const { names, events } of silent) {
        const { progress } = names
        // How far it had come before its client left is not known here, and progress must not fall.
        const canRise = progress !== undefined && (events?.goesOn === undefined || progress.isKnown)
        if (canRise && messages.isIdle) messages.writeText(progress.heartbeat())
      }
    },
    Math.min(...[...silent].map(keepAliveMs)),
  )
  const [only] = silent
  const prime = framing === FRAMINGS.events ? only?.events?.prime : undefined
  const firstId = prime?.id()
  if (firstId !== undefined) messages.prime(firstId, RECONNECT_MS)
  const quiet =
    prime === undefined || firstId === undefined ? undefined : new QuietTimer(prime.quietMs, () => leaveOff(messages, only, finish))
  // A proxy may hold the headers back until a first byte comes. One answer in one value needs no help.
  if (framing !== FRAMINGS.json || isWaiting) messages.keepAlive()
  void calls
    .each((exchange) => writeItems(exchange, messages, framing !== FRAMINGS.events, first, () => quiet?.restart()))
    .then(() => {
      messages.end()
      finish()
    })
  return body.readable
}

/** Ends a stream before its answer; its client comes back for that. */
function leaveOff(messages: MessageWriter, exchange: Exchange | undefined, finish: () => void): boolean {
  // A client that is being asked would be asked again when it comes back.
  if (!messages.isIdle || exchange?.isAsking === true) return false
  messages.end()
  finish()
  return true
}

/** Writes what comes for one call, up to the answer. */
export async function writeItems(
  exchange: Exchange,
  messages: MessageWriter,
  answersOnly: boolean,
  first: Promise<Item | undefined> = exchange.next(),
  heard?: () => void,
): Promise<void> {
  const { names, revision, events } = exchange
  const resumable = (): Resumable => ({ ids: events?.ids(), ...events?.goesOn })
  const frames = new FrameWriter(messages, (bytes) => exchange.taken(bytes), resumable)
  for (let item = await first; item !== undefined; item = await exchange.next()) {
    heard?.()
    if (item.kind !== 'frame') {
      if (item.kind !== 'message') {
        messages.writeText(ownAnswer(item, names, revision), events?.ids()?.last())
        return
      }
      const { text, owed = 0 } = item
      if (answersOnly) exchange.taken(owed)
      else messages.writeText(text, undefined, () => exchange.taken(owed))
      continue
    }
    if (answersOnly && isMessage(item.header)) {
      exchange.taken(item.body.length)
      continue
    }
    if (frames.write(item.header, item.body, item.restarted ? { ...names, restarted: true } : names, item.edits)) return
  }
}

/** Messages besides the answer, for which a JSON body has no place. */
function isMessage(header: AgentFrame): boolean {
  return header.type === 'notification' || header.type === 'ask'
}

/** How soon it must be noticed that the client of an exchange has left. */
function keepAliveMs({ modern, gone }: Exchange): number {
  if (gone !== undefined) return BEGINNING_KEEPALIVE_MS
  return modern === undefined ? KEEPALIVE_MS : LEAVING_KEEPALIVE_MS
}
