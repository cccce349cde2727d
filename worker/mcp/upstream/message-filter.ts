/** Says what of an upstream's messages their client may see, by what it may do now, and how its request was answered. */
import { isJson } from '../../../protocol/json/json-check.ts'
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { OPEN_OBJECT } from '../../../protocol/json/json-skip.ts'
import { memberNamed, membersAt, orUndefined } from '../../../protocol/policy/json-members.ts'
import { splice } from '../../../protocol/splice.ts'
import { findPath, isObjectAt, rootOf, scalarAt, textAt } from '../../bridge/json-view.ts'
import type { ServerEntry } from '../../contract/pinned-server.ts'
import { type Bounding, judgeFor } from '../policy/bounds.ts'
import { type BoundedAnswer, boundedAnswer, policyEdits } from '../policy/pinned-answer.ts'
import { isUiUri } from '../policy/pinned-entries.ts'
import { withoutTaskCapability } from './refused-tasks.ts'

interface Asked {
  readonly share: Bounding
  /** Id of the request, as it was sent; undefined of a stream that listens. */
  readonly rawId: string | undefined
  /** Whether its answer must be looked into. */
  readonly isInspected: boolean
  /** Its answer says what the upstream offers. */
  readonly isOpening: boolean
  readonly onHeld: (held: readonly ServerEntry[]) => void
  /** One of the server's lists may have changed. */
  readonly onChanged: () => void
}

const encoder = new TextEncoder()
const UNREADABLE: Failure = { code: 'LIST_UNREADABLE', executed: 'yes' }

/** What of a message says what it is. */
interface Head {
  readonly id?: Span | undefined
  readonly method?: Span | undefined
  readonly result?: Span | undefined
  readonly error?: Span | undefined
}

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

  /**
   * A message as its client may see it; undefined for one that it may not, and `unclear` for one that readers would read differently: which
   * of two they take, no one can judge.
   */
  async seen(message: Uint8Array): Promise<Uint8Array | 'unclear' | undefined> {
    const { isOpen } = judgeFor(this.#asked.share)
    const root = rootOf(message)
    const isReadable = message[root] === OPEN_OBJECT && isJson(message)
    // What nobody can read for certain may hold anything, as a batch may.
    if (!isReadable) return isOpen ? message : undefined
    const head = isOpen ? headAt(message, root) : orUndefined(() => certainHeadAt(message, root))
    if (head === undefined) return 'unclear'
    const { id, method, result, error } = head
    if (result === undefined && error === undefined) {
      // Of no kind that MCP has.
      if (method === undefined) return isOpen ? message : undefined
      return this.#mayHear(message, root, scalarAt(message, method)) ? message : undefined
    }
    const rawId = id === undefined ? 'null' : textAt(message, id)
    const isOurs = rawId === this.#asked.rawId
    if (isOurs) this.#answered = error === undefined ? 'ok' : 'error'
    const shown = isOurs && this.#asked.isOpening ? withoutTaskCapability(message) : message
    if (isOpen || (isOurs && !this.#asked.isInspected)) return shown
    return this.#bounded(shown, rawId, isOurs)
  }

  #mayHear(message: Uint8Array, root: number, method: unknown): boolean {
    if (typeof method !== 'string') return true
    if (method.endsWith('/list_changed')) this.#asked.onChanged()
    const judge = judgeFor(this.#asked.share)
    if (method !== 'notifications/resources/updated' || judge.isOpen) return true
    // Of a resource that cannot be told for certain nobody hears.
    const uri = orUndefined(() => {
      const params = memberNamed(membersAt(message, root), 'params')
      const named = isObjectAt(message, params) ? memberNamed(membersAt(message, params[0]), 'uri') : undefined
      return { text: scalarAt(message, named) }
    })
    return uri !== undefined && (typeof uri.text !== 'string' || judge.resource(uri.text))
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

function headAt(message: Uint8Array, root: number): Head {
  const at = (name: string): Span | undefined => findPath(message, root, name)
  return { id: at('id'), method: at('method'), result: at('result'), error: at('error') }
}

/** @throws {ScanFault} where one of them stands twice, or beside a key that some reader holds equal, or such a key instead of it. */
function certainHeadAt(message: Uint8Array, root: number): Head {
  const members = membersAt(message, root)
  const at = (name: string): Span | undefined => memberNamed(members, name)
  return { id: at('id'), method: at('method'), result: at('result'), error: at('error') }
}
