/**
 * What is used of the limits of a share, its links and the addresses that its clients come from. Bounded: as many addresses have a place of
 * their own as there are places, and no place is taken from an address while anything of it is used, so that nobody is forgotten because
 * others come. Further addresses share some places, by their hash.
 */
import { isAddressCharge } from '../../contract/trust/metering.ts'
import { MAX_ADDRESS_METERS, MAX_METERS, SHARED_ADDRESS_METERS } from '../../trust-limits.ts'
import { Newest } from '../../newest.ts'
import type { RateMember } from '../../../protocol/policy/rate-limits.ts'
import type { Bucket } from './bucket.ts'

/** What is used of the limits of one share, link or address. */
export type Used = { readonly [Member in RateMember]?: Bucket }

const SHARED = 'addresses '

export class UsedTable {
  readonly #links = new Newest<Used>(MAX_METERS)
  readonly #addresses = new Map<string, Used>()
  readonly #shared = new Map<string, Used>()

  /** What was used under a name. An address without a place of its own has used what was used in the one that it shares. */
  get(name: string): Used | undefined {
    if (name.startsWith(SHARED)) return this.#shared.get(name)
    return isAddressCharge(name) ? (this.#addresses.get(name) ?? this.#shared.get(sharedName(name))) : this.#links.get(name)
  }

  /** The name under which more is to be kept. `isOver`: nothing of that is used any more. */
  placeOf(name: string, isOver: (used: Used) => boolean): string {
    if (!isAddressCharge(name) || this.#addresses.has(name)) return name
    if (this.#addresses.size < MAX_ADDRESS_METERS) return name
    for (const [other, used] of this.#addresses) if (isOver(used)) this.#addresses.delete(other)
    return this.#addresses.size < MAX_ADDRESS_METERS ? name : sharedName(name)
  }

  set(name: string, used: Used): void {
    if (name.startsWith(SHARED)) this.#shared.set(name, used)
    else if (isAddressCharge(name)) this.#addresses.set(name, used)
    else this.#links.set(name, used)
  }

  /** All that is kept, by name. */
  *entries(): Generator<[string, Used]> {
    yield* this.#links.entries()
    yield* this.#addresses
    yield* this.#shared
  }
}

/** FNV-1a, which spreads what differs in few characters. */
function sharedName(name: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return `${SHARED}${(hash >>> 0) % SHARED_ADDRESS_METERS}`
}
