/** Tells whoever names a share, a link of one, a person or an owner as another is named already: commands that name it cannot tell the two apart. */
import type { LinkRecord } from '../contract/registry/registry-rpc.ts'

/** What those have whom nobody has named: nobody means one of them by it. */
const UNNAMED = 'unnamed'

type Named = Pick<LinkRecord, 'id' | 'name'>

/** A sentence about a new name; undefined where it is the only one. `isTaken`: asked for names that somebody may mean. */
export async function nameWarning(name: string, isTaken: () => Promise<boolean>): Promise<string | undefined> {
  if (name === UNNAMED || !(await isTaken())) return undefined
  return 'Another has the same name, so commands and lists cannot tell the two apart by it: use the ids, or rename one.'
}

/** Whether another of them has the name. */
export function hasNamesake({ id, name }: Named, all: readonly Named[]): boolean {
  return all.some((other) => other.id !== id && other.name === name)
}

/** The member of an answer that has all there is to warn of. */
export function warningOf(...sentences: readonly (string | undefined)[]): { readonly warning?: string } {
  const said = sentences.filter((sentence) => sentence !== undefined)
  return said.length === 0 ? {} : { warning: said.join(' ') }
}
