/** The calls that an agent of another make works on: which id each has there, and how they outlive sleep. No I/O, no clock. */
import { encodeReturnAddress } from '../../../contract/return-address.ts'
import { FOREIGN_CALL_MS, MAX_ENDED_FOREIGN_CALLS, MAX_FOREIGN_CALLS, MAX_FOREIGN_NOTE_CHARS } from '../../../foreign-limits.ts'

/** A call that is under way. */
export interface ForeignCall {
  readonly key: string
  readonly ch: string
  /** Return address and tag, as in the frame that brought it. */
  readonly ra: string
  readonly tag: string
  /** When it was sent, in milliseconds since 1970. */
  readonly sinceMs: number
  /** Whose it is; not kept over sleep. */
  readonly principal?: string
}

/** What the relay's own ids begin with. The agents of ContextForge keep ids for themselves that begin with `health_check_`. */
const ID_PREFIX = 'mcpe-'

/** The JSON text of the id, and of the progress token, that a call has at its agent: no two calls of any clients have the same. */
export function foreignId(key: string): string {
  return `"${ID_PREFIX}${key}"`
}

/** The key of the call that has this id, which may be spelled in any way; undefined for an id that is not ours. */
export function keyOfForeignId(rawId: string): string | undefined {
  const id: unknown = JSON.parse(rawId)
  return typeof id === 'string' && id.startsWith(ID_PREFIX) ? id.slice(ID_PREFIX.length) : undefined
}

type Note = readonly [key: string, ch: string, ra: string, tag: string, sinceMs: number]

export class ForeignCalls {
  readonly #running = new Map<string, ForeignCall>()
  /** Keys of calls that have ended here, oldest first: the same call must not run again. */
  readonly #ended = new Set<string>()

  readonly #hasSlept: boolean

  /** `note`: of a socket that has slept. */
  constructor(note?: string) {
    this.#hasSlept = note !== undefined
    for (const [key, ch, ra, tag, sinceMs] of JSON.parse(note ?? '[]') as Note[]) this.#running.set(key, { key, ch, ra, tag, sinceMs })
  }

  get(key: string): ForeignCall | undefined {
    return this.#running.get(key)
  }

  tagged(tag: string): ForeignCall | undefined {
    return this.all().find((call) => call.tag === tag)
  }

  all(): ForeignCall[] {
    return [...this.#running.values()]
  }

  /** When the first of them is overdue, in milliseconds since 1970. */
  get nextDueMs(): number | undefined {
    const times = this.all().map(({ sinceMs }) => sinceMs + FOREIGN_CALL_MS)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  overdue(nowMs: number): ForeignCall[] {
    return this.all().filter(({ sinceMs }) => sinceMs + FOREIGN_CALL_MS <= nowMs)
  }

  hasEnded(key: string): boolean {
    return this.#ended.has(key)
  }

  /** Half of all that may run are one principal's at most, so that it never shuts out the others. */
  isFullFor(principal: string | undefined): boolean {
    if (this.#running.size >= MAX_FOREIGN_CALLS) return true
    return this.all().filter((call) => call.principal === principal).length >= MAX_FOREIGN_CALLS / 2
  }

  put(call: ForeignCall): void {
    this.#running.set(call.key, call)
  }

  /** One that this object may have forgotten in its sleep: it is known by the key alone that its client waits with. */
  forgotten(key: string, ch: string): ForeignCall | undefined {
    const isKey = this.#hasSlept && /^[0-9a-f]{32}$/.test(key) && !this.#ended.has(key)
    return isKey ? { key, ch, ra: encodeReturnAddress({ to: 'call', key }), tag: '', sinceMs: 0 } : undefined
  }

  /** It has been answered, or has failed; undefined for one that does not run. */
  end(key: string): ForeignCall | undefined {
    const call = this.#running.get(key)
    if (call === undefined) return undefined
    this.#running.delete(key)
    this.#ended.add(key)
    for (const oldest of this.#ended) {
      if (this.#ended.size <= MAX_ENDED_FOREIGN_CALLS) break
      this.#ended.delete(oldest)
    }
    return call
  }

  /** None of them is answered any more. */
  endAll(): void {
    for (const key of this.#running.keys()) this.end(key)
  }

  /** Those that run, as a text for the socket's attachment: the oldest, as many as find room there. */
  note(): string {
    const notes: string[] = []
    let chars = 0
    for (const { key, ch, ra, tag, sinceMs } of this.#running.values()) {
      const note = JSON.stringify([key, ch, ra, tag, sinceMs] satisfies Note)
      if (chars + note.length > MAX_FOREIGN_NOTE_CHARS) continue
      chars += note.length
      notes.push(note)
    }
    return `[${notes.join()}]`
  }
}
