/** Asks an upstream for one answer and takes it whole: for what the relay asks by itself. */
import type { Failure } from '../../../protocol/errors.ts'
import { findPath, rootOf, textAt } from '../../bridge/json-view.ts'
import { MAX_UPSTREAM_EVENT_BYTES } from '../../upstream-limits.ts'
import { chunksOf, readWhole } from './bodies.ts'
import { EventSplitter, readEvent } from './event-splitter.ts'
import type { UpstreamAnswer, UpstreamPort, UpstreamRequest } from './upstream-port.ts'

const encoder = new TextEncoder()
const TOO_LARGE: Failure = { code: 'UPSTREAM_TOO_LARGE', executed: 'yes' }
const BROKEN: Failure = { code: 'UPSTREAM_BROKEN', executed: 'unknown' }

export interface WholeAnswer {
  readonly bytes: Uint8Array
  /** The session that it was given in. */
  readonly session: string | undefined
}

/** `rawId`: of the request in the body. An error of the upstream's is an answer too. */
export async function wholeAnswer(
  port: Pick<UpstreamPort, 'ask'>,
  request: UpstreamRequest,
  rawId: string,
): Promise<WholeAnswer | Failure> {
  const answer = await port.ask(request)
  if (answer.kind === 'failed') return answer.failure
  if (answer.kind === 'accepted') return BROKEN
  if (answer.kind === 'refused') return { bytes: answer.body, session: undefined }
  const { deadline, session } = answer
  try {
    const bytes = answer.kind === 'json' ? await wholeBody(answer) : await answerAmong(answer, rawId)
    return 'code' in bytes ? bytes : { bytes, session }
  } catch {
    return deadline.hasPassed ? { code: 'UPSTREAM_TIMEOUT', executed: 'unknown' } : BROKEN
  } finally {
    deadline.stop()
  }
}

type Body = Pick<Extract<UpstreamAnswer, { readonly kind: 'events' }>, 'body' | 'signal'>

async function wholeBody({ body, signal }: Body): Promise<Uint8Array | Failure> {
  return (await readWhole(body, MAX_UPSTREAM_EVENT_BYTES, signal)) ?? TOO_LARGE
}

async function answerAmong({ body, signal }: Body, rawId: string): Promise<Uint8Array | Failure> {
  const splitter = new EventSplitter(MAX_UPSTREAM_EVENT_BYTES)
  for await (const chunk of chunksOf(body, signal))
    for (const piece of splitter.push(chunk)) {
      if (piece.kind === 'part') return TOO_LARGE
      const { data } = readEvent(piece.bytes)
      const message = data === undefined ? undefined : encoder.encode(data)
      if (message !== undefined && isAnswerTo(message, rawId)) return message
    }
  return BROKEN
}

function isAnswerTo(message: Uint8Array, rawId: string): boolean {
  const root = rootOf(message)
  const id = findPath(message, root, 'id')
  return id !== undefined && textAt(message, id) === rawId && findPath(message, root, 'method') === undefined
}
