/** Says what of an upstream's messages their client may see, by what it may do now, and how its request was answered. */
import { isJson } from '../../../protocol/json/json-check.ts'
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import { OPEN_OBJECT } from '../../../protocol/json/json-skip.ts'
import { splice } from '../../../protocol/splice.ts'
import { findPath, rootOf, scalarAt, textAt } from '../../bridge/json-view.ts'
import type { ServerEntry } from '../../contract/pinned-server.ts'
import { type Bounding, judgeFor } from '../policy/bounds.ts'
import { type BoundedAnswer, boundedAnswer, policyEdits } from '../policy/pinned-answer.ts'
import { isUiUri } from '../policy/pinned-entries.ts'

interface Asked {
  readonly share: Bounding
  /** Id of the request, as it was sent; undefined of a stream that listens. */
  readonly rawId: string | undefined
  /** Whether its answer must be looked into. */
  readonly isInspected: boolean
  readonly onHeld: (held: readonly ServerEntry[]) => void
  /** One of the server's lists may have changed. */
  readonly onChanged: () => void
}

const encoder = new TextEncoder()
const UNREADABLE: Failure = { code: 'LIST_UNREADABLE', executed: 'yes' }

export class MessageFilter {
  readonly #asked: Asked
  #answered: 'ok' | 'error' | undefined

  constructor(asked: Asked) {
    this.#asked = asked
  }

  /** How the request was answered; undefined while it is not. */
  get answered(): 'ok' | 'error' | undefined {
    return this.#answered
  }

  /** Nothing is bounded, so that what is too large to be looked at may pass. */
  get isOpen(): boolean {
    return judgeFor(this.#asked.share).isOpen
  }

  /** Part of a message has passed that nobody has looked at. */
  passed(): void {
    this.#answered ??= 'ok'
  }

  /** A message as its client may see it; undefined for one that it may not. */
  async seen(message: Uint8Array): Promise<Uint8Array | undefined> {
    const judge = judgeFor(this.#asked.share)
    const root = rootOf(message)
    const isReadable = message[root] === OPEN_OBJECT && isJson(message)
    // What nobody can read for certain may hold anything, as a batch may.
    if (!isReadable) return judge.isOpen ? message : undefined
    const method = findPath(message, root, 'method')
    const id = findPath(message, root, 'id')
    const isError = findPath(message, root, 'error') !== undefined
    const isAnswer = isError || findPath(message, root, 'result') !== undefined
    if (!isAnswer) return method === undefined || this.#mayHear(message, root, scalarAt(message, method)) ? message : undefined
    const rawId = id === undefined ? 'null' : textAt(message, id)
    const isOurs = rawId === this.#asked.rawId
    if (isOurs) this.#answered = isError ? 'error' : 'ok'
    if (judge.isOpen || (isOurs && !this.#asked.isInspected)) return message
    return this.#bounded(message, rawId, isOurs)
  }

  #mayHear(message: Uint8Array, root: number, method: unknown): boolean {
    if (typeof method !== 'string') return true
    if (method.endsWith('/list_changed')) this.#asked.onChanged()
    if (method !== 'notifications/resources/updated') return true
    const uri = scalarAt(message, findPath(message, root, 'params', 'uri'))
    return typeof uri !== 'string' || judgeFor(this.#asked.share).resource(uri)
  }

  async #bounded(message: Uint8Array, rawId: string, isOurs: boolean): Promise<Uint8Array> {
    const judge = judgeFor(this.#asked.share)
    const policed = judge.pins === undefined ? policyEdits(message, judge) : await boundedAnswer(message, judge)
    const bounded: BoundedAnswer | Failure = 'code' in policed || 'edits' in policed ? policed : { edits: policed, held: [] }
    if ('code' in bounded) return encoder.encode(errorResponse(rawId, bounded.code === 'LIST_UNREADABLE' ? UNREADABLE : bounded))
    const { edits, held, refusal } = bounded
    // Of an answer that comes again on another stream nobody knows what was asked: contents are an app's where they say so.
    const isApp = isOurs || held.some(({ kind, name }) => kind === 'ui' && isUiUri(name))
    if (refusal !== undefined && !isApp) return message
    if (held.length > 0) this.#asked.onHeld(held)
    return refusal === undefined ? splice(message, edits) : encoder.encode(errorResponse(rawId, refusal))
  }
}
