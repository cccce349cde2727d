/** What an isolate knows of the servers of revision 2026-07-28 that serve sessions: what their requests are translated by. */
import { type ClientFacts, readInitializeRequest } from '../../bridge/discover.ts'
import { isWrappedSchema } from '../../bridge/output-schema.ts'
import { MAX_CACHED_BRIDGES } from '../../limits.ts'
import type { BridgeFacts } from '../../contract/share-rpc.ts'
import { Newest } from '../../newest.ts'
import { type ListTools, readPages, toolsOf } from '../../bridge/tool-pages.ts'
import { isObject, type JsonObject } from '../../../protocol/json/json-object.ts'

export interface ModernServer {
  /** What a translated call names, so that the Share can tell whether it still holds. */
  readonly version: string
  readonly client: ClientFacts
  /** The log level that the session has set. */
  readonly level: string | undefined
  /** Names of the tools whose output schemas are wrapped; undefined until the list was seen. */
  wrappedTools: ReadonlySet<string> | undefined
}

const NOTHING = new Uint8Array(0)

/** By share and session. */
const servers = new Newest<ModernServer>(MAX_CACHED_BRIDGES)

export function knownModernServer(share: string, session: string): ModernServer | undefined {
  return servers.get(`${share} ${session}`)
}

export function learnModernServer(share: string, session: string, { version, client, level }: BridgeFacts): ModernServer {
  const server: ModernServer = { version, client: readInitializeRequest(client ?? NOTHING), level, wrappedTools: undefined }
  servers.set(`${share} ${session}`, server)
  return server
}

export function forgetModernServer(share: string, session: string): void {
  servers.delete(`${share} ${session}`)
}

/** Names of the tools of a tools/list page whose output schemas are wrapped. */
export function wrappedTools(page: JsonObject | undefined): string[] {
  return toolsOf(page).flatMap((tool) =>
    isObject(tool) && typeof tool['name'] === 'string' && isWrappedSchema(tool['outputSchema']) ? [tool['name']] : [],
  )
}

/** Reads all pages of a server's tools, once; again for the next that asks, where the server could not be asked for them. */
export async function learnWrappedTools(server: ModernServer, list: ListTools): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  const unlisted = await readPages(list, (page) => {
    for (const name of wrappedTools(page.result)) names.add(name)
  })
  if (unlisted === undefined) server.wrappedTools = names
  return names
}
