/** Asks a session's server for its tools or another list, in the name of its client, that wants one of what it lists. */
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { modernRequest } from '../../bridge/legacy-to-modern.ts'
import type { ListPage, Unlisted } from '../../bridge/tool-pages.ts'
import { randomKey } from '../../call-key.ts'
import type { ListMethod } from '../../contract/listings.ts'
import type { Caller, CallRequest } from '../../contract/share-rpc.ts'
import type { SpreadPart } from '../../contract/call-parts.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { callRequest } from '../call/call-request.ts'
import { askListPage } from '../call/list-page.ts'

const encoder = new TextEncoder()

/** One page of a list, as in askListPage. `envelope`: `_meta` members as JSON texts; `bridge`: as in CallRequest. */
export async function listSessionTools(
  share: ShareClient,
  caller: Caller,
  envelope: Readonly<Record<string, string>>,
  bridge: string,
  cursor: string | undefined,
  method: ListMethod = 'tools/list',
): Promise<ListPage | Unlisted | undefined> {
  const params = cursor === undefined ? {} : { cursor: JSON.stringify(cursor) }
  return listed(share, caller, modernRequest(newId(), method, envelope, params), { bridge })
}

/** The same of a server of the handshake era: of the client's own agent, or of that of a part. */
export function listOwnTools(
  share: ShareClient,
  caller: Caller,
  cursor: string | undefined,
  method: ListMethod = 'tools/list',
  part?: SpreadPart,
): Promise<ListPage | Unlisted | undefined> {
  const params = cursor === undefined ? '' : `,"params":${JSON.stringify({ cursor })}`
  return listed(
    share,
    caller,
    `{"jsonrpc":"2.0","id":${newId()},"method":"${method}"${params}}`,
    part === undefined ? {} : { spread: part },
  )
}

/** An id that no client has: a call must not be cancelled in another's place, nor two of ours be one. */
function newId(): string {
  return `"mcp-edge.tools.${randomKey()}"`
}

async function listed(
  share: ShareClient,
  caller: Caller,
  text: string,
  more: Pick<CallRequest, 'bridge' | 'spread'>,
): Promise<ListPage | Unlisted | undefined> {
  const bytes = encoder.encode(text)
  const facts = scanMessage(bytes)
  if (!facts.ok) return undefined
  return askListPage(share, { ...callRequest(caller, { bytes, facts: facts.value, params: {} }, 'single'), ...more }, bytes)
}
