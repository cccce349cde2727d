/**
 * A map by canonical id that also knows the id which a server means that changes its type: some keep ids as strings and answer
 * `1` with `"1"`, which the official clients take. Never a guess between two calls. No I/O.
 */
import { otherTypeId } from '../../../protocol/json/json-id.ts'
import { ENDED_IDS } from '../../limits.ts'

export class CallIds<V> {
  readonly #entries = new Map<string, V>()
  /** Ids that have ended lately, the oldest first: what comes under one of these may be a late or second answer to that very call. */
  readonly #ended = new Set<string>()
  /** Whether the server has written such a number, or such a string, as it was: it changes none, then. */
  #keepsNumbers = false
  #keepsNumerals = false
  #changesTypes = false

  /** Whether the server has been seen to change types. */
  get changesTypes(): boolean {
    return this.#changesTypes
  }

  get(id: string): V | undefined {
    return this.#entries.get(id)
  }

  /** Whether it is there, or cannot be told from one that is. */
  has(id: string): boolean {
    if (this.#entries.has(id) || !this.#changesTypes) return this.#entries.has(id)
    const other = otherTypeId(id)
    return other !== undefined && this.#entries.has(other)
  }

  set(id: string, value: V): void {
    this.#entries.set(id, value)
  }

  delete(id: string): void {
    if (!this.#entries.delete(id)) return
    this.#ended.delete(id)
    this.#ended.add(id)
    if (this.#ended.size <= ENDED_IDS) return
    const [oldest = ''] = this.#ended
    this.#ended.delete(oldest)
  }

  /** The id that is here for one that the server has written: the same, or where there is none the same of the other type. */
  meant(id: string): string {
    const isNumber = !id.startsWith('"')
    if (this.#entries.has(id)) {
      if (isNumber) this.#keepsNumbers = true
      else this.#keepsNumerals = true
      return id
    }
    const other = otherTypeId(id)
    if (other === undefined || !this.#entries.has(other)) return id
    const isUnclear = this.#ended.has(id) || (isNumber ? this.#keepsNumerals : this.#keepsNumbers)
    if (isUnclear && !this.#changesTypes) return id
    this.#changesTypes = true
    return other
  }
}
