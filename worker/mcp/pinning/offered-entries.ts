/** What a server offers, as much as one RPC carries and its owner can look through: of what is beyond it only the kinds are noted. Pure. */
import { MAX_PINS, type PinKind } from '../../../protocol/policy/pins.ts'
import type { ServerEntry } from '../../contract/pinned-server.ts'
import { MAX_OFFERED_NAME_BYTES, MAX_OFFERED_TEXT_BYTES } from '../../trust-limits.ts'

/** Bytes of a character as RPC carries it, at most. */
const CHAR_BYTES = 2

export class OfferedEntries {
  readonly #entries = new Map<string, ServerEntry>()
  readonly #cut = new Set<PinKind>()
  /** By kind, so that no list takes the room of another. */
  readonly #counts = new Map<PinKind, { readonly entries: number; readonly nameBytes: number }>()
  #textBytes = 0

  /** Each once: a server of two eras offers the same in both. */
  get all(): ServerEntry[] {
    return [...this.#entries.values()]
  }

  /** Kinds of which there is more. */
  get cut(): PinKind[] {
    return [...this.#cut]
  }

  isCut(kind: PinKind): boolean {
    return this.#cut.has(kind)
  }

  /** Notes that there is more of a kind than is given here. */
  cutOff(...kinds: readonly PinKind[]): void {
    for (const kind of kinds) this.#cut.add(kind)
  }

  /** Texts are what gives way first: an entry is judged and accepted by its digest. */
  add(entry: ServerEntry): void {
    const { kind, name, digest, text } = entry
    const id = `${kind} ${digest} ${name}`
    if (this.#entries.has(id)) return
    const { entries, nameBytes } = this.#counts.get(kind) ?? { entries: 0, nameBytes: 0 }
    const after = { entries: entries + 1, nameBytes: nameBytes + CHAR_BYTES * name.length }
    if (after.entries > MAX_PINS || after.nameBytes > MAX_OFFERED_NAME_BYTES) return this.cutOff(kind)
    this.#counts.set(kind, after)
    const textBytes = this.#textBytes + CHAR_BYTES * text.length
    if (textBytes <= MAX_OFFERED_TEXT_BYTES) this.#textBytes = textBytes
    this.#entries.set(id, textBytes <= MAX_OFFERED_TEXT_BYTES ? entry : { ...entry, text: '' })
  }
}
