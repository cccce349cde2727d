/** What a client asks of all servers at once: to begin, for a list, for a log level. None holds up the others for longer than MERGED_WAIT_MS. */
import { errorResponse } from '../../../protocol/errors.ts'
import { canonicalId } from '../../../protocol/json/json-scan.ts'
import { RELAY_CLIENT_NAME } from '../../../protocol/handshake.ts'
import { MERGED_LISTING_WAIT_MS, MERGED_WAIT_MS } from '../../limits.ts'
import { shownEntry } from './merged-answers.ts'
import { mergedHello, type ServerHello } from './merged-hello.ts'
import { decodeCursor, hasList, type ListKind, LIST_KINDS, mergedPage, readPage, type ShownPage, withCursor } from './merged-lists.ts'
import type { MergedPart } from './merged-part.ts'
import type { ClientRequest } from './merged-requests.ts'
import type { MergedSession } from './merged-session.ts'
import { textOf, valueAt } from './message-spans.ts'
import type { PartAnswer } from './part-calls.ts'

interface Greeting {
  readonly rawId: string
  readonly timer: NodeJS.Timeout
  isOver: boolean
}

/** A question that is asked of several. */
interface Asked {
  readonly parts: readonly MergedPart[]
  readonly requestFor: (part: MergedPart) => Uint8Array
  readonly rawId: string
  /** Called once all servers have taken it. */
  readonly taken: (taken: boolean) => void
  /** Told what has been answered, by name. */
  readonly done: (answers: ReadonlyMap<string, PartAnswer>) => void
  /** One answers when nobody waits any more. */
  readonly late: (part: MergedPart) => void
}

export class MergedQuestions {
  readonly #session: MergedSession
  #greeting: Greeting | undefined
  /** Questions that wait for answers, by canonical id, and what drops each. */
  readonly #open = new Map<string, () => void>()
  /** Lists of servers whose clients were told, by name, method and process, that they came late: once is enough. */
  readonly #told = new Set<string>()

  constructor(session: MergedSession) {
    this.#session = session
  }

  initialize(bytes: Uint8Array, rawId: string): void {
    const { opening, parts } = this.#session
    opening.initialize = { bytes, rawId }
    clearTimeout(this.#greeting?.timer)
    // What it does not find now would be held back from every client.
    const isListing = textOf(bytes, valueAt(bytes, ['params', 'clientInfo', 'name'])) === RELAY_CLIENT_NAME
    const timer = setTimeout(
      () => {
        greeting.isOver = true
        this.look()
      },
      isListing ? MERGED_LISTING_WAIT_MS : MERGED_WAIT_MS,
    ).unref()
    const greeting: Greeting = { rawId, timer, isOver: false }
    this.#greeting = greeting
    for (const part of parts.values()) part.start()
    this.look()
  }

  /** A server has answered initialize, or does not: answers it for all, once that is known of each, or time is up. */
  look(): void {
    const greeting = this.#greeting
    if (greeting === undefined) return
    const { parts, version, say, greeted } = this.#session
    const all = [...parts.values()]
    const hellos = new Map(all.flatMap((part): [string, ServerHello][] => (part.isThere && part.hello ? [[part.name, part.hello]] : [])))
    if (all.some(({ isUnderWay }) => isUnderWay) && (!greeting.isOver || hellos.size === 0)) return
    clearTimeout(greeting.timer)
    this.#greeting = undefined
    const { rawId } = greeting
    if (hellos.size === 0)
      return say(Buffer.from(errorResponse(rawId, { code: 'CHILD_START_FAILED', executed: 'no', at: [...parts.keys()].join(', ') })))
    for (const name of hellos.keys()) greeted.add(name)
    const result = mergedHello(hellos, [...parts.keys()], version)
    say(Buffer.from(`{"jsonrpc":"2.0","id":${rawId},"result":${JSON.stringify(result)}}`))
  }

  list(method: string, { bytes, rawId, done: taken }: ClientRequest): void {
    const kind = LIST_KINDS[method]
    if (kind === undefined) return taken(true)
    const { parts, say, missed } = this.#session
    const span = valueAt(bytes, ['params', 'cursor'])
    const start = span === undefined ? undefined : decodeCursor(textOf(bytes, span) ?? '')
    const all = [...parts.values()]
    const from = start === undefined ? 0 : all.findIndex(({ name }) => name === start.server)
    if (from === -1 || (span !== undefined && start === undefined)) {
      taken(true)
      // An answer comes after its request.
      setImmediate(() => say(Buffer.from(errorResponse(rawId, { code: 'PARAMS_INVALID', executed: 'no', at: 'params.cursor' }))))
      return
    }
    const having = all.slice(from).filter(({ hello }) => hello === undefined || hasList(hello.capabilities, kind))
    for (const part of having) if (!part.isListed) missed(part, method)
    const cursorOf = (part: MergedPart): string | undefined => (part.name === start?.server ? start.cursor : undefined)
    this.#ask({
      parts: having.filter(({ isListed }) => isListed),
      requestFor: (part) => withCursor(bytes, cursorOf(part)),
      rawId,
      taken,
      done: (answers) => this.#listed(method, kind, rawId, { having, answers, cursorOf }),
      late: (part) => {
        const mark = `${part.name} ${method}`
        if (!this.#told.has(mark)) this.#session.changed([kind.changed])
        this.#told.add(mark)
      },
    })
  }

  setLevel({ bytes, rawId, done: taken }: ClientRequest): void {
    const parts = [...this.#session.parts.values()].filter((part) => part.isThere && part.hello?.capabilities['logging'] !== undefined)
    const done = (answers: ReadonlyMap<string, PartAnswer>): void => {
      const all = [...answers.values()]
      const [refusal] = all.flatMap((answer) => (answer.kind === 'error' ? [answer.bytes] : []))
      const isTaken = refusal === undefined || all.some(({ kind }) => kind === 'result')
      this.#session.say(isTaken ? Buffer.from(`{"jsonrpc":"2.0","id":${rawId},"result":{}}`) : refusal)
    }
    this.#ask({ parts, requestFor: () => bytes, rawId, taken, done, late: () => {} })
  }

  /** Its client has taken a question back, and waits no more. */
  drop(rawId: string): void {
    this.#open.get(canonicalId(rawId))?.()
  }

  stop(): void {
    clearTimeout(this.#greeting?.timer)
    this.#greeting = undefined
    for (const drop of this.#open.values()) drop()
  }

  #ask({ parts, requestFor, rawId, taken, done, late }: Asked): void {
    const id = canonicalId(rawId)
    const answers = new Map<string, PartAnswer>()
    let isOpen = true
    const drop = (): void => {
      isOpen = false
      clearTimeout(timer)
      this.#open.delete(id)
    }
    const end = (): void => {
      if (!isOpen) return
      drop()
      done(answers)
    }
    const timer = setTimeout(end, MERGED_WAIT_MS)
    this.#open.set(id, drop)
    // An answer comes after its request.
    if (parts.length === 0) setImmediate(end)
    const took = afterAll(parts.length, taken)
    for (const part of parts) {
      const settle = (answer: PartAnswer): void => {
        if (!isOpen) return answer.kind === 'result' ? late(part) : undefined
        answers.set(part.name, answer)
        if (answers.size === parts.length) end()
      }
      part.send({ bytes: requestFor(part), call: { rawId, settle }, done: took })
    }
  }

  #listed(
    method: string,
    kind: ListKind,
    rawId: string,
    of: {
      readonly having: readonly MergedPart[]
      readonly answers: ReadonlyMap<string, PartAnswer>
      readonly cursorOf: (part: MergedPart) => string | undefined
    },
  ): void {
    const { say, missed } = this.#session
    const pages: ShownPage[] = []
    const errors: Uint8Array[] = []
    for (const part of of.having) {
      const answer = of.answers.get(part.name)
      const cursor = of.cursorOf(part)
      if (answer === undefined || answer.kind === 'failure') missed(part, method)
      // Only this server knows what is wrong with a cursor of its own.
      else if (answer.kind === 'error' && cursor !== undefined) return say(answer.bytes)
      else if (answer.kind === 'error') errors.push(answer.bytes)
      else pages.push(...this.#shown(part, method, kind, { bytes: answer.bytes, cursor }))
    }
    const [error] = errors.filter((bytes) => !isMethodUnknown(bytes))
    say(pages.length === 0 && error !== undefined ? error : mergedPage(rawId, kind, pages))
  }

  #shown(
    part: MergedPart,
    method: string,
    kind: ListKind,
    answer: { readonly bytes: Uint8Array; readonly cursor: string | undefined },
  ): ShownPage[] {
    const page = readPage(answer.bytes, kind)
    if (page === undefined) {
      part.server.log.warn('list.unreadable', { method, meaning: 'what it lists cannot be read, so it is left out' })
      return []
    }
    part.memory.note(method, answer.cursor, page.list, page.next)
    const origin = this.#session.origin(part)
    const entries = page.entries.flatMap((entry) => shownEntry(kind.member, entry, origin) ?? [])
    return [{ server: part.name, entries, next: page.next }]
  }
}

/** What is to be called so often before `done` is: at once for none. */
export function afterAll(count: number, done: (taken: boolean) => void): () => void {
  let left = count
  if (left === 0) done(true)
  return () => {
    if (--left === 0) done(true)
  }
}

function isMethodUnknown(error: Uint8Array): boolean {
  const code = valueAt(error, ['error', 'code'])
  return code !== undefined && Buffer.from(error.subarray(...code)).toString('latin1') === '-32601'
}
