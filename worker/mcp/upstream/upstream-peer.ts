/** Asks an upstream in the relay's own name what it offers, as a client that can be asked for anything: in a session of its own, or in revision 2026-07-28. */
import { encodeHeaderValue } from '../../../protocol/mirrors/header-value.ts'
import { findPath, rootOf, valueAt } from '../../bridge/json-view.ts'
import { MODERN_REVISION } from '../../bridge/names.ts'
import { objectText } from '../../bridge/object-text.ts'
import { randomKey } from '../../call-key.ts'
import { UPSTREAM_ANSWER_MS } from '../../upstream-limits.ts'
import { type ListedAnswer, type ListingPeer, ownEnvelope, ownHandshake } from '../pinning/listing-peer.ts'
import { SESSION_HEADER } from '../session-id.ts'
import { POSTED } from './listed-tools.ts'
import type { UpstreamFields } from './upstream-port.ts'
import { type Way } from './way.ts'
import { wholeAnswer } from './whole-answer.ts'

const encoder = new TextEncoder()

type Reached = Pick<Way, 'port' | 'ownFields'>

export function upstreamPeer(way: Reached, era: 'legacy' | 'modern'): ListingPeer {
  return era === 'legacy' ? new SessionPeer(way) : new EnvelopePeer(way)
}

class SessionPeer implements ListingPeer {
  readonly #way: Reached
  /** Of its session, once it has one. */
  #fields: UpstreamFields = {}

  constructor(way: Reached) {
    this.#way = way
  }

  async begin(): Promise<ListedAnswer> {
    const told = await asked(this.#way, { method: 'initialize', params: ownHandshake(), fields: {} })
    if (told === undefined || told === 'too_long') return told
    const revision = valueAt(told.bytes, findPath(told.bytes, rootOf(told.bytes), 'result', 'protocolVersion'))
    this.#fields = {
      ...(typeof revision === 'string' ? { 'mcp-protocol-version': revision } : {}),
      ...(told.session === undefined ? {} : { [SESSION_HEADER]: told.session }),
    }
    await this.#tell('POST', '{"jsonrpc":"2.0","method":"notifications/initialized"}')
    return told.bytes
  }

  async ask(method: string, params: Readonly<Record<string, string>>): Promise<ListedAnswer> {
    const told = await asked(this.#way, { method, params: objectText(params), fields: this.#fields })
    return told === undefined || told === 'too_long' ? told : told.bytes
  }

  async end(): Promise<void> {
    if (this.#fields[SESSION_HEADER] !== undefined) await this.#tell('DELETE')
  }

  async #tell(method: 'POST' | 'DELETE', text?: string): Promise<void> {
    const { port, ownFields } = this.#way
    await port.ask({
      method,
      fields: { ...ownFields, ...(text === undefined ? {} : POSTED), ...this.#fields },
      ...(text === undefined ? {} : { body: encoder.encode(text) }),
      signal: NEVER,
      maxMs: UPSTREAM_ANSWER_MS,
      isTold: true,
    })
  }
}

class EnvelopePeer implements ListingPeer {
  readonly #way: Reached

  constructor(way: Reached) {
    this.#way = way
  }

  begin(): Promise<ListedAnswer> {
    return this.ask('server/discover', {})
  }

  async ask(method: string, params: Readonly<Record<string, string>>): Promise<ListedAnswer> {
    const { uri } = params
    const fields = {
      'mcp-protocol-version': MODERN_REVISION,
      'mcp-method': method,
      ...(uri === undefined ? {} : { 'mcp-name': encodeHeaderValue(JSON.parse(uri) as string) }),
    }
    const told = await asked(this.#way, { method, params: objectText({ ...params, _meta: ownEnvelope() }), fields })
    return told === undefined || told === 'too_long' ? told : told.bytes
  }
}

/** Nobody waits for a listing who could leave. */
const NEVER = new AbortController().signal

async function asked(
  { port, ownFields }: Reached,
  { method, params, fields }: { readonly method: string; readonly params: string; readonly fields: UpstreamFields },
) {
  const rawId = `"mcp-edge.pins.${randomKey()}"`
  const body = encoder.encode(`{"jsonrpc":"2.0","id":${rawId},"method":"${method}","params":${params}}`)
  const request = {
    method: 'POST',
    fields: { ...ownFields, ...POSTED, ...fields },
    body,
    signal: NEVER,
    maxMs: UPSTREAM_ANSWER_MS,
  } as const
  const answer = await wholeAnswer(port, request, rawId)
  if (!('code' in answer)) return answer
  return answer.code === 'UPSTREAM_TOO_LARGE' ? 'too_long' : undefined
}
