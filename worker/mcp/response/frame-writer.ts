/** Writes the frames of a call or stream as its client's messages: its own ids and tokens put back, its progress kept rising. */
import type { AgentFrame, Answer, Ask, Notification } from '../../../protocol/frame.ts'
import { errorResponse } from '../../../protocol/errors.ts'
import { failureOf } from '../../../protocol/failed-frame.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { TAIL_MESSAGES } from '../../../protocol/limits.ts'
import { type Replacement, replacement, splice } from '../../../protocol/splice.ts'
import { joinedCapabilityEdits } from '../../bridge/joined-capabilities.ts'
import { isOfSeveral } from '../../contract/return-address.ts'
import { Progress } from './progress.ts'
import { restartedMark } from './restarted.ts'
import type { EventIds } from './event-ids.ts'
import type { MessageWriter } from './message-writer.ts'

/** What a client calls the request that a frame belongs to. */
export interface ClientNames {
  readonly rawId: string
  readonly rawToken?: string
  readonly progress?: Progress
  /** The answer must tell that the server was started anew. */
  readonly restarted?: boolean
}

/** The names of a request, and its progress if it has a token. */
export function clientNames({ rawId, rawToken }: { readonly rawId: string; readonly rawToken?: string }): ClientNames {
  return rawToken === undefined ? { rawId } : { rawId, rawToken, progress: new Progress(rawToken) }
}

/** A message whose chunks are still coming. */
interface Transfer {
  readonly replacements: readonly Replacement[]
  /** The call that it answers, if it is an answer. */
  readonly key: string | undefined
  readonly id: string | undefined
  writtenBytes: number
}

/** What a stream knows that its client can come back to. */
export interface Resumable {
  /** Undefined while its messages cannot be found again. */
  readonly ids?: EventIds | undefined
  /** The last message that its client has seen on an earlier connection. */
  readonly seen?: { readonly ch: string; readonly n: number } | undefined
}

/** Numbers of messages that a stream remembers per channel: more than an agent ever sends again. */
const REMEMBERED_NUMBERS = 2 * TAIL_MESSAGES

const utf8 = new TextDecoder()

export class FrameWriter {
  readonly #messages: MessageWriter
  readonly #taken: (bodyBytes: number) => void
  /** By channel and number. */
  readonly #transfers = new Map<string, Transfer>()
  /** What was seen, by channel and number, oldest first: an agent that comes back sends again what it has no receipt for. */
  readonly #seen = new Set<string>()
  readonly #resumable: () => Resumable

  /** `taken` is told of body bytes that the client has taken, or that will not be written. */
  constructor(messages: MessageWriter, taken: (bodyBytes: number) => void, resumable: () => Resumable = () => ({})) {
    this.#resumable = resumable
    this.#messages = messages
    this.#taken = taken
  }

  /** Writes what a frame holds. Returns true when that completes the answer to the named call. */
  write(header: AgentFrame, body: Uint8Array, names: ClientNames | undefined, edits?: readonly Replacement[]): boolean {
    switch (header.type) {
      case 'answer':
      case 'notification':
      case 'ask':
        return this.#begin(header, body, names, edits)
      case 'chunk':
        return this.#goOn(`${header.ch} ${header.n}`, header.offset, body, header.last === true)
      case 'failed':
        this.#abort(header.key)
        this.#messages.writeText(
          errorResponse(names?.rawId ?? 'null', failureOf(header)),
          names === undefined ? undefined : this.#resumable().ids?.last(),
        )
        return true
      default:
        return false
    }
  }

  #begin(
    header: Answer | Notification | Ask,
    body: Uint8Array,
    names: ClientNames | undefined,
    edits: readonly Replacement[] = [],
  ): boolean {
    const name = `${header.ch} ${header.n}`
    const { ids, seen } = this.#resumable()
    if (seen?.ch === header.ch && header.n <= seen.n) this.#seen.add(name)
    if (this.#seen.has(name)) return this.#goOn(name, 0, body, body.length === header.size)
    this.#remember(name)
    const key = header.type === 'answer' ? header.key : undefined
    // The same answer under another number: the rest of the first one will not come.
    if (key !== undefined) this.#abort(key)
    const transfer = { replacements: [...replacementsFor(header, body, names), ...edits], key, id: ids?.of(header), writtenBytes: 0 }
    return this.#writePart(name, transfer, body, header.size)
  }

  /** Writes what is new in a part of a message that has begun: one that is sent again brings bytes that were written before. */
  #goOn(name: string, offset: number, body: Uint8Array, isLast: boolean): boolean {
    const transfer = this.#transfers.get(name)
    const repeated = transfer === undefined ? body.length : transfer.writtenBytes - offset
    if (transfer === undefined || repeated < 0 || (repeated >= body.length && !isLast)) {
      this.#taken(body.length)
      return false
    }
    if (repeated > 0) this.#taken(repeated)
    return this.#writePart(name, transfer, body.subarray(repeated), isLast ? 0 : Infinity)
  }

  /** Writes the next part of a message; `size` is where it ends. */
  #writePart(name: string, transfer: Transfer, part: Uint8Array, size: number): boolean {
    const offset = transfer.writtenBytes
    transfer.writtenBytes += part.length
    const isLast = transfer.writtenBytes >= size
    if (isLast) this.#transfers.delete(name)
    else this.#transfers.set(name, transfer)
    this.#messages.write(transfer, splice(part, transfer.replacements, offset), isLast, () => this.#taken(part.length), transfer.id)
    return isLast && transfer.key !== undefined
  }

  /** Ends an answer that is half written. */
  #abort(key: string): void {
    for (const [name, transfer] of this.#transfers) {
      if (transfer.key !== key) continue
      this.#transfers.delete(name)
      this.#messages.abort(transfer)
    }
  }

  #remember(name: string): void {
    this.#seen.add(name)
    const [oldest] = this.#seen
    if (this.#seen.size > REMEMBERED_NUMBERS && oldest !== undefined) this.#seen.delete(oldest)
  }
}

/** What must be put back into a message so that the client sees its own names. */
export function replacementsFor(header: Answer | Notification | Ask, body: Uint8Array, names: ClientNames | undefined): Replacement[] {
  if (names === undefined || header.type === 'ask') return []
  if (header.type === 'answer') {
    const mark = names.restarted === true && body.length === header.size ? restartedMark(body) : []
    const subscription = header.subscriptionId === undefined ? [] : [replacement(header.subscriptionId, names.rawId)]
    const capabilities = isOfSeveral(header.ra) && body.length === header.size ? joinedCapabilityEdits(body) : []
    return [...replaceUnlessSame(body, header.id, names.rawId), ...mark, ...subscription, ...capabilities]
  }
  const replacements =
    header.token === undefined || names.rawToken === undefined ? [] : replaceUnlessSame(body, header.token, names.rawToken)
  if (header.subscriptionId !== undefined) replacements.push(replacement(header.subscriptionId, names.rawId))
  if (header.progress === undefined || names.progress === undefined) return replacements
  const raised = names.progress.observe(read(body, header.progress))
  if (raised !== undefined) replacements.push(replacement(header.progress, raised))
  return replacements
}

function replaceUnlessSame(body: Uint8Array, span: Span, text: string): Replacement[] {
  // Beyond this frame's part nothing can be compared; replacing a text by itself does no harm.
  return span[1] <= body.length && read(body, span) === text ? [] : [replacement(span, text)]
}

function read(body: Uint8Array, span: Span): string {
  return utf8.decode(body.subarray(span[0], span[1]))
}
