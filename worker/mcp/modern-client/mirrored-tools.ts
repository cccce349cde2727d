/** Which arguments of a server's tools are mirrored in headers, by name, as far as there is room for them. */
import { type MirroredParam, readMirroredParams } from '../../../protocol/mirrors/mirrored-params.ts'
import { isObject } from '../../../protocol/json/json-object.ts'
import { LISTED_ENTRY_BYTES, MAX_LISTED_ENTRIES, MAX_LISTED_NAME_BYTES } from '../../trust-limits.ts'

/** What a key of a path takes beside its text, in bytes. */
const KEY_BYTES = 16

export class MirroredTools {
  readonly #params = new Map<string, readonly MirroredParam[]>()
  #bytes = 0

  /** Undefined for a tool that mirrors none. */
  get(name: string): readonly MirroredParam[] | undefined {
    return this.#params.get(name)
  }

  /** Names of the tools that mirror any. */
  names(): string[] {
    return [...this.#params.keys()]
  }

  /** In memory, nearly. */
  get bytes(): number {
    return this.#bytes
  }

  /** Only tools with annotations that are valid count. Of too many those that come last are not checked. */
  note(tool: unknown): void {
    if (!isObject(tool) || typeof tool['name'] !== 'string') return
    const { name } = tool
    const read = readMirroredParams(tool['inputSchema'])
    if (!read.ok || read.value.length === 0) return
    const bytes = LISTED_ENTRY_BYTES + 2 * name.length + read.value.reduce((sum, param) => sum + bytesOf(param), 0)
    if (this.#params.size === MAX_LISTED_ENTRIES || this.#bytes + bytes > MAX_LISTED_NAME_BYTES) return
    this.#bytes += bytes
    this.#params.set(name, read.value)
  }
}

function bytesOf({ name, path }: MirroredParam): number {
  return path.reduce((bytes, key) => bytes + KEY_BYTES + 2 * key.length, LISTED_ENTRY_BYTES + 2 * name.length)
}
