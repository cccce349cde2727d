/** Tells whoever names a link of a share, or a person, as another is named already: commands that name it cannot tell the two apart. */
import type { LinkRecord } from '../contract/registry/registry-rpc.ts'

/** What links have whose owner has named none: nobody means one of them by it. */
const UNNAMED = 'unnamed'

type Named = Pick<LinkRecord, 'id' | 'name'>

/** A sentence about a new name; undefined where it is the only one. `others`: asked for those that may be meant by names, this one among them or not. */
export async function nameWarning({ id, name }: Named, others: () => Promise<readonly Named[]>): Promise<string | undefined> {
  if (name === UNNAMED || !(await others()).some((other) => other.id !== id && other.name === name)) return undefined
  return 'Another has the same name, so commands and lists cannot tell the two apart by it: use the ids, or rename one.'
}

/** The member of an answer that has all there is to warn of. */
export function warningOf(...sentences: readonly (string | undefined)[]): { readonly warning?: string } {
  const said = sentences.filter((sentence) => sentence !== undefined)
  return said.length === 0 ? {} : { warning: said.join(' ') }
}
