/** Lists a server's tools, or another of its lists, in the name of the client that wants one of what is listed. */
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { toLegacyRequest } from '../../bridge/modern-to-legacy.ts'
import { objectIn } from '../../bridge/names.ts'
import type { ListPage, Unlisted } from '../../bridge/tool-pages.ts'
import type { ListMethod } from '../../contract/listings.ts'
import { askListPage } from '../call/list-page.ts'
import type { SpreadPart } from '../../contract/call-parts.ts'
import type { ModernCall } from './request.ts'
import { clientOf, groupCallRequest } from '../call/call-request.ts'

const encoder = new TextEncoder()

/** One page of a list, as in askListPage. `bridge`: version of a child of the handshake era. `part`: of another agent than the client's own. */
export async function listToolsFor(
  call: ModernCall,
  bridge: string | undefined,
  cursor: string | undefined,
  method: ListMethod = 'tools/list',
  part?: SpreadPart,
): Promise<ListPage | Unlisted | undefined> {
  const { visitor, message, request: caller } = call
  const { progressToken: _, ...meta } = objectIn(message.params, '_meta') ?? {}
  const modern = encoder.encode(
    JSON.stringify({ jsonrpc: '2.0', id: 0, method, params: { _meta: meta, ...(cursor === undefined ? {} : { cursor }) } }),
  )
  const bytes = bridge === undefined ? modern : toLegacyRequest(modern, method)
  const facts = scanMessage(bytes)
  if (!facts.ok) return undefined
  const request = groupCallRequest(clientOf(caller), { bytes, facts: facts.value, params: {} }, 'single')
  const more = { ...(bridge === undefined ? {} : { bridge }), ...(part === undefined ? {} : { spread: part }) }
  return askListPage(visitor.share, { ...request, ...more }, bytes)
}
