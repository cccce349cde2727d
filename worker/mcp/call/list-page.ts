/** Asks a server for one page of a list in the name of a client that waits for it: the page, or why that client cannot be served for now. */
import type { ErrorCode } from '../../../protocol/errors.ts'
import { type ListPage, readPage, type Unlisted } from '../../bridge/tool-pages.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import { Courier } from './courier.ts'
import type { Renewal } from './renewal.ts'
import { joining } from './several/joined-list.ts'
import { readAnswer } from './whole-message.ts'

/** Ends a list of a child that is not the client's any more; nobody is told of it. */
const CHANGED: Renewal = { kind: 'item', item: { kind: 'failed', failure: { code: 'CHILD_DIED', executed: 'no' } } }

/** Nobody knows what has become of the list: unlike a call it may be asked for again, of whichever agent is there now. */
const LOST: ReadonlySet<ErrorCode> = new Set(['AGENT_LOST', 'ALREADY_EXECUTED', 'EVENTS_LOST'])

/**
 * One page of a list; undefined when the server answers with an error, with what cannot be read, or at too great length. Else
 * how the client's own request fails: of that nothing was sent, whatever became of the list.
 */
export async function askListPage(share: ShareClient, asked: CallRequest, body: Uint8Array): Promise<ListPage | Unlisted | undefined> {
  let isChanged = false
  const renew = (): Promise<Renewal> => {
    isChanged = true
    return Promise.resolve(CHANGED)
  }
  // What is told by it must be what the server says now, and no other agent's.
  const { canStandBy: _, ...own } = asked
  const request = { ...own, isRelays: true, isForOwnAgent: true } as const
  const answer = await readAnswer(new Courier(share, request, body, { renew, several: joining(share) }))
  if (answer === undefined || answer instanceof Uint8Array) return readPage(answer)
  if (isChanged || LOST.has(answer.code)) return 'changed'
  return answer.code === 'LINE_TOO_LONG' ? undefined : { ...answer, executed: 'no' }
}
