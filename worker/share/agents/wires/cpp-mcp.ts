/**
 * The dialect of cpp-mcp's reverse client, which polls: what it is given is the text of a poll's answer, and what it says is what it has
 * posted (`long-poll/serial-link.ts`). It knows revision 2024-11-05 alone.
 */
import { findMember } from '../../../../protocol/json/json-scan.ts'
import type { Failure } from '../../../../protocol/errors.ts'
import { MAX_FOREIGN_CALLS } from '../../../foreign-limits.ts'
import type { Dialect, Heard } from './dialect.ts'
import { HANDSHAKE } from './foreign-messages.ts'

const OPEN_OBJECT = 0x7b
/** Hex digits of the id that a request has for it. */
const ID_DIGITS = 16
/** A cancellation of the relay's own (`cancellationOf`). */
const CANCELLATION = /^\{"jsonrpc":"2\.0","method":"notifications\/cancelled","params":\{"requestId":"mcpe-([0-9a-f]{32})"\}\}$/
const ASKED_REVISION = /"protocolVersion":"[^"]*"/
const NO_ANSWER: Failure = { code: 'CHILD_DIED', executed: 'unknown', detail: 'the agent has posted no answer of its server' }

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class CppMcp implements Dialect {
  readonly takesNotifications = true
  readonly registered = undefined
  readonly ready = undefined
  readonly failed = undefined
  /** Keys by the ids that it was given, those of the oldest calls first. Forgotten in sleep: an answer is then known by its own id. */
  readonly #keys = new Map<string, string>()

  /** What cancels a call that no poll was given yet takes it back. */
  outgoing(message: string, key?: string): string {
    const id = this.#idOf(key)
    const request = key === HANDSHAKE ? message.replace(ASKED_REVISION, '"protocolVersion":"2024-11-05"') : message
    const given = `"request_id":"${id}","request":${request}}`
    const [, cancelled] = (key === undefined ? CANCELLATION.exec(message) : undefined) ?? []
    return cancelled === undefined ? `{${given}` : `{"cancels":"${cancelled.slice(0, ID_DIGITS)}",${given}`
  }

  incoming(text: string): Heard {
    const bytes = encoder.encode(text)
    const start = bytes.indexOf(OPEN_OBJECT)
    if (start === -1) return { kind: 'nothing' }
    const [id, response] = [findMember(bytes, start, 'request_id'), findMember(bytes, start, 'response')]
    if (id === undefined || response === undefined)
      return findMember(bytes, start, 'type') === undefined ? { kind: 'nothing' } : { kind: 'registers', name: '', isBegun: false }
    const body = bytes.subarray(...response)
    const isAnswer = findMember(body, 0, 'jsonrpc') !== undefined
    const key = this.#take(decoder.decode(bytes.subarray(...id)).slice(1, -1))
    // To a notification it posts an object that is empty.
    if (key === undefined) return isAnswer ? { kind: 'message', body } : { kind: 'nothing' }
    return { kind: 'answers', key, bodies: isAnswer ? [body] : [], failure: NO_ANSWER }
  }

  #idOf(key: string | undefined): string {
    const id =
      key === undefined || key === HANDSHAKE ? crypto.randomUUID().replaceAll('-', '').slice(0, ID_DIGITS) : key.slice(0, ID_DIGITS)
    if (key === undefined) return id
    this.#keys.set(id, key)
    const [oldest] = this.#keys.size > MAX_FOREIGN_CALLS ? this.#keys.keys() : []
    if (oldest !== undefined) this.#keys.delete(oldest)
    return id
  }

  #take(id: string): string | undefined {
    const key = this.#keys.get(id)
    this.#keys.delete(id)
    return key
  }
}
