/**
 * A map by canonical id that also knows the id which a server means that changes its type: some keep ids as strings and answer
 * `1` with `"1"`, which the official clients take. Never a guess between two calls. No I/O.
 */
import { otherTypeId } from '../../../protocol/json/json-id.ts'

export class CallIds<V> {
  readonly #entries = new Map<string, V>()
  /** Whether there ever was a number, and a string that reads as one: with both, the type of an id may be all that tells two calls apart. */
  #hasNumbers = false
  #hasNumerals = false
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
    if (!id.startsWith('"')) this.#hasNumbers = true
    else if (!this.#hasNumerals) this.#hasNumerals = otherTypeId(id) !== undefined
    this.#entries.set(id, value)
  }

  delete(id: string): void {
    this.#entries.delete(id)
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
    // With ids of both types it may be a late answer to a call of that very id, which has ended.
    const isUnclear = (this.#hasNumbers && this.#hasNumerals) || (isNumber ? this.#keepsNumerals : this.#keepsNumbers)
    if (isUnclear && !this.#changesTypes) return id
    this.#changesTypes = true
    return other
  }
}
