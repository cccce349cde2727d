/** Digests of the tools that a server lists, read from its answers as they come, for calls that are put to their owner. */
import { elementsAt, memberNamed, membersAt, orUndefined, textAt } from '../../../protocol/policy/json-members.ts'
import { textDigest } from '../../../protocol/policy/canonical-json.ts'
import type { Span } from '../../../protocol/json-scan.ts'
import { findPath, rootOf } from '../../bridge/json-view.ts'
import { toolDigest } from '../../bridge/tool-digest.ts'

/** By the tool's name. A tool that cannot be read for certain has none. */
export type DigestsByName = ReadonlyMap<string, string>

export class ToolDigests {
  readonly #answers: Uint8Array[] = []

  /** Takes an answer to tools/list, as its server wrote it. */
  readonly note = (answer: Uint8Array): void => void this.#answers.push(answer)

  /** The tools of all pages. One that is listed twice is another than either. */
  async byName(): Promise<DigestsByName> {
    const found = new Map<string, string[]>()
    for (const answer of this.#answers) {
      for (const { name, entry } of entriesOf(answer)) {
        const digest = await toolDigest(answer, entry)
        found.set(name, [...(found.get(name) ?? []), digest ?? UNREADABLE])
      }
    }
    const digests = new Map<string, string>()
    for (const [name, all] of found) {
      const [only = ''] = all
      if (!all.includes(UNREADABLE)) digests.set(name, all.length === 1 ? only : await textDigest(all.join()))
    }
    return digests
  }
}

const UNREADABLE = ''

function entriesOf(answer: Uint8Array): { readonly name: string; readonly entry: Span }[] {
  const tools = findPath(answer, rootOf(answer), 'result', 'tools')
  const entries = tools === undefined ? [] : (orUndefined(() => elementsAt(answer, tools[0])) ?? [])
  return entries.flatMap((entry) => {
    const span = orUndefined(() => memberNamed(membersAt(answer, entry[0]), 'name'))
    const name = span === undefined ? undefined : orUndefined(() => textAt(answer, span))
    return name === undefined ? [] : [{ name, entry }]
  })
}
