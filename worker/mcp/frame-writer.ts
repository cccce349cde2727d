/** Turns frames of the link into a client's messages: its own ids and tokens put back, its progress kept rising. */
import type { AgentFrame, Answer, Ask, Chunk, Failed, Notification } from '../../protocol/frame.ts'
import { errorResponse } from '../../protocol/errors.ts'
import type { Span } from '../../protocol/json-scan.ts'
import { type Replacement, replacement, splice } from '../../protocol/splice.ts'
import type { Progress } from './progress.ts'
import { restartedMark } from './restarted.ts'
import type { Sink } from './sink.ts'

/** What a client calls the request that a frame belongs to. */
export interface ClientNames {
  readonly rawId: string
  readonly rawToken?: string
  readonly progress?: Progress
  /** The answer must tell that the server was started anew. */
  readonly restarted?: boolean
}

interface Transfer {
  readonly owner: object
  readonly replacements: readonly Replacement[]
  readonly isAnswer: boolean
}

const utf8 = new TextDecoder()

export class FrameWriter {
  readonly #sink: Sink
  /** Messages whose chunks are still coming, by channel and number. */
  readonly #transfers = new Map<string, Transfer>()
  /** The last number seen of each channel: an agent that comes back sends again what it has no receipt for. */
  readonly #lastNumbers = new Map<string, number>()

  constructor(sink: Sink) {
    this.#sink = sink
  }

  /** Writes what a frame holds. Returns true when that completes the answer to the named call. */
  write(header: AgentFrame, body: Uint8Array, names: ClientNames | undefined): boolean {
    switch (header.type) {
      case 'answer':
      case 'notification':
      case 'ask':
        return this.#begin(header, body, names)
      case 'chunk':
        return this.#continue(header, body)
      case 'failed':
        this.#sink.writeText(errorResponse(names?.rawId ?? 'null', failureOf(header)))
        return true
      default:
        return false
    }
  }

  #begin(header: Answer | Notification | Ask, body: Uint8Array, names: ClientNames | undefined): boolean {
    const last = this.#lastNumbers.get(header.ch) ?? 0
    if (header.n <= last) return false
    this.#lastNumbers.set(header.ch, header.n)
    const replacements = replacementsFor(header, body, names)
    const isWhole = body.length === header.size
    const owner = {}
    const isAnswer = header.type === 'answer'
    if (!isWhole) this.#transfers.set(`${header.ch} ${header.n}`, { owner, replacements, isAnswer })
    this.#sink.write(owner, splice(body, replacements), body.length, isWhole)
    return isWhole && isAnswer
  }

  #continue(header: Chunk, body: Uint8Array): boolean {
    const name = `${header.ch} ${header.n}`
    const transfer = this.#transfers.get(name)
    if (transfer === undefined) return false
    if (header.last) this.#transfers.delete(name)
    this.#sink.write(transfer.owner, splice(body, transfer.replacements, header.offset), body.length, header.last === true)
    return transfer.isAnswer && header.last === true
  }
}

/** The facts of a failed call, without what only the link needs. */
export function failureOf({ code, executed, exitCode, signal, stderr, detail }: Failed): Parameters<typeof errorResponse>[1] {
  return {
    code,
    executed,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(detail === undefined ? {} : { detail }),
  }
}

/** What must be put back into a message so that the client sees its own names. */
export function replacementsFor(header: Answer | Notification | Ask, body: Uint8Array, names: ClientNames | undefined): Replacement[] {
  if (names === undefined || header.type === 'ask') return []
  if (header.type === 'answer') {
    const mark = names.restarted === true && body.length === header.size ? restartedMark(body) : []
    return [...replaceUnlessSame(body, header.id, names.rawId), ...mark]
  }
  const replacements =
    header.token === undefined || names.rawToken === undefined ? [] : replaceUnlessSame(body, header.token, names.rawToken)
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
