/** Looks whether a server that was started again lists the same as before, by its digests: only then need its clients list anew. */
import { MAX_LIST_PAGES } from '../../limits.ts'
import { LIST_KINDS, readPage } from './merged-lists.ts'
import type { MergedPart } from './merged-part.ts'
import { ownId } from './repeated-requests.ts'

/** `differs` is told of each list that does, by its method. */
export function checkLists(part: MergedPart, differs: (method: string) => void): void {
  for (const method of part.memory.methods) checkPage(part, method, { index: 0, cursor: undefined }, differs)
}

interface PagePlace {
  readonly index: number
  readonly cursor: string | undefined
}

function checkPage(part: MergedPart, method: string, { index, cursor }: PagePlace, differs: (method: string) => void): void {
  const kind = LIST_KINDS[method]
  if (kind === undefined || index >= MAX_LIST_PAGES) return
  const rawId = ownId()
  const params = JSON.stringify(cursor === undefined ? {} : { cursor })
  const settle: Parameters<typeof part.send>[0]['call'] = {
    rawId,
    settle: (answer) => {
      // When it has ended again it is looked at again.
      if (answer.kind === 'failure') return
      const page = answer.kind === 'result' ? readPage(answer.bytes, kind) : undefined
      const isOther = page === undefined ? true : part.memory.differs(method, index, page.list, page.next)
      if (isOther === true) differs(method)
      if (isOther === undefined) checkPage(part, method, { index: index + 1, cursor: page?.next }, differs)
    },
  }
  part.send({
    bytes: Buffer.from(`{"jsonrpc":"2.0","id":${rawId},"method":"${method}","params":${params}}\n`),
    call: settle,
    done: () => {},
  })
}
