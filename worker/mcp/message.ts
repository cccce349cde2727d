/** Reads what a client has posted: size, JSON, and where routing values stand in the bytes. */
import type { Failure } from '../../protocol/errors.ts'
import { type ClientScanError, type MessageFacts, scanBatch, scanClientMessage } from '../../protocol/json/json-scan.ts'
import { isJson } from '../../protocol/json/json-check.ts'
import { MAX_REQUEST_BYTES, MAX_ROUTED_MEMBERS } from '../../protocol/limits.ts'
import { err, ok, type Result } from '../../protocol/result.ts'
import { concat } from '../../protocol/splice.ts'
import { withoutNulls } from '../bridge/json/absent-members.ts'
import { glance } from '../bridge/json/glance.ts'
import { isCoreRequest } from '../bridge/names.ts'
import { MAX_DISCARDED_BYTES, WHOLE_PARSE_BYTES } from '../limits.ts'
import { isObject } from '../../protocol/json/json-object.ts'

/** One message with its bytes as they came, but for members that are null and need not be there. */
export interface ClientMessage {
  readonly bytes: Uint8Array
  readonly facts: MessageFacts
  /** The parsed params, to look at; never serialised again. Of a long message only what the relay reads (`glance`). */
  readonly params: Readonly<Record<string, unknown>>
}

export interface PostedBody {
  readonly messages: readonly ClientMessage[]
  readonly isBatch: boolean
}

/** A body is not longer than its content-length, which the platform hides where a body comes in chunks, so no more than this is ever read at once. */
const SHORT_BODY_BYTES = 64 * 1024

/**
 * The whole body, or undefined when it is larger than MAX_REQUEST_BYTES; no more than that is ever kept. What is too
 * much is still read, within bounds: a client that is cut off while it sends never sees the answer.
 */
export async function readBody(request: Request): Promise<Uint8Array | undefined> {
  if (request.body === null) return new Uint8Array(0)
  const declared = request.headers.get('content-length') ?? ''
  const declaredBytes = declared === '' ? Number.NaN : Number(declared)
  // In one go, which costs a fraction of reading it as a stream.
  if (declaredBytes <= SHORT_BODY_BYTES) return new Uint8Array(await request.arrayBuffer())
  let isTooLarge = declaredBytes > MAX_REQUEST_BYTES
  let parts: Uint8Array[] = []
  let size = 0
  for await (const part of request.body as ReadableStream<Uint8Array>) {
    size += part.length
    isTooLarge ||= size > MAX_REQUEST_BYTES
    if (isTooLarge) parts = []
    else parts.push(part)
    if (size > MAX_DISCARDED_BYTES) break
  }
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  return isTooLarge ? undefined : concat(parts)
}

/** Parses a body of one message or a batch (MCP 2025-03-26, basic). */
export function readPosted(body: Uint8Array): Result<PostedBody, Failure> {
  const isLong = body.length > WHOLE_PARSE_BYTES
  const value = isLong ? undefined : parse(body)
  if (isLong ? !isJson(body) : value === undefined) return err({ code: 'PARSE_ERROR' })
  const batch = scanBatch(body)
  if (!batch.ok) return err({ code: batch.error === 'batch_too_long' ? 'BATCH_REFUSED' : 'PARSE_ERROR' })
  if (batch.value === undefined) {
    const message = readMessage(body, value)
    return message.ok ? ok({ messages: [message.value], isBatch: false }) : message
  }
  if (batch.value.length === 0) return err({ code: 'BATCH_REFUSED' })
  const messages: ClientMessage[] = []
  for (const [from, to] of batch.value) {
    const bytes = body.slice(from, to)
    const message = readMessage(bytes, bytes.length > WHOLE_PARSE_BYTES ? undefined : parse(bytes))
    if (!message.ok) return message
    messages.push(message.value)
  }
  return ok({ messages, isBatch: true })
}

/** `parsed` is undefined for a message that is too long to be parsed whole. */
function readMessage(bytes: Uint8Array, parsed: unknown): Result<ClientMessage, Failure> {
  let facts = scanClientMessage(bytes)
  const seen = parsed === undefined && isReadable(facts) ? glance(bytes) : ok(parsed)
  if (!seen.ok) return seen
  const { value } = seen
  let body = bytes
  // Keys that stand twice are refused first: which of them is null would depend on who reads.
  if (isObject(value) && isReadable(facts)) {
    body = withoutNulls(bytes, value)
    if (body !== bytes) facts = scanClientMessage(body)
  }
  if (!facts.ok) return err(refusal(facts.error))
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return err({ code: 'INVALID_REQUEST' })
  // Some servers would run it all the same, and it would be charged to nothing, as what is no request is.
  if (facts.value.kind === 'notification' && isCoreRequest(facts.value.method))
    return err({ code: 'INVALID_REQUEST', detail: 'a request has an id' })
  const { params } = value
  return ok({ bytes: body, facts: facts.value, params: isObject(params) ? params : {} })
}

/** Whether it is a message, or would be one without its nulls. */
function isReadable(facts: Result<MessageFacts, ClientScanError>): boolean {
  return facts.ok || facts.error.reason === 'not_a_message'
}

function refusal({ reason, key }: ClientScanError): Failure {
  if (reason === 'too_many_members') return { code: 'INVALID_REQUEST', detail: `more than ${MAX_ROUTED_MEMBERS} members` }
  if (key === undefined) return { code: 'INVALID_REQUEST' }
  if (reason === 'relay_key') return { code: 'INVALID_REQUEST', at: key, detail: 'keys that begin so are of the relay itself' }
  const detail = reason === 'look_alike_key' ? 'another key, which some programs would read as the one meant' : 'stands twice'
  return { code: 'INVALID_REQUEST', at: key, detail }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The JSON value, or undefined for what is no JSON or no UTF-8. */
function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body))
  } catch {
    return undefined
  }
}
